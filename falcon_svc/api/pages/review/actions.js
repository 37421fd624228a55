// What a reviewer can do with classes and selections; each asks what it needs, with counts.

import { ask, count, fill, h, many, say } from "./dom.js";
import { shade } from "./colour.js";
import { row } from "./samples.js";

const quoted = (text) => `“${text}”`;

/** Ask for one class of a list, by typing a part of its name. */
export async function pick(session, title, classes, verb, note = null) {
  if (!classes.length) { say("There is no other class under this coarse class.", "bad"); return null; }
  let chosen = classes[0];
  const list = h("div.pick", { role: "listbox", "aria-label": "classes" });
  const show = (text) => {
    const part = text.toLowerCase();
    const fit = classes.filter((one) => one.name.toLowerCase().includes(part)).slice(0, 60);
    chosen = fit[0] ?? null;
    const options = fit.map((one) => {
      const node = h("button.option", { type: "button", role: "option", "aria-selected": String(one === chosen),
        onclick: () => { chosen = one; for (const other of options) other.setAttribute("aria-selected", String(other === node)); },
        ondblclick: () => node.closest("dialog").querySelector("button.strong").click() },
      h("span.dot", { style: { background: shade(one) } }), h("span", { dir: "auto" }, one.name), h("small", {}, count(one.size)));
      return node;
    });
    fill(list, options.length ? options : h("p.quiet", {}, "No class has that in its name."));
  };
  const field = h("input", { type: "search", "aria-label": "Find a class by a part of its name", placeholder: "a part of its name",
    oninput: () => show(field.value),
    onkeydown: (event) => {  // the arrows move the choice while the field keeps the focus
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const options = [...list.querySelectorAll(".option")];
      const next = step && options[options.findIndex((one) => one.getAttribute("aria-selected") === "true") + step];
      if (!next) return;
      event.preventDefault();
      next.click();
      next.scrollIntoView({ block: "nearest" });
    } });
  show("");
  return ask(title, [note, field, list], [[verb, () => chosen, "strong"]]);
}

export async function rename(session, held) {
  const field = h("input", { type: "text", value: held.name, maxlength: 120, "aria-label": "Name", dir: "auto" });
  setTimeout(() => field.select(), 0);
  const name = await ask(`Rename ${quoted(held.name)}`, field, [["Rename", () => field.value, "strong"]]);
  if (name !== null && name !== held.name) {
    await session.correct([{ kind: "rename", class_id: held.id, name }], { done: `Renamed to ${quoted(name.trim())}.` });
  }
}

export async function merge(session, held) {
  const rival = session.classes.get(held.rival);
  const others = session.siblings(held).sort((a, b) => (b === rival) - (a === rival));
  const other = await pick(session, `Merge ${quoted(held.name)} with …`, others, "Merge",
    h("p.quiet", {}, rival ? `Its nearest class, ${quoted(rival.name)}, comes first.` : "Their samples become one class."));
  if (!other) return;
  await session.correct([{ kind: "merge", class_ids: [held.id, other.id] }], {
    done: `Merged ${quoted(other.name)} (${many(other.size, "sample")}) into ${quoted(held.name)}.` });
}

export async function split(session, held) {
  const field = h("input", { type: "number", min: 2, max: 64, value: 2, "aria-label": "Number of classes" });
  const how = await ask(`Split ${quoted(held.name)}`, [
    h("p", {}, `Its ${many(held.size, "sample")} become this many classes:`), field],
  [["As many as are clear", "auto", "plain"], ["Show me", () => Number(field.value), "strong"]]);
  if (how === null) return;
  let found;
  try {
    found = await session.review.post(`/classes/${held.id}:propose-split`, { k: how === "auto" ? null : how });
    found.evidence = await session.review.get(`/classes/${held.id}/evidence`);
  } catch (error) { say(error.message, "bad"); return; }
  const parts = found.shown.map((samples, i) => h("section", {},
    h("h3", {}, `Part ${i + 2}: ${many(found.sizes[i + 1], "sample")} leave`), row(session, samples, found.evidence)));
  const sure = await ask(`${quoted(held.name)} in ${found.sizes.length} classes`, [
    h("p", {}, `${many(found.sizes[0], "sample")} stay.`), h("div.scroll", {}, parts)],
  [[`Split into ${found.sizes.length}`, true, "strong"]]);
  if (sure) await session.correct([found.correction], { done: `Split into ${found.sizes.length} classes.` });
}

export async function reject(session, held) {
  const sure = await ask(`Reject ${quoted(held.name)}?`, h("p", {},
    `It is no class. The next re-solve shares its ${many(held.size, "sample")} among its siblings.`),
  [["Reject", true, "strong"]]);
  if (sure) await session.correct([{ kind: "reject", class_id: held.id }], { done: `Rejected ${quoted(held.name)}.` });
}

export async function parent(session, held) {
  const list = h("select", { "aria-label": "Coarse class" },
    session.state.coarse.map((one) => h("option", { value: one.name }, one.name)));
  list.value = session.state.coarse[held.parents[0]].name;
  const kind = await ask(`Parent of ${quoted(held.name)}`, [
    h("p", {}, `Now: ${session.parent(held)}. What you say here holds from the next re-solve on.`), list],
  [["Never under it", "forbid", "plain"], ["Always under it", "pin", "strong"]]);
  if (!kind) return;
  const word = kind === "pin" ? "Pinned" : "Forbidden";
  await session.correct([{ kind, class_id: held.id, coarse: list.value }], {
    done: `${word}: ${quoted(held.name)} under ${quoted(list.value)}. Solve again to see what follows.` });
}

export async function tie(session, held) {
  const others = session.state.classes.filter((one) => one.id !== held.id && one.status !== "rejected");
  const other = await pick(session, `Tie ${quoted(held.name)} to …`, others, "Go on",
    h("p.quiet", {}, "Both under the same coarse class, or never."));
  if (!other) return;
  const kind = await ask(`${quoted(held.name)} and ${quoted(other.name)}`, h("p", {}, "They hang under"),
    [["different coarse classes", "cannot_link", "plain"], ["the same coarse class", "must_link", "strong"]]);
  if (kind) await session.correct([{ kind, class_id: held.id, other: other.id }], { done: "Noted. Solve again to see what follows." });
}

/** Accept by sampling: look at n of N at random; then sign the class off. */
export async function accept(session, held) {
  const purity = h("input", { type: "number", min: 50, max: 99, value: 90, "aria-label": "Purity in percent" });
  const sure = h("input", { type: "number", min: 50, max: 99, value: 95, "aria-label": "Confidence in percent" });
  const wrong = h("input", { type: "number", min: 0, max: 100, value: 0, "aria-label": "Wrong samples at most" });
  const how = await ask(`Accept ${quoted(held.name)}`, [
    h("p", {}, "Look at some of its samples, drawn at random, and accept it with a promise; or accept it without."),
    h("div.fields", {}, h("label", {}, "Pure at least (%)", purity), h("label", {}, "Confidence (%)", sure), h("label", {}, "Wrong at most", wrong))],
  [["Accept without looking", "now", "plain"], ["Look at a sample", "look", "strong"]]);
  if (how === "now") await session.correct([{ kind: "accept", class_id: held.id }], { done: `Accepted ${quoted(held.name)}.` });
  if (how !== "look") return;
  let found;
  try {
    found = await session.review.get(`/classes/${held.id}/acceptance`, {
      purity: purity.value / 100, confidence: sure.value / 100, most_wrong: wrong.value });
  } catch (error) { say(error.message, "bad"); return; }
  location.hash = `#/${session.review.job}/accept/${held.id}`;
  session.acceptance = found;
  session.tell("state");
}

/** What can be done with the selected samples. */
export async function move(session, from, target = null) {
  const n = session.selected.size;
  if (!n) { say("Nothing is selected: choose samples first.", "bad"); return; }
  const to = target ?? await pick(session, `Move ${many(n, "sample")} to …`, session.siblings(from), `Move ${count(n)}`,
    h("p.quiet", {}, "Only classes under the same coarse class: a sample never leaves its coarse label."));
  if (!to) return;
  if (target && n > 1) {
    const sure = await ask(`Move ${many(n, "sample")} to ${quoted(to.name)}?`, [], [[`Move ${count(n)}`, true, "strong"]]);
    if (!sure) return;
  }
  await selectionCorrection(session, { kind: "move", samples: session.chosen(), class_id: to.id },
    `Moved ${many(n, "sample")} to ${quoted(to.name)}.`);
}

export async function confirm(session, held) {
  await selectionCorrection(session, { kind: "label", samples: session.chosen(), class_id: held.id },
    `Confirmed ${many(session.selected.size, "sample")} in ${quoted(held.name)}.`);
}

export async function takeOut(session, held) {
  const n = session.selected.size;
  const sure = await ask(`Take ${many(n, "sample")} out of ${quoted(held.name)}?`,
    h("p", {}, "The next re-solve finds another class for them, under the same coarse label."), [[`Take out ${count(n)}`, true, "strong"]]);
  if (sure) {
    await selectionCorrection(session, { kind: "exclude", samples: session.chosen(), class_id: held.id }, `Took ${many(n, "sample")} out.`);
  }
}

export async function splitOff(session, held) {
  const n = session.selected.size;
  const sure = await ask(`Make ${many(n, "sample")} a class of their own?`, h("p", {}, `They leave ${quoted(held.name)}.`),
    [[`Split off ${count(n)}`, true, "strong"]]);
  if (sure) {
    await selectionCorrection(session, { kind: "split", class_id: held.id, parts: [session.chosen()], how: "selection" },
      `Split off a class of ${many(n, "sample")}.`);
  }
}

export async function wrongCoarse(session) {
  const n = session.selected.size;
  const list = h("select", { "aria-label": "Right coarse class" }, h("option", { value: "" }, "none of them"),
    session.state.coarse.map((one) => h("option", { value: one.name }, one.name)));
  const sure = await ask(`The coarse label of ${many(n, "sample")} is wrong`, [
    h("p", {}, "This is the only way for a sample to leave its coarse class. It belongs to:"), list], [[`Change ${count(n)}`, true, "strong"]]);
  if (sure) {
    await selectionCorrection(session, { kind: "wrong_coarse", samples: session.chosen(), coarse: list.value || null },
      `Changed the coarse label of ${many(n, "sample")}. Solve again to place them.`);
  }
}

async function selectionCorrection(session, correction, done) {
  if (!session.selected.size) { say("Nothing is selected: choose samples first.", "bad"); return; }
  if (await session.correct([correction], { done })) session.select([]);
}
