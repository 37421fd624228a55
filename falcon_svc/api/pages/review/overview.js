// Everything at a glance: figures, coarse classes with their fine ones, the graph, the map.

import { move, splitOff, takeOut } from "./actions.js";
import { unmask } from "./api.js";
import { hue, shade } from "./colour.js";
import { count, fill, h, many, percent, say } from "./dom.js";
import { PointMap } from "./map.js";

export class Overview {
  constructor(session, coarse = null) { Object.assign(this, { session, coarse }); }

  async show(root) {
    const { session } = this;
    this.map = new PointMap({ choose: (polygon, all) => this.#lasso(polygon, all), point: (number) => this.focus(number) });
    this.legend = h("div.legend");
    this.list = h("div.coarselist");
    const where = h("select", { "aria-label": "Which map", onchange: () => { this.coarse = where.value || null; this.#load(); this.#draw(); } },
      h("option", { value: "" }, "Map of all coarse classes"),
      session.state.coarse.map((one) => h("option", { value: one.name }, `Inside ${one.name}`)));
    where.value = this.coarse ?? "";
    this.figures = h("dl.figures");
    fill(root, h("h1.unseen", {}, "Overview"), this.figures, h("div.overview", {},
      h("section", { "aria-label": "Classes" }, this.list),
      h("section.mapside", { "aria-label": "Map" }, h("div.row", {}, where), this.map.node, this.legend)));
    this.#draw();
    this.#legend();
    await this.#load();
  }

  async #load() {
    const { session } = this;
    this.map.colour(session.state.classes);
    this.map.load(await session.review.map(this.coarse));
  }

  heard(what) {
    if (what === "selection") this.#legend();
    if (what === "state") { this.#draw(); this.#legend(); this.#load(); }
  }

  #draw() {
    const { state, review } = this.session;
    const alive = state.classes.filter((one) => one.status !== "rejected");
    const done = alive.filter((one) => one.status === "accepted").length;
    const figure = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    fill(this.figures, figure("samples", count(state.n_samples)), figure("coarse classes", count(state.coarse.length)), figure("classes", count(alive.length)),
      figure("accepted", `${count(done)} of ${count(alive.length)}`), figure("in no class", count(state.n_unplaced)), figure("revisions", count(state.n_revisions)));
    const shown = state.coarse.filter((one) => !this.coarse || one.name === this.coarse);
    fill(this.list, shown.map((one) => this.#coarse(one, alive.filter((held) => held.parents.includes(one.number)), review, shown.length === 1)));
  }

  #coarse(one, classes, review, open) {
    const total = Math.max(1, classes.reduce((sum, held) => sum + held.size, 0));
    const bar = h("div.segments", { "aria-hidden": "true" }, classes.map((held) => h("span", {
      style: { "flex-grow": String(held.size), background: shade(held), opacity: String(0.45 + 0.55 * held.confidence) }, title: `${held.name}: ${count(held.size)}` })));
    const rows = () => [graph(one, classes, total, review), h("ul.finelist", {}, classes.map((held) => h("li", {}, h("a", { href: `#/${review.job}/class/${held.id}` },
      h("span.dot", { style: { background: shade(held) } }), h("span.name", { dir: "auto" }, held.name), h("span", { class: `badge ${held.status}` }, held.status === "open" ? held.verdict : held.status),
      h("small", {}, count(held.size)), h("small", { title: "mean confidence" }, percent(held.confidence)))))) ];
    const inner = h("div.inner");
    const node = h("details", { open }, h("summary", {}, h("span.dot.big", { style: { background: `hsl(${hue(one.number)} 60% 48%)` } }),
      h("span.name", { dir: "auto" }, one.name), h("small", {}, `${many(classes.length, "class", "classes")}, ${many(one.size, "sample")}`), bar), inner);
    node.addEventListener("toggle", () => { if (node.open && !inner.childNodes.length) fill(inner, rows()); });
    if (open) fill(inner, rows());
    return node;
  }

  /** Colour one class on the map; again colours all. */
  focus(number) {
    this.open = this.open === number ? undefined : number;
    this.map.focus(this.open ?? -1);
    this.#legend();
  }

  async #lasso(polygon, all) {
    const { session } = this;
    const held = this.open === undefined ? null : session.byNumber.get(this.open);
    try {
      const found = await session.review.post("/lasso", { polygon, coarse: this.coarse, class_id: all || !held ? null : held.id });
      session.select(unmask(found.rows));
      if (!found.count) say(held && !all ? `None of ${held.name} lies inside; hold Alt to take all classes.` : "No sample lies inside.");
    } catch (error) { say(error.message, "bad"); }
  }

  #legend() {
    const { session } = this;
    const held = session.byNumber.get(this.open);
    const n = session.selected.size;
    const near = held ?? this.#home();
    fill(this.legend,
      held ? h("p", {}, h("span.dot", { style: { background: shade(held) } }), h("a", { href: `#/${session.review.job}/class/${held.id}`, dir: "auto" }, held.name),
        ` in colour, the others grey. The lasso takes this class only; hold Alt to take all.`, h("button.plain", { type: "button", onclick: () => this.focus(held.number) }, "Colour all"))
        : h("p.quiet", {}, "Click a point to open its class. Drag to draw a lasso; wheel to zoom; hold Space and drag to move."),
      n ? h("div.row", {}, h("strong", {}, many(n, "sample"), " selected"),
        near ? [h("button.strong", { type: "button", onclick: () => move(session, near) }, "Move to"), h("button.plain", { type: "button", onclick: () => splitOff(session, near) }, "Split off"),
          h("button.plain", { type: "button", onclick: () => takeOut(session, near) }, "Take out")] : h("span.quiet", {}, "of several coarse classes: open one class, or choose one map, to move them."),
        h("button.plain", { type: "button", onclick: () => session.select([]) }, "Select none")) : null);
  }

  /** The class of the selection, where all of it lies in classes of one coarse class. */
  #home() {
    const { session } = this;
    let found = null;
    for (const row of session.selected) {
      const held = session.byNumber.get(this.map.number[row]);
      if (!held || (found && held.parents[0] !== found.parents[0])) return null;
      found ??= held;
    }
    return found;
  }

  keys() { return { v: () => { const near = this.session.byNumber.get(this.open) ?? this.#home(); if (near) move(this.session, near); }, Escape: () => this.session.select([]) }; }
}

/** Coarse to fine, drawn: width by size, opacity by confidence; a broken line leads to another parent. */
function graph(one, classes, total, review) {
  if (!classes.length || classes.length > 60) return null;
  const step = 22;
  const height = Math.max(60, classes.length * step + 8);
  const middle = height / 2;
  const drawn = classes.map((held, i) => {
    const y = 15 + i * step;
    const several = held.parents.length > 1;
    return [h("path", { d: `M22 ${middle}C110 ${middle} 110 ${y} 184 ${y}`, fill: "none", stroke: shade(held), "stroke-width": Math.max(1.2, 16 * held.size / total), "stroke-opacity": 0.25 + 0.6 * held.confidence, "stroke-dasharray": several ? "5 3" : null }),
      h("circle", { cx: 190, cy: y, r: 5, fill: shade(held) }), h("text", { x: 202, y: y + 4 }, shorten(held.name, 40), several ? ` (also under ${held.parents.length - 1} more)` : "")];
  });
  return h("svg.graph", { viewBox: `0 0 480 ${height}`, role: "img", "aria-label": `${one.name} and its ${classes.length} classes` },
    drawn, h("circle", { cx: 14, cy: middle, r: 10, fill: `hsl(${hue(one.number)} 60% 48%)` }));
}

const shorten = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("")}…` : text);
