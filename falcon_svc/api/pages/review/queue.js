// The queue: one question at a time, worth most first; every answer is a correction.

import { pick } from "./actions.js";
import { count, fill, h, many, say } from "./dom.js";
import { tile } from "./samples.js";

export class Queue {
  constructor(session, given = null) { Object.assign(this, { session, given, at: 0, marked: new Set() }); }

  async show(root) {
    this.root = root;
    fill(root, h("p.empty", {}, "Looking for the questions that are worth most …"));
    await this.#load();
  }

  async #load() {
    if (this.given) { this.questions = [this.given.question]; this.total = 1; } else {
      const found = await this.session.review.get("/questions", { limit: 50 });
      Object.assign(this, { questions: found.questions, total: found.total, fresh: found.fresh });
      clearTimeout(this.timer);
      if (!found.fresh) this.timer = setTimeout(() => this.#again(), 1000);
    }
    if (this.at >= this.questions.length) this.at = 0;
    await this.#draw();
  }

  leave() { clearTimeout(this.timer); }

  /** Take in a new ranking behind the question that is being looked at. */
  async #again() {
    const found = await this.session.review.get("/questions", { limit: 50 });
    const now = this.questions[this.at];
    if (!found.fresh) { this.timer = setTimeout(() => this.#again(), 1000); return; }
    const same = (one) => JSON.stringify({ ...one, gain: 0 }) === JSON.stringify({ ...now, gain: 0 });
    this.questions = now ? [now, ...found.questions.filter((one) => !same(one))] : found.questions;
    Object.assign(this, { total: found.total, fresh: true, at: 0 });
    if (!now) await this.#draw();
  }

  heard(what) { if (what === "state" && !this.given && !this.sending) this.#load(); }

  async #draw() {
    this.marked.clear();
    this.moved = {};
    const asked = this.questions[this.at];
    if (!asked) {
      fill(this.root, h("p.empty", {}, this.fresh ? "Nothing is in doubt: accept the classes, then export."
        : "Looking for the questions that are worth most; of many samples that takes up to a minute. They come here by themselves."));
      return;
    }
    const groups = this.#groups(asked);
    const ids = [...new Set(groups.flatMap((group) => group.ids))].slice(0, 500);
    const held = asked.first ?? asked.rest ?? asked.to ?? asked.shown ?? asked.candidates?.[0];
    const evidence = held ? await this.session.review.get(`/classes/${held.class_id}/evidence`) : { marks: [], words: [] };
    const found = await this.session.review.post("/samples", { ids, class_id: held?.class_id ?? null });
    const shown = new Map(found.samples.map((one) => [one.id, one]));
    fill(this.root, h("article.question", {},
      h("p.quiet", {}, this.given ? "Acceptance by sampling" : `Question ${this.at + 1} of ${count(this.total)} · worth about ${many(Math.max(1, Math.round(asked.gain)), "sample")}`),
      h("h1", { dir: "auto" }, asked.text.replaceAll(/'([^']+)'/g, "“$1”")),
      h("div.groups", {}, groups.map((group) => h("section", {}, group.name ? h("h2", { dir: "auto" }, group.name) : null,
        h("div.tiles.small", {}, group.ids.map((id) => shown.get(id)).filter(Boolean).map((sample) => this.#tile(sample, group, evidence)))))),
      h("div.row.answers", {}, this.#answers(asked).map(([label, choice, kind], i) => h(`button.${kind}`, { type: "button", onclick: () => this.answer(choice) },
        label, h("kbd", { "aria-hidden": "true" }, String(i + 1)))), this.given ? null : h("button.plain", { type: "button", onclick: () => this.skip() }, "Skip", h("kbd", { "aria-hidden": "true" }, "n")))));
  }

  #tile(sample, group, evidence) {
    const choose = group.markable ? (one, event) => {
      const on = !this.marked.has(one.id);
      if (on) this.marked.add(one.id); else this.marked.delete(one.id);
      event.currentTarget.setAttribute("aria-pressed", String(on));
    } : null;
    return tile(this.session, sample, { ...evidence, choose });
  }

  #groups(asked) {
    switch (asked.kind) {
      case "same": return [{ name: asked.first.name, ids: asked.first.exemplars }, { name: asked.second.name, ids: asked.second.exemplars }];
      case "one": return [{ name: "One part", ids: asked.rest.exemplars }, { name: `The other part: ${many(asked.part.length, "sample")}`, ids: asked.part_shown },
        ...asked.candidates.map((one) => ({ name: one.name, ids: one.exemplars.slice(0, 3) }))];
      case "belong": return [{ name: `Typical of ${asked.to.name}`, ids: asked.to.exemplars }, { name: "Mark those that do not belong", ids: asked.samples, markable: true }];
      case "place": return [{ name: "These", ids: asked.samples }, ...asked.candidates.map((one, i) => ({ name: `${i + 1}: ${one.name}`, ids: one.exemplars.slice(0, 4) }))];
      case "accept": return [{ name: "Mark those that are wrong", ids: asked.look_at, markable: true }];
      default: return [{ name: "", ids: [asked.sample] }];
    }
  }

  #answers(asked) {
    switch (asked.kind) {
      case "same": return [["One class: merge", "same", "strong"], ["Two classes", "different", "plain"]];
      case "one": return [["It is one class", "one", "strong"], ["Two: split it so", "two", "plain"], ...asked.candidates.map((one) => [`The other part is ${one.name}`, one.class_id, "plain"])];
      case "belong": return [["Done: the others belong", "", "strong"], ["Marked ones belong to …", { pick: true }, "plain"]];
      case "place": return [...asked.candidates.map((one) => [one.name, one.class_id, "plain"]), ["A class of their own", "own", "plain"], ["They are mixed", "mixed", "plain"]];
      case "accept": return [["Accept", "accept", "strong"], ["Not yet", "later", "plain"]];
      default: return [["It is right", "right", "strong"], [asked.proposed ? `It is ${asked.proposed}` : "It is wrong", "wrong", "plain"]];
    }
  }

  async answer(choice) {
    const asked = this.questions[this.at];
    if (choice.pick) { await this.#moveMarked(asked); return; }
    if (asked.kind === "accept" && choice === "accept" && this.marked.size > asked.most_wrong) {
      say(`${many(this.marked.size, "sample")} wrong is more than ${asked.most_wrong}: the class is not pure enough to accept. Choose “Not yet”: what you marked is taken out.`, "bad");
      return;
    }
    this.sending = true;
    try {
      const made = await this.session.review.post("/answers", { question: asked, reply: { choice, marked: [...this.marked], moved: this.moved } }, this.session.state.head);
      this.session.own = made.head;
      await this.session.refresh();
      say(made.revisions.length ? `Noted: ${many(made.revisions.length, "correction")}.` : "Noted: nothing to change.");
      if (this.given) { location.hash = `#/${this.session.review.job}/class/${asked.shown.class_id}`; return; }
      if (!made.revisions.length) this.at += 1;
    } catch (error) {
      say(error.message, "bad");
      if (error.status === 412) await this.session.refresh();
    } finally { this.sending = false; }
    await this.#load();
  }

  /** The marked samples belong to a class that is named; they are set aside until the answer. */
  async #moveMarked(asked) {
    if (!this.marked.size) { say("Mark the samples first.", "bad"); return; }
    const classes = asked.candidates.map((one) => this.session.classes.get(one.class_id)).filter(Boolean);
    const held = await pick(this.session, `The ${many(this.marked.size, "marked sample")} belong to …`, classes, "There");
    if (!held) return;
    const to = held.id;
    for (const id of this.marked) this.moved[id] = to;
    for (const node of this.root.querySelectorAll(".tile[aria-pressed=true]")) {
      node.setAttribute("aria-pressed", "false");
      node.disabled = true;
      node.querySelector(".sure").textContent = `→ ${this.session.name(to)}`;
    }
    this.marked.clear();
  }

  skip() { if (!this.questions.length) return; this.at = (this.at + 1) % this.questions.length; this.#draw(); }

  keys() {
    const press = (i) => () => this.root.querySelectorAll(".answers button")[i]?.click();
    return { n: () => this.skip(), ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8].map((i) => [String(i), press(i - 1)])) };
  }
}
