// Samples as tiles: a picture, a text with its marking words, or a heat strip of values.

import { add, h, percent } from "./dom.js";

/** A tile. `marks` are columns of the class, `words` its marking words. */
export function tile(session, sample, { marks = [], words = [], choose = null, mark = null } = {}) {
  const held = session.classes.get(sample.class_id);
  const rival = sample.runner_up ? session.name(sample.runner_up) : null;
  const body = [
    sample.picture ? picture(session, sample) : null,
    sample.text !== null ? h("p.text", { dir: "auto" }, marked(sample.text, words)) : null,
    !sample.picture && sample.text === null ? strip(sample.values, marks) : null,
    h("span.meta", {},
      h("span.id", { title: sample.id }, sample.id),
      h("span.sure", { title: `${held ? held.name : "no class"}: ${percent(sample.confidence)}${rival ? `; ${rival}: ${percent(sample.rival)}` : ""}` },
        sample.settled ? "✓ " : "", percent(sample.confidence))),
  ];
  if (!choose) return h("div.tile", { "data-row": sample.row }, body);
  const node = h("button.tile", {
    type: "button", "data-row": sample.row, "aria-pressed": String(!!mark), draggable: "true",
    onclick: (event) => choose(sample, event),
  }, body);
  node.addEventListener("dragstart", (event) => {
    if (!session.selected.has(sample.row)) choose(sample, event);
    event.dataTransfer.setData("text/plain", "selection");
  });
  return node;
}

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    target.load();
  }
}, { rootMargin: "200px" });

function picture(session, sample) {
  const image = h("img", { alt: `sample ${sample.id}`, width: 96, height: 96, decoding: "async" });
  image.load = () => session.picture(sample.row).then((url) => { image.src = url; },
    () => { image.alt = "this image cannot be shown"; });
  seen.observe(image);
  return image;
}

/** Text nodes, with the words that mark the class in <mark>. */
function marked(text, words) {
  if (!words.length) return text;
  const known = new Set(words);
  return text.split(/([\p{L}]+)/u).map((part) => (known.has(part.toLowerCase()) ? h("mark", {}, part) : part));
}

/** A heat strip: each column that sets the class apart, in standard deviations from the mean. One
 * element with a background of stripes: one for each cell would be most of what a page lays out. */
export function strip(values, marks) {
  const stripes = marks.map((mark, i) => {
    const z = Math.max(-2.5, Math.min(2.5, (values[i] - mark.mean) / (mark.spread || 1)));
    const ink = `rgb(${z > 0 ? "214 96 47" : "42 105 172"} / ${(Math.abs(z) / 2.5).toFixed(2)})`;
    return `${ink} ${(100 * i) / marks.length}% ${(100 * (i + 1)) / marks.length}%`;
  });
  const told = (event) => {
    const at = Math.floor((marks.length * event.offsetX) / event.currentTarget.clientWidth);
    const mark = marks[Math.max(0, Math.min(marks.length - 1, at))];
    if (mark) event.currentTarget.title = `${mark.name ?? `column ${mark.column}`}: ${values[marks.indexOf(mark)]}`;
  };
  const label = marks.length ? `values of ${marks.length} columns` : "no columns set this class apart";
  return h("span.strip", { role: "img", "aria-label": label, onpointermove: told,
    style: { "background-image": `linear-gradient(to right, ${stripes.join(", ") || "transparent 0 100%"})` } });
}

/** A row of small tiles. */
export function row(session, samples, options) {
  const node = h("div.tiles.small");
  add(node, samples.map((sample) => tile(session, sample, options)));
  return node;
}
