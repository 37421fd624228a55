// One review in the browser: its state, what is selected, and the corrections that leave here.

import { Refused, Review, follow, mask } from "./api.js";
import { ask, h, many, say } from "./dom.js";

export class Session {
  constructor(job) {
    this.review = new Review(job);
    this.state = null;
    this.selected = new Set(); // rows
    this.listeners = new Set();
    this.solve = { state: "none" };
    this.ending = new AbortController();
    this.pictures = new Map();
  }

  async open() {
    await this.refresh();
    follow(`${this.review.base}/events`, this.ending.signal, (told) => this.#told(told));
  }

  close() { this.ending.abort(); }

  async #told({ head, resolve }) {
    const before = this.solve.state;
    this.solve = resolve;
    if (head !== this.state.head && !this.sending) {
      const own = this.own === head;
      await this.refresh();
      if (!own && before !== "running") say("Somebody else has corrected this review; you see it now.");
    }
    if (before === "running" && resolve.state !== "running") await this.#ended();
    this.tell("solve");
  }

  async #ended() {
    const found = await this.review.get("/resolve");
    if (found.state === "succeeded") {
      this.diff = found.diff;
      say(`Solved again: ${many(found.diff.n_moved, "sample")} moved.`);
    } else if (found.error) await whyNot(found.error);
    else say("The re-solve was cancelled; the review is as it was.");
    await this.refresh();
  }

  async refresh() {
    this.state = await this.review.get();
    this.classes = new Map(this.state.classes.map((one) => [one.id, one]));
    this.byNumber = new Map(this.state.classes.map((one) => [one.number, one]));
    this.tell("state");
  }

  listen(hear) { this.listeners.add(hear); return () => this.listeners.delete(hear); }
  tell(what) { for (const hear of this.listeners) hear(what); }

  name(id) { return this.classes.get(id)?.name ?? id ?? "no class"; }
  parent(held) { return held.parents.map((q) => this.state.coarse[q].name).join(", "); }

  /** A name beneath its coarse class: one that nobody gave repeats the coarse class's, which is left out. */
  short(held) {
    const parent = this.state.coarse[held.parents[0]].name;
    return !held.named && held.name.startsWith(`${parent} `) ? `class ${held.name.slice(parent.length + 1)}` : held.name;
  }

  /** Classes that the samples of a class may go to: those under one of its coarse classes. */
  siblings(held) {
    const own = new Set(held.parents);
    return this.state.classes.filter((one) => one.status !== "rejected" && one.id !== held.id
      && one.parents.some((q) => own.has(q)));
  }

  ordered() {
    return [...this.state.classes].filter((one) => one.status !== "rejected")
      .sort((a, b) => (a.parents[0] - b.parents[0]) || (a.number - b.number));
  }

  select(rows) { this.selected = new Set(rows); this.tell("selection"); }
  chosen() { return mask(this.selected, this.state.n_samples); }

  /** Send corrections; true once they are made. Somebody was faster: say what changed, ask again. */
  async correct(corrections, { reason = "", done = "" } = {}) {
    this.sending = true;
    try {
      const made = await this.review.post("/corrections", { corrections, reason }, this.state.head);
      this.own = made.head;
      await this.refresh();
      if (done) say(done);
      return true;
    } catch (error) {
      if (error.status === 412) return await this.#again(error, corrections, { reason, done });
      if (error instanceof Refused) say(error.message, "bad");
      else throw error;
      return false;
    } finally { this.sending = false; }
  }

  async #again(error, corrections, options) {
    await this.refresh();
    const list = (error.problem.errors || []).slice(-8).map((one) => h("li", {}, one.detail));
    const again = await ask("Changed in the meantime", [
      h("p", {}, "Your correction was not made, because this was corrected since you looked:"),
      h("ul", {}, list), h("p", {}, "You see the new state behind this question.")],
    [["Make my correction too", true, "strong"]]);
    return again ? this.correct(corrections, options) : false;
  }

  /** Take in a file; the answer tells what it changed and which rows could not be taken. */
  async imported(body) {
    const found = await this.review.post("/imports", body, this.state.head);
    if (found.revisions.length) { this.own = found.head; await this.refresh(); }
    return found;
  }

  /** Go on from the review of an earlier job. */
  async goOn(body) {
    this.own = (await this.review.post("/continuations", body, this.state.head)).head;
    await this.refresh();
  }

  undo() { return this.correct([{ kind: "undo" }], { done: "Undone." }); }
  redo() { return this.correct([{ kind: "redo" }], { done: "Done again." }); }

  async resolve() {
    try {
      this.solve = await this.review.post(`/revisions/${this.state.head}:resolve`, {});
      this.tell("solve");
    } catch (error) { say(error.message, "bad"); }
  }

  cancel() { return this.review.post("/resolve:cancel"); }

  /** The address of a sample's image, fetched once with the key. */
  picture(row) {
    if (!this.pictures.has(row)) {
      if (this.pictures.size > 2000) this.#forget();
      this.pictures.set(row, this.review.picture(row)
        .then((data) => URL.createObjectURL(new Blob([data], { type: "image/jpeg" }))));
    }
    return this.pictures.get(row);
  }

  #forget() {
    for (const made of this.pictures.values()) made.then((url) => URL.revokeObjectURL(url), () => {});
    this.pictures.clear();
  }
}

/** Show why a re-solve cannot be: the smallest set of corrections that contradict each other. */
export function whyNot(error) {
  const wishes = error.wishes.map((wish) => h("li", {}, wish));
  return ask(wishes.length ? "These cannot hold together" : "No answer", [
    wishes.length ? h("ul.wishes", {}, wishes) : h("p", {}, error.detail),
    wishes.length ? h("p", {}, "Without any one of them, the others can be kept. Undo one, then solve again.") : null],
  [["I see", true, "strong"]]);
}
