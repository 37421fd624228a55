// The one place that talks to the service: paths, keys, revisions, refusals.

export const LOCAL = !location.pathname.endsWith("/review");
const KEY = "falcon-key";

export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || `The service answered ${status}.`);
    this.problem = problem;
    this.status = status;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

function headers(more = {}) {
  const bearer = key.get();
  return bearer ? { Authorization: `Bearer ${bearer}`, ...more } : more;
}

/** Send a request; the answer's JSON, or a Refused. */
export async function call(method, path, { body, revision, signal, form } = {}) {
  const more = body === undefined ? {} : { "Content-Type": "application/json" };
  if (revision) more["If-Match"] = `"${revision}"`;
  const sent = { method, headers: headers(more), signal };
  if (form) sent.body = form;
  else if (body !== undefined) sent.body = JSON.stringify(body);
  const answer = await fetch(path, sent);
  if (!answer.ok) throw new Refused(await problem(answer), answer.status);
  return answer.status === 204 ? null : answer.json();
}

async function problem(answer) {
  try { return await answer.json(); } catch { return { detail: `The service answered ${answer.status}.` }; }
}

async function asked(path) {
  const answer = await fetch(path, { headers: headers() });
  if (!answer.ok) throw new Refused(await problem(answer), answer.status);
  return answer;
}

export const bytes = async (path) => (await asked(path)).arrayBuffer();

/** Save an answer as a file, by the name that it comes with, if any. */
export async function save(path, otherwise = "export") {
  const answer = await asked(path);
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? otherwise;
  const url = URL.createObjectURL(await answer.blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Follow server-sent events until the signal; fetch, because EventSource cannot send a key. */
export async function follow(path, signal, take) {
  while (!signal.aborted) {
    try {
      const answer = await fetch(path, { headers: headers(), signal });
      if (!answer.ok || answer.status === 204) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const data = part.split("\n").find((line) => line.startsWith("data: "));
          if (data) take(JSON.parse(data.slice(6)));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    await new Promise((next) => setTimeout(next, 1500));
  }
}

/** The calls of one review. */
export class Review {
  constructor(job) { this.base = `v1/jobs/${encodeURIComponent(job)}/review`; this.job = job; }
  get(path = "", query = {}) {
    const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== "" && value !== null);
    const text = new URLSearchParams(filled).toString();
    return call("GET", `${this.base}${path}${text ? `?${text}` : ""}`);
  }
  post(path, body, revision) { return call("POST", `${this.base}${path}`, { body, revision }); }
  map(coarse) { return bytes(`${this.base}/map${coarse ? `?${new URLSearchParams({ coarse })}` : ""}`); }
  picture(row) { return bytes(`${this.base}/samples/${row}/picture`); }
}

/** A selection as the API takes it: a bitmask in base64. */
export function mask(rows, n) {
  const packed = new Uint8Array((n + 7) >> 3);
  for (const row of rows) packed[row >> 3] |= 1 << (row & 7);
  let text = "";
  for (let i = 0; i < packed.length; i += 32768) text += String.fromCharCode(...packed.subarray(i, i + 32768));
  return { rows: btoa(text) };
}

export function unmask(text) {
  const packed = atob(text), rows = [];
  for (let i = 0; i < packed.length; i += 1) {
    const byte = packed.charCodeAt(i);
    for (let bit = 0; byte >> bit; bit += 1) if ((byte >> bit) & 1) rows.push(8 * i + bit);
  }
  return rows;
}
