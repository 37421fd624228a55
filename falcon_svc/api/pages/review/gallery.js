// One class: its samples in several orders, its evidence, and everything that can be done with it.

import * as act from "./actions.js";
import { unmask } from "./api.js";
import { shade } from "./colour.js";
import { add, count, fill, h, many, percent, say } from "./dom.js";
import { row, tile } from "./samples.js";

const ORDERS = [["central", "Typical"], ["diverse", "Diverse"], ["border", "Border"], ["suspect", "Suspects"], ["all", "All"]];
const PAGE = 60;
const AT_ONCE = 6;
const VERDICTS = { repeatable: "came back in other views of the data", fair: "came back for the most part", shaky: "came back only in part", artefact: "did not come back: it may be an artefact of its run", unknown: "was made by a correction, or was not measured" };

export class Gallery {
  constructor(session, id, order = "central") {
    Object.assign(this, { session, id, order, words: "", sure: 1, loaded: [], total: 0, last: null, drawn: 0 });
  }

  async show(root) {
    this.root = root;
    const held = this.session.classes.get(this.id);
    if (!held) { fill(root, h("p.empty", {}, `There is no class ${this.id} any more. Look at the overview, or undo.`)); return; }
    this.held = held;
    const side = h("aside.classes", { "aria-label": "Classes under the same coarse class" }, this.#siblings());
    this.head = h("div.classhead");
    this.grid = h("div.tiles", { role: "group", "aria-label": "Samples" });
    this.more = h("div.more");
    this.bar = h("div.bulk", { "aria-live": "polite" });
    this.beside = h("div.rival");
    this.facts = h("aside.facts", { "aria-label": "Evidence" });
    fill(root, h("div.gallery", {}, side, h("section.samples", {}, this.head, this.#tabs(), this.beside, this.grid, this.more), this.facts), this.bar);
    this.#drawHead();
    this.evidence = await this.session.review.get(`/classes/${this.id}/evidence`);
    this.#drawFacts();
    await this.load(true);
    this.#drawBar();
    new IntersectionObserver((seen) => { if (seen[0].isIntersecting && this.loaded.length < this.total) this.load(false); },
      { rootMargin: "600px" }).observe(this.more);
  }

  #siblings() {
    const { session, held } = this;
    const near = session.ordered().filter((one) => one.parents[0] === held.parents[0]);
    return [h("h2", {}, h("a", { href: `#/${session.review.job}/overview` }, session.state.coarse[held.parents[0]].name)),
      near.map((one) => {
        const node = h("a.side", { href: `#/${session.review.job}/class/${one.id}`, "aria-current": one === held ? "page" : null },
          h("span.dot", { style: { background: shade(one) } }), h("span.name", { dir: "auto", title: one.name }, session.short(one)),
          h("small", {}, one.status === "accepted" ? "✓ " : "", count(one.size)));
        node.addEventListener("dragover", (event) => { event.preventDefault(); node.classList.add("over"); });
        node.addEventListener("dragleave", () => node.classList.remove("over"));
        node.addEventListener("drop", (event) => { event.preventDefault(); node.classList.remove("over"); if (one !== held) act.move(session, held, one); });
        return node;
      })];
  }

  #drawHead() {
    const { session, held } = this;
    const button = (label, key, does, kind = "plain") => h(`button.${kind}`, { type: "button", "aria-keyshortcuts": key, onclick: does }, label, h("kbd", { "aria-hidden": "true" }, key));
    fill(this.head,
      h("div.title", {}, h("span.dot.big", { style: { background: shade(held) } }), h("h1", { dir: "auto" }, held.name),
        h("span.badge", { class: `badge ${held.status}` }, held.status === "open" ? "open" : held.status)),
      h("p.quiet", {}, `${many(held.size, "sample")} under ${session.parent(held)} · mean confidence ${percent(held.confidence)} · ${held.verdict}`,
        held.n_settled ? ` · ${count(held.n_settled)} placed by a person` : ""),
      h("div.row", {}, button("Accept", "a", () => act.accept(session, held), "strong"), button("Rename", "r", () => act.rename(session, held)),
        button("Merge with", "m", () => act.merge(session, held)), button("Split", "s", () => act.split(session, held)),
        button("Parent", "p", () => act.parent(session, held)), button("Tie", "t", () => act.tie(session, held)),
        button("Reject", "d", () => act.reject(session, held))));
  }

  #tabs() {
    const tabs = h("div.tabs", { role: "group", "aria-label": "Order of the samples" }, ORDERS.map(([key, label]) => h("button", {
      type: "button", "aria-pressed": String(key === this.order),
      onclick: (event) => {
        this.order = key;
        for (const one of tabs.children) one.setAttribute("aria-pressed", String(one === event.currentTarget));
        this.load(true);
      } }, label)));
    const words = h("input", { type: "search", placeholder: "words or id", "aria-label": "Only samples with these words or this id", value: this.words,
      onchange: () => { this.words = words.value; this.load(true); } });
    const sure = h("input", { type: "range", min: 0, max: 100, value: 100, "aria-label": "Only samples with at most this confidence",
      onchange: () => { this.sure = sure.value / 100; this.load(true); }, oninput: () => { shown.textContent = `≤ ${sure.value} %`; } });
    const shown = h("span", { "aria-hidden": "true" }, "≤ 100 %");
    return h("div.filters", {}, tabs, words, h("label.range", {}, "confidence ", sure, shown),
      h("button.plain", { type: "button", onclick: () => this.selectAll() }, "Select all that match", h("kbd", { "aria-hidden": "true" }, "Ctrl A")));
  }

  async load(fresh) {
    if (this.loading && !fresh) return;
    this.loading = true;
    const turn = this.turn = (this.turn || 0) + 1;
    const start = fresh ? 0 : this.loaded.length;
    try {
      const found = await this.session.review.get(`/classes/${this.id}/samples`, {
        order: this.order, start, limit: PAGE, most_confidence: this.sure < 1 ? this.sure : undefined, words: this.words });
      if (turn !== this.turn) return;
      if (fresh) { this.loaded = []; this.grid.replaceChildren(); this.last = null; }
      this.total = found.total;
      await this.#add(found.samples, turn);
      if (turn !== this.turn) return;
      fill(this.more, this.loaded.length ? `${count(this.loaded.length)} of ${many(this.total, "sample")}` : "No sample matches.");
      if (fresh) await this.#drawRival();
    } catch (error) { say(error.message, "bad"); } finally { this.loading = false; }
  }

  /** Add tiles a few to a frame, so that scrolling never waits for them. */
  async #add(samples, turn) {
    for (let at = 0; at < samples.length; at += AT_ONCE) {
      if (at) await new Promise((next) => requestAnimationFrame(next));
      if (turn !== this.turn) return;
      const part = samples.slice(at, at + AT_ONCE);
      add(this.grid, part.map((sample) => this.#tile(sample)));
      this.loaded.push(...part);
    }
  }

  #tile(sample) {
    return tile(this.session, sample, { marks: this.evidence.marks, words: this.evidence.words,
      mark: this.session.selected.has(sample.row), choose: (one, event) => this.choose(one, event) });
  }

  /** In the order "Border", the rival's typical samples stand beside. */
  async #drawRival() {
    const rival = this.session.classes.get(this.held.rival);
    if (this.order !== "border" || !rival) { this.beside.replaceChildren(); return; }
    const found = await this.session.review.get(`/classes/${rival.id}/samples`, { limit: 8 });
    const other = await this.session.review.get(`/classes/${rival.id}/evidence`);
    fill(this.beside, h("h2", {}, "Beside: typical of ", h("a", { href: `#/${this.session.review.job}/class/${rival.id}`, dir: "auto" }, rival.name)),
      row(this.session, found.samples, { marks: other.marks, words: other.words }));
  }

  choose(sample, event) {
    const rows = this.session.selected;
    const at = this.loaded.findIndex((one) => one.row === sample.row);
    if (event.shiftKey && this.last !== null) {
      const [low, high] = [Math.min(at, this.last), Math.max(at, this.last)];
      for (const one of this.loaded.slice(low, high + 1)) rows.add(one.row);
    } else if (rows.has(sample.row) && event.type === "click") rows.delete(sample.row);
    else rows.add(sample.row);
    this.last = at;
    this.session.tell("selection");
  }

  async selectAll() {
    const found = await this.session.review.get(`/classes/${this.id}/selection`, {
      order: this.order === "suspect" ? "suspect" : "all", most_confidence: this.sure < 1 ? this.sure : undefined, words: this.words });
    this.session.select(unmask(found.rows));
  }

  heard(what) {
    if (what === "selection") { this.#mark(); this.#drawBar(); }
  }

  #mark() {
    for (const node of this.grid.children) node.setAttribute("aria-pressed", String(this.session.selected.has(Number(node.dataset.row))));
  }

  #drawBar() {
    const { session, held } = this;
    const n = session.selected.size;
    if (!n) { this.bar.replaceChildren(); return; }
    const button = (label, key, does, kind = "plain") => h(`button.${kind}`, { type: "button", onclick: does }, label, h("kbd", { "aria-hidden": "true" }, key));
    fill(this.bar, h("strong", {}, many(n, "sample"), " selected"), button("Move to", "v", () => act.move(session, held), "strong"),
      button("They belong here", "y", () => act.confirm(session, held)), button("Take out", "x", () => act.takeOut(session, held)),
      button("Split off", "c", () => act.splitOff(session, held)), button("Wrong coarse label", "w", () => act.wrongCoarse(session)),
      button("Select none", "Esc", () => session.select([])));
  }

  #drawFacts() {
    const { evidence, session, held } = this;
    fill(this.facts,
      h("h2", {}, "Evidence"),
      h("p", {}, h("strong", {}, held.verdict), held.stability === null ? "" : ` (${held.stability.toFixed(2)})`, `: the class ${VERDICTS[held.verdict]}.`),
      h("p", {}, evidence.parents),
      evidence.words.length ? [h("h3", {}, "Words that mark it"), h("p.marking", {}, evidence.words.map((word) => h("mark", { dir: "auto" }, word)))] : null,
      evidence.marks.length && !evidence.words.length ? [h("h3", {}, "Columns that set it apart"), h("ul.words", {}, evidence.marks.slice(0, 10).map((one) => h("li", {},
        h("span", {}, one.name ?? `column ${one.column}`), h("span.effect", {}, `${one.effect > 0 ? "+" : ""}${one.effect.toFixed(1)} sd`))))] : null,
      evidence.values.length ? [h("h3", {}, "More often here than beside"), h("ul.words", {}, evidence.values.map((one) => h("li", {},
        h("span", { dir: "auto" }, `${one.column}: ${one.value}`), h("span.effect", { title: `${count(one.n)} of ${count(one.n_beside)} samples under the coarse class with this value` }, `${percent(one.share)}, ${one.lift.toFixed(1)} times`))))] : null,
      evidence.sources.map((one) => [h("h3", { dir: "auto" }, one.source), h("p", { dir: "auto" }, one.words),
        h("p.quiet", { dir: "auto" }, one.labels.map((label) => `${label.name} ${count(label.count)}`).join(", "), one.n_unlabelled ? `, no label ${count(one.n_unlabelled)}` : "")]),
      held.rival ? [h("h3", {}, "Nearest class"), h("p", {}, h("a", { href: `#/${session.review.job}/class/${held.rival}`, dir: "auto" }, session.name(held.rival)),
        `: gets ${percent(held.rival_mass)} of the probability on average.`)] : null,
      evidence.n_suspects ? [h("h3", {}, "Coarse labels in doubt"), h("p", {}, `${many(evidence.n_suspects, "sample")} may carry a wrong coarse label; see Suspects.`)] : null,
      evidence.lookalikes.length ? [h("h3", {}, "Labels that overlap"), h("ul", {}, evidence.lookalikes.filter((id) => session.classes.has(id)).map((id) => h("li", {},
        `Your labels ${session.parent(held)} and ${session.parent(session.classes.get(id))} overlap here: `, h("a", { href: `#/${session.review.job}/class/${id}`, dir: "auto" }, session.name(id)), " looks the same.")))] : null,
      held.born_of.length ? h("p.quiet", {}, `Came from ${held.born_of.map((id) => session.name(id)).join(", ")}.`) : null);
  }

  next(step) {
    const all = this.session.ordered();
    const at = all.findIndex((one) => one.id === this.id);
    const other = all[(at + step + all.length) % all.length];
    location.hash = `#/${this.session.review.job}/class/${other.id}`;
  }

  keys() {
    const { session, held } = this;
    return { j: () => this.next(1), k: () => this.next(-1), n: () => this.next(1), a: () => act.accept(session, held), r: () => act.rename(session, held),
      m: () => act.merge(session, held), s: () => act.split(session, held), p: () => act.parent(session, held), t: () => act.tie(session, held),
      d: () => act.reject(session, held), v: () => act.move(session, held), y: () => act.confirm(session, held), x: () => session.selected.size && act.takeOut(session, held),
      c: () => session.selected.size && act.splitOff(session, held), w: () => session.selected.size && act.wrongCoarse(session), Escape: () => session.select([]), "Ctrl+a": () => this.selectAll() };
  }
}
