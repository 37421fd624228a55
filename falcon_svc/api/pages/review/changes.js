// The change log, what differs between two revisions, and what leaves as a file.

import { save } from "./api.js";
import { ask, count, fill, h, many, say } from "./dom.js";

const ROOT = "0".repeat(64);

export class Changes {
  constructor(session) { this.session = session; }

  async show(root) {
    this.log = h("ol.log", { "aria-label": "Change log, newest first" });
    this.diff = h("div.diff", { "aria-live": "polite" });
    this.before = h("select", { "aria-label": "From revision" });
    this.after = h("select", { "aria-label": "To revision" });
    fill(root, h("div.changes", {}, h("section", {}, h("h1", {}, "Changes"), this.log),
      h("section", {}, h("h2", {}, "Compare two revisions"), h("div.row", {}, h("label", {}, "from ", this.before), h("label", {}, "to ", this.after),
        h("button.strong", { type: "button", onclick: () => this.compare() }, "Compare")), this.diff)));
    await this.#load();
    if (this.session.diff) this.#draw(this.session.diff);
  }

  heard(what) { if (what === "state") this.#load(); }

  async #load() {
    const found = await this.session.review.get("/revisions", { limit: 500 });
    fill(this.log, found.entries.map((one) => h(`li${one.in_force ? "" : ".undone"}`, {}, h("p", { dir: "auto" }, one.text),
      one.reason ? h("p.quiet", { dir: "auto" }, one.reason) : null,
      h("small", {}, one.author, " · ", new Date(one.time).toLocaleString(), one.in_force ? "" : " · taken back", " · ", one.revision.slice(0, 8)))),
    found.total > found.entries.length ? h("li.quiet", {}, `and ${count(found.total - found.entries.length)} before`) : null,
    found.total ? null : h("li.quiet", {}, "Nothing was corrected yet."));
    const options = () => [...found.entries.map((one) => h("option", { value: one.revision }, `${one.revision.slice(0, 8)} ${one.text.slice(0, 60)}`)),
      h("option", { value: ROOT }, "the result as it was found")];
    fill(this.before, options());
    fill(this.after, options());
    this.before.value = ROOT;
    this.after.value = found.entries[0]?.revision ?? ROOT;
  }

  async compare() {
    try { this.#draw(await this.session.review.get("/diff", { before: this.before.value, after: this.after.value })); } catch (error) { say(error.message, "bad"); }
  }

  #draw(diff) {
    const { session } = this;
    const died = new Map(diff.classes.map((one) => [one.id, one.name]));
    const name = (id) => died.get(id) ?? session.name(id);
    const of = (what) => diff.classes.filter((one) => one.what === what).length;
    fill(this.diff, h("p", {}, h("strong", {}, many(diff.n_moved, "sample")), ` moved; classes: ${of("born")} born, ${of("changed")} changed, ${of("died")} died.`),
      diff.classes.length ? h("table", {}, h("thead", {}, h("tr", {}, ["Class", "", "Before", "After", "Parents"].map((one) => h("th", { scope: "col" }, one)))),
        h("tbody", {}, diff.classes.slice(0, 200).map((one) => h("tr", {}, h("td", { dir: "auto" }, one.name), h("td", {}, h("span", { class: `badge ${one.what}` }, one.what)),
          h("td.number", {}, count(one.size_before)), h("td.number", {}, count(one.size_after)),
          h("td", { dir: "auto" }, String(one.parents_before) === String(one.parents_after) ? one.parents_after.join(", ") : `${one.parents_before.join(", ") || "none"} → ${one.parents_after.join(", ") || "none"}`))))) : null,
      diff.moves.length ? [h("h3", {}, diff.n_moved > diff.moves.length ? `The first ${diff.moves.length} of ${count(diff.n_moved)} samples` : "Samples"), h("ul.moves", {}, diff.moves.map((one) => h("li", {},
        h("strong", {}, one.id), `: ${name(one.before)} → ${name(one.after)}. `, h("span.quiet", {}, one.reason))))] : null);
  }
}

const FORMS = [
  ["csv", "CSV", "a row per sample, for spreadsheets"], ["parquet", "Parquet", "the same, typed, for pandas, polars, DuckDB"], ["jsonl", "JSON lines", "an object per sample, for programs"],
  ["label-studio", "Label Studio", "tasks with predictions and the Taxonomy labelling config, zipped"], ["coco", "COCO", "annotations with supercategories; needs the images"],
  ["image-folder", "Image folder", "coarse/class/image.png, zipped; needs the images"], ["hugging-face", "Hugging Face", "a dataset folder with its card, zipped"],
  ["h5ad", "h5ad", "a copy of your AnnData file with obs and uns"], ["graphml", "GraphML", "the graph, for Gephi and yEd"], ["cytoscape", "Cytoscape", "the graph, for Cytoscape"],
  ["skos", "SKOS", "the vocabulary in Turtle"], ["paths", "Class paths", "(n, levels), as HiClass takes them"], ["guideline-html", "Guideline, HTML", "what each class looks like, and what it does not"], ["guideline-md", "Guideline, Markdown", "the same as text"],
];

export class Export {
  constructor(session) { this.session = session; }

  async show(root) {
    const { session } = this;
    const open = session.state.classes.filter((one) => one.status === "open").length;
    fill(root, h("h1", {}, "Export"), h("p", {}, open ? `${many(open, "class", "classes")} not accepted yet; their status is in the file.` : "All classes are accepted."),
      session.state.n_unplaced ? h("p", {}, `${many(session.state.n_unplaced, "sample")} in no class: solve again to place them.`) : null,
      h("ul.forms", {}, FORMS.map(([form, name, what]) => h("li", {}, h("button.plain", { type: "button", onclick: () => save(`${session.review.base}/export?format=${form}`).then(() => say("Saved."), (error) => say(error.message, "bad")) }, name), h("span.quiet", {}, what)))),
      h("h2", {}, "Take corrections in"), h("p.quiet", {}, "A CSV with the columns id and class_id, or the JSON that Label Studio exports, of the samples of this review."),
      h("label.file", {}, "File ", h("input", { type: "file", accept: ".csv,.json", onchange: (event) => this.#take(event.target) })));
  }

  /** Say what a file would change and which rows cannot be taken; make it once that is agreed to. */
  async #take(field) {
    const file = field.files[0];
    if (!file) return;
    try {
      const body = { format: /\.json$/i.test(file.name) ? "label-studio" : "csv", content: await file.text() };
      const found = await this.session.imported({ ...body, dry_run: true });
      const failed = found.failed.map((one) => h("li", {}, `Row ${one.row}${one.id ? `, ${one.id}` : ""}: ${one.reason}`));
      const changed = found.n_rows - found.n_same - found.n_failed;
      const go = await ask(`Take in ${file.name}`, [h("p", {}, found.text), failed.length ? h("ul.wishes", {}, failed) : null,
        found.n_failed > failed.length ? h("p.quiet", {}, `and ${count(found.n_failed - failed.length)} more rows`) : null],
      changed ? [[`Correct ${many(changed, "sample")}`, true, "strong"]] : []);
      if (go) say((await this.session.imported({ ...body, reason: `from ${file.name}` })).text);
    } catch (error) { say(error.message, "bad"); }
    field.value = "";
  }
}
