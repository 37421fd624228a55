// Data sets and jobs of a service: drop a file, read what is wrong with it, follow a job.

import { call, follow, save } from "./api.js";
import { ask, count, fill, h, many, percent, say } from "./dom.js";

const when = (text) => new Date(text).toLocaleString();
const OPEN = new Set(["queued", "preparing", "running", "canceling"]);

/** Reading options that a file with columns may need. */
const COLUMNS = [["coarse_column", "Coarse labels"], ["text_column", "Texts"], ["id_column", "Ids of the samples"]];

export class Datasets {
  async show(root) {
    this.list = h("ul.cards", { "aria-label": "Data sets" });
    const field = h("input", { type: "file", id: "file", onchange: () => this.upload(field.files[0]) });
    const zone = h("label.drop", { for: "file" }, h("strong", {}, "Drop a data set here"), h("span.quiet", {}, "or choose a file: a table, .npz, .h5ad, a zip of images"), field);
    zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
    zone.addEventListener("dragleave", () => zone.classList.remove("over"));
    zone.addEventListener("drop", (event) => { event.preventDefault(); zone.classList.remove("over"); if (event.dataTransfer.files[0]) this.upload(event.dataTransfer.files[0]); });
    Object.assign(this, { field, columns: COLUMNS.map(([key, label]) => h("input", { type: "text", id: key, name: key, placeholder: "found by its name", "aria-label": label, dir: "auto" })) });
    const named = h("details.named", {}, h("summary.plain", {}, "The columns have other names"),
      h("p.quiet", {}, "Coarse labels are looked for under names like coarse, label, class or category. Write the names here before you send the file."),
      h("div.fields", {}, this.columns.map((one, i) => h("label", {}, COLUMNS[i][1], one))));
    fill(root, h("h1", {}, "Data sets"), zone, named, this.list);
    await this.#load();
  }

  leave() { clearTimeout(this.timer); }

  async #load() {
    clearTimeout(this.timer);
    const page = await call("GET", "v1/datasets?page_size=50");
    fill(this.list, page.items.map((one) => this.#card(one)), page.items.length ? null : h("li.quiet", {}, "There is none yet."));
    if (page.items.some((one) => one.state !== "ready" && one.state !== "invalid")) this.timer = setTimeout(() => this.#load(), 800);
  }

  #card(one) {
    const summary = one.summary;
    return h("li.card", {}, h("h2", { dir: "auto" }, one.name), h("span", { class: `badge ${one.state}` }, one.state), h("p.quiet", {}, `${count(one.size_bytes)} bytes, ${when(one.created_at)}`),
      summary ? h("p", {}, `${many(summary.n_samples, "sample")}, ${Object.values(summary.classes).map((classes) => many(Object.keys(classes).length, "coarse class", "coarse classes")).join(", ")}`) : null,
      summary ? summary.notes.map((note) => h("p.note", {}, note.text)) : null,
      one.error ? [h("p.bad", {}, one.error.detail), one.error.errors?.length ? h("table", {}, h("thead", {}, h("tr", {}, ["Row", "What is wrong"].map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, one.error.errors.slice(0, 50).map((row) => h("tr", {}, h("td", {}, row.row ?? row.pointer ?? ""), h("td", {}, row.detail ?? row.what ?? row.reason ?? JSON.stringify(row)))))) : null] : null,
      one.state === "ready" && summary?.kind !== "labels" ? h("button.strong", { type: "button", onclick: () => this.#discover(one) }, "Discover classes") : null);
  }

  async upload(file) {
    const form = new FormData();
    form.append("file", file);
    const options = Object.fromEntries(this.columns.filter((one) => one.value.trim()).map((one) => [one.name, one.value.trim()]));
    if (Object.keys(options).length) form.append("options", JSON.stringify(options));
    this.field.value = "";  // or the same file, mended, could not be chosen again
    say(`Sending ${file.name} …`);
    try { await call("POST", "v1/datasets", { form }); say(`${file.name} has arrived and is being checked.`); } catch (error) { say(error.message, "bad"); }
    await this.#load();
  }

  async #discover(one) {
    const field = h("input", { type: "number", min: 2, placeholder: "estimated", "aria-label": "Number of classes in all" });
    const go = await ask(`Discover classes in “${one.name}”`, [h("label", {}, "Number of classes in all, if you know it ", field),
      h("p.quiet", {}, "All fine classes together, over all coarse ones. Leave it empty if you do not know it: it is estimated.")], [["Start", () => ({ n: field.value }), "strong"]]);
    if (!go) return;
    const config = go.n ? { counts: { n_fine: Number(go.n) } } : {};
    try { await call("POST", "v1/jobs", { body: { dataset_id: one.id, config } }); location.hash = "#/jobs"; } catch (error) { say(error.message, "bad"); }
  }
}

const file = (job, name, label) => h("button.plain", { type: "button", onclick: () => save(`v1/jobs/${job.id}/${name}`, `${job.id}.${name}.json`).catch((error) => say(error.message, "bad")) }, label);

async function advice(job) {
  const found = await call("GET", `v1/jobs/${job.id}/advice`);
  await ask("Advice on finer labels", found.text.split("\n").map((line) => h("p", {}, line)), []);
}

/** How each kind of job is shown: what came of it in a few words, and what to do with that. */
const KINDS = {
  discovery: {
    title: (summary) => (summary ? many(summary.n_fine, "class", "classes") : "Discovery"),
    results: (job) => h("a.button.strong", { href: `#/${job.id}/overview` }, "Review"),
  },
  classifier: {
    title: (summary) => (summary ? `Classifier of ${many(summary.n_leaves, "class", "classes")}${summary.leaf_top1 === null ? "" : `, ${percent(summary.leaf_top1)} right`}` : "Classifier"),
    results: (job) => h("div.row", {}, file(job, "report", "Report"), file(job, "model", "Model"), file(job, "card", "Model card")),
  },
  advice: {
    title: (summary) => (summary ? `Advice: finer labels ${{ helps: "help", "does not": "do not help", "cannot tell": "cannot be told yet to help" }[summary.verdict]}` : "Advice"),
    results: (job) => h("div.row", {}, h("button.strong", { type: "button", onclick: () => advice(job).catch((error) => say(error.message, "bad")) }, "Read"), file(job, "report", "Report")),
  },
  metrics: {
    title: (summary) => (summary ? `Metrics of ${many(summary.n_samples, "sample")}${summary.full_path_accuracy === null ? "" : `, ${percent(summary.full_path_accuracy)} right`}` : "Metrics"),
    results: (job) => h("div.row", {}, file(job, "report", "Report"), file(job, "metrics", "Figures")),
  },
};

export class Jobs {
  async show(root) {
    this.ending = new AbortController();
    this.list = h("ul.cards", { "aria-label": "Jobs" });
    fill(root, h("h1", {}, "Jobs"), this.list);
    const [page, datasets] = await Promise.all([call("GET", "v1/jobs?page_size=50"), call("GET", "v1/datasets?page_size=200")]);
    this.datasets = new Map(datasets.items.map((one) => [one.id, one.name]));
    fill(this.list, page.items.map((one) => this.#card(one)), page.items.length ? null : h("li.quiet", {}, "There is none yet: start one from a data set."));
  }

  leave() { this.ending.abort(); }

  #card(job) {
    const card = h("li.card");
    const draw = () => fill(card, h("h2", {}, KINDS[job.kind].title(job.summary)), h("span", { class: `badge ${job.state}` }, job.state),
      h("p", { dir: "auto" }, this.datasets.get(job.dataset_id) ?? job.dataset_id), h("p.quiet", {}, `${job.id}, ${when(job.created_at)}`),
      OPEN.has(job.state) ? h("p", {}, h("progress", { max: job.progress?.total || 1, value: job.progress?.done || 0, "aria-label": "Progress" }), ` ${job.stage ?? ""}`) : null,
      job.error ? h("p.bad", {}, job.error.detail) : null,
      OPEN.has(job.state) ? h("button.plain", { type: "button", onclick: () => call("POST", `v1/jobs/${job.id}:cancel`).catch((error) => say(error.message, "bad")) }, "Cancel") : null,
      job.state === "succeeded" ? KINDS[job.kind].results(job) : null);
    draw();
    if (OPEN.has(job.state)) {
      follow(`v1/jobs/${job.id}/events`, this.ending.signal, async () => { job = await call("GET", `v1/jobs/${job.id}`); draw(); });
    }
    return card;
  }
}
