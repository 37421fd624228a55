// The page: which view is open, the bar above it, the keyboard.

import { LOCAL, key } from "./api.js";
import { Changes, Export } from "./changes.js";
import { ask, fill, h, say } from "./dom.js";
import { Gallery } from "./gallery.js";
import { Overview } from "./overview.js";
import { Queue } from "./queue.js";
import { Datasets, Jobs } from "./service.js";
import { Session } from "./session.js";

const main = document.getElementById("main");
const top = document.getElementById("top");
let session = null;
let view = null;
let shown = "overview";
let root = null;

const VIEWS = {
  overview: (id) => new Overview(session, id ?? null),
  class: (id) => new Gallery(session, id),
  queue: () => new Queue(session),
  accept: () => (session.acceptance ? new Queue(session, session.acceptance) : new Queue(session)),
  changes: () => new Changes(session),
  export: () => new Export(session),
};
const TABS = [["overview", "Overview", "o"], ["queue", "Queue", "q"], ["changes", "Changes", "l"], ["export", "Export", "e"]];

async function route() {
  const [job, name, id] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  view?.leave?.();
  try {
    if (!LOCAL && (!job || job === "datasets" || job === "jobs")) await site(job || "datasets");
    else await reviewView(job || "local", name || "overview", id);
  } catch (error) {
    if (error.status === 401 && !LOCAL) await login();
    else { fill(main, h("p.empty", {}, error.message)); throw error; }
  }
}

async function site(name) {
  session?.close();
  session = null;
  bar(name);
  view = name === "jobs" ? new Jobs() : new Datasets();
  await present();
  document.title = `${name} · falcon`;
}

async function reviewView(job, name, id) {
  if (session?.review.job !== job) {
    session?.close();
    fill(main, h("p.empty", {}, "Opening …"));
    session = new Session(job);
    const own = session;
    session.listen((what) => { if (own === session) heard(what); });
    await session.open();
  }
  session.selected.clear();
  view = (VIEWS[name] ?? VIEWS.overview)(id);
  bar(name);
  if (!(await present())) return;
  main.dataset.view = name;
  document.title = `${name === "class" ? session.name(id) : name} · falcon review`;
}

/** Show the view in a root of its own: one that is late draws where nobody looks. True = still open. */
async function present() {
  const own = view;
  main.dataset.view = "";
  root = h("div");
  fill(main, root);
  await own.show(root);
  return own === view;
}

function heard(what) {
  bar();
  if (view instanceof Gallery && what === "state") { view.show(root); return; }
  view?.heard?.(what);
}

/** Draw the bar where it would look different; what had the focus keeps it. */
function bar(open = shown) {
  shown = open;
  const { state, stage, done, total } = session?.solve ?? {};
  const looks = JSON.stringify([session?.review.job, open, state, stage, done, total]);
  if (looks === bar.looks) return;
  bar.looks = looks;
  const focused = top.contains(document.activeElement) ? document.activeElement.textContent : null;
  drawBar(open);
  if (focused) [...top.querySelectorAll("a, button")].find((one) => one.textContent === focused)?.focus();
}

function drawBar(open) {
  const link = (hash, label, on, shortcut) => h("a", { href: hash, "aria-current": on ? "page" : null, "aria-keyshortcuts": shortcut }, label);
  const tabs = session ? TABS.map(([name, label, shortcut]) => link(`#/${session.review.job}/${name}`, label, name === open || (name === "overview" && open === "class"), shortcut)) : [];
  const running = session?.solve.state === "running";
  fill(top, h("a.brand", { href: LOCAL ? "#/local/overview" : "#/datasets" }, "falcon"),
    h("nav", { "aria-label": "Views" }, LOCAL ? [] : [link("#/datasets", "Data sets", open === "datasets"), link("#/jobs", "Jobs", open === "jobs")], tabs),
    session ? h("div.tools", {}, h("button.plain", { type: "button", title: "Undo (u)", onclick: () => session.undo() }, "Undo"),
      h("button.plain", { type: "button", title: "Redo (Shift U)", onclick: () => session.redo() }, "Redo"),
      running ? h("span.solving", {}, h("progress", { max: session.solve.total || 1, value: session.solve.done, "aria-label": "Solving again" }), `${session.solve.stage} `, h("button.plain", { type: "button", onclick: () => session.cancel() }, "Cancel"))
        : h("button.strong", { type: "button", title: "Solve again with all corrections (g)", onclick: () => session.resolve() }, "Solve again"),
      h("button.plain.help", { type: "button", "aria-label": "Keyboard", onclick: help }, "?")) : null);
}

async function login() {
  const field = h("input", { type: "password", autocomplete: "off", "aria-label": "API key", placeholder: "fk_…" });
  const given = await ask("An API key, please", [h("p", {}, "This service asks for a key. It stays in this tab."), field], [["Go on", () => field.value, "strong"]]);
  if (given) { key.set(given.trim()); route(); } else fill(main, h("p.empty", {}, "Without a key nothing can be shown. Reload to try again."));
}

const HELP = [["o q l e", "overview, queue, change log, export"], ["j k", "next and previous class"], ["a r m s", "accept, rename, merge, split"], ["p t d", "parent, tie, reject"],
  ["v y x c w", "selection: move, belongs here, take out, split off, wrong coarse label"], ["Shift click, Ctrl A", "select a range, all that match"], ["1 … 8, n", "answer a question, skip it"], ["u, Shift u", "undo, redo"], ["g", "solve again"], ["Esc", "select none"]];

function help() {
  return ask("Keyboard", h("dl.keys", {}, HELP.map(([keys, what]) => h("div", {}, h("dt", {}, h("kbd", {}, keys)), h("dd", {}, what)))), []);
}

const GLOBAL = { u: () => session.undo(), U: () => session.redo(), g: () => session.resolve(), "?": help,
  ...Object.fromEntries(TABS.map(([name, , shortcut]) => [shortcut, () => { location.hash = `#/${session.review.job}/${name}`; }])) };

document.addEventListener("keydown", (event) => {
  if (!session || document.querySelector("dialog[open]") || event.altKey) return;
  if (/INPUT|SELECT|TEXTAREA/.test(event.target.tagName) && event.target.type !== "range") return;
  const name = (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + event.key;
  const does = view?.keys?.()[name] ?? GLOBAL[name];
  if (!does) return;
  event.preventDefault();
  Promise.resolve(does()).catch((error) => say(error.message, "bad"));
});
window.addEventListener("hashchange", route);
window.addEventListener("unhandledrejection", (event) => say(event.reason?.message ?? "Something went wrong; reload the page.", "bad"));
route();
