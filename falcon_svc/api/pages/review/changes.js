// The change log, what differs between two revisions, and what leaves as a file.

import { LOCAL, call, save } from "./api.js";
import { ask, count, fill, h, many, percent, say } from "./dom.js";

const ROOT = "0".repeat(64);

export class Changes {
  constructor(session) { this.session = session; }

  async show(root) {
    this.log = h("ol.log", { "aria-label": "Change log, newest first" });
    this.diff = h("div.diff", { "aria-live": "polite" });
    this.before = h("select", { "aria-label": "From revision" });
    this.after = h("select", { "aria-label": "To revision" });
    this.ancestry = h("div.ancestry");
    fill(root, h("div.changes", {}, h("section", {}, h("h1", {}, "Changes"), this.log),
      h("section", {}, this.ancestry, h("h2", {}, "Compare two revisions"), h("div.row", {}, h("label", {}, "from ", this.before), h("label", {}, "to ", this.after),
        h("button.strong", { type: "button", onclick: () => this.compare() }, "Compare")), this.diff)));
    await this.#load();
    if (this.session.diff) this.#draw(this.session.diff);
  }

  heard(what) { if (what === "state") this.#load(); }

  async #load() {
    const found = await this.session.review.get("/revisions", { limit: 500 });
    this.#drawAncestry(await this.session.review.get("/ancestry"), found.entries.some((one) => one.in_force));
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

  /** What became of the classes of an earlier review; or, before anything else, the offer to go on from one. */
  #drawAncestry(found, begun) {
    const changed = found.lineage.filter((one) => one.what !== "kept" || one.overlap < 1);
    const cells = (one) => [h("td", { dir: "auto" }, one.name), h("td", {}, h("span", { class: `badge ${one.what}` }, one.what)), h("td", {}, one.others.map((id) => this.session.name(id)).join(", ")),
      h("td.number", {}, count(one.n_before)), h("td.number", {}, count(one.n_now)), h("td.number", {}, one.what === "kept" ? percent(one.overlap) : "")];
    fill(this.ancestry, found.earlier ? [h("h2", {}, "Beside the earlier review"), h("p", {}, found.text), found.drift.map((one) => h("p.note", { dir: "auto" }, one.sentence)),
      changed.length ? h("table", {}, h("thead", {}, h("tr", {}, ["Class", "", "From or into", "Before", "Now", "The same"].map((one) => h("th", { scope: "col" }, one)))),
        h("tbody", {}, changed.slice(0, 200).map((one) => h("tr", {}, cells(one))))) : h("p.quiet", {}, "Every class is as it was.")]
      : LOCAL || begun ? null : h("p", {}, h("button.plain", { type: "button", onclick: () => this.#goOn() }, "Go on from an earlier review")));
  }

  async #goOn() {
    const jobs = (await call("GET", "v1/jobs?page_size=50&state=succeeded&kind=discovery")).items.filter((one) => one.id !== this.session.review.job);
    if (!jobs.length) { say("There is no other discovery that has succeeded.", "bad"); return; }
    const job = h("select", { "aria-label": "Earlier discovery" }, jobs.map((one) => h("option", { value: one.id }, `${new Date(one.created_at).toLocaleString()}: ${many(one.summary.n_samples, "sample")}, ${many(one.summary.n_fine, "class", "classes")}`)));
    const keep = h("input", { type: "checkbox" });
    const go = await ask("Go on from an earlier review", [h("p", {}, "Its classes keep their ids, names and approvals here, and what was placed by hand stays."), h("label", {}, "Earlier discovery ", job),
      h("label", {}, keep, " keep its classes as they are: new samples join them, or are proposed as new classes")], [["Go on", () => ({ job_id: job.value, keep_classes: keep.checked }), "strong"]]);
    if (!go) return;
    try { await this.session.goOn(go); say("This review goes on from the earlier one."); } catch (error) { say(error.message, "bad"); }
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
