// Elements from data. Every text goes in as a text node: nothing is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = new Set(["svg", "path", "circle", "rect", "g", "line", "text"]);

/** Make an element: h("button.plain", {onclick, disabled}, "text", child, ...). */
export function h(kind, attributes = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const shape = SHAPES.has(tag);
  const node = shape ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) node.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  add(node, children);
  return node;
}

function set(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
  else if (name === "value" || name === "checked" || name === "indeterminate") node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

export function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/** Put other children into an element. */
export function fill(node, ...children) {
  node.replaceChildren();
  add(node, children);
  return node;
}

export const count = (n) => n.toLocaleString("en-US");
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const percent = (x) => `${Math.round(100 * x)} %`;

/** Tell what has happened, to the eye and to screen readers. */
export function say(text, kind = "") {
  const status = document.getElementById("status");
  fill(status, h(`div.toast${kind ? `.${kind}` : ""}`, {}, text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => status.replaceChildren(), kind === "bad" ? 15000 : 5000);
}

/** Ask in a dialog; resolves to the value of the button that ended it, or null. */
export function ask(title, body, buttons) {
  return new Promise((resolve) => {
    const box = h("dialog", { "aria-labelledby": "ask-title" });
    const end = (value) => { box.close(); box.remove(); resolve(value); };
    const row = buttons.map(([label, value, kind]) => h(`button${kind ? `.${kind}` : ""}`, {
      type: "button", onclick: () => end(typeof value === "function" ? value() : value),
    }, label));
    add(box, [h("h2", { id: "ask-title" }, title), body,
      h("div.row.end", {}, h("button.plain", { type: "button", onclick: () => end(null) }, row.length ? "Cancel" : "Close"), row)]);
    box.addEventListener("cancel", (event) => { event.preventDefault(); end(null); });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.tagName === "INPUT") { event.preventDefault(); row.at(-1)?.click(); }
      event.stopPropagation();
    });
    document.body.append(box);
    box.showModal();
    (box.querySelector("input, select") || [...box.querySelectorAll(".end button")].at(-1)).focus();
  });
}
