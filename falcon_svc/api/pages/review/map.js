// The map: WebGL2 points, or a 2-D canvas where there is none. The lasso is resolved on the server.
// Points are drawn in slices of a random order, as many to a frame as the machine draws in time, so
// that a moving map never waits for its last point: what is shown meanwhile is a sample of all.

import { isDark, shadeRgb } from "./colour.js";
import { h } from "./dom.js";

const VERTEX = `#version 300 es
in vec2 at; in float number; uniform vec4 view; uniform float size; uniform float open;
uniform sampler2D colours; out vec4 ink;
void main() {
  gl_Position = vec4((at - view.xy) * view.zw, number == open ? -0.1 : 0.0, 1.0);
  int i = int(number);
  vec4 own = i < 0 ? vec4(0.5, 0.5, 0.5, 0.5) : texelFetch(colours, ivec2(i & 1023, i >> 10), 0);
  bool grey = open >= 0.0 && number != open;
  ink = grey ? vec4(0.55, 0.57, 0.6, 0.35) : own;
  gl_PointSize = grey ? size * 0.8 : (open >= 0.0 ? size * 1.5 : size);
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 ink; out vec4 colour;
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0; float r = dot(p, p);
  if (r > 1.0) discard;
  colour = vec4(ink.rgb * ink.a, ink.a) * smoothstep(1.0, 0.7, r);
}`;

const [LEAST_SLICE, FIRST_SLICE] = [2000, 10000];  // points
const [QUICK_MS, SLOW_MS, IDLE_MS] = [24, 36, 1000];

export class PointMap {
  /** `choose(polygon, all)` gets a lasso in map coordinates; `point(number)` a clicked class. */
  constructor({ choose, point }) {
    Object.assign(this, { choose, point, open: -1, zoom: 1, centre: [0, 0], path: null, slice: FIRST_SLICE, next: 0 });
    this.canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": "Map of all samples. Drag draws a lasso, the wheel zooms, Space and drag or the arrow keys move the view, plus and minus zoom." });
    this.over = h("canvas.over", { "aria-hidden": "true" });
    this.node = h("div.map", {}, this.canvas, this.over);
    this.gl = new URLSearchParams(location.search).has("nowebgl") ? null : this.canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    this.node.dataset.drawn = this.gl ? "webgl2" : "2d";
    if (!this.gl) this.flat = this.canvas.getContext("2d");
    this.#hear();
    new ResizeObserver(() => this.draw()).observe(this.node);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (this.classes) this.colour(this.classes); });
  }

  /** x, y (float32) and class (int32) of every sample, as the service sends them. */
  load(buffer) {
    const n = buffer.byteLength / 12;
    Object.assign(this, { n, x: new Float32Array(buffer, 0, n), y: new Float32Array(buffer, 4 * n, n), number: new Int32Array(buffer, 8 * n, n) });
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < n; i += 1) {
      const [x, y] = [this.x[i], this.y[i]];
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < low) low = y;
      if (y > high) high = y;
    }
    this.centre = [(left + right) / 2 || 0, (low + high) / 2 || 0];
    this.span = [Math.max(right - left, 1e-6) * 1.06 || 1, Math.max(high - low, 1e-6) * 1.06 || 1];
    this.zoom = 1;
    if (this.gl) this.#upload();
    this.draw();
  }

  colour(classes) {
    this.classes = classes;
    const most = Math.max(0, ...classes.map((one) => one.number)) + 1;
    const rows = Math.ceil(most / 1024);
    const texels = new Uint8Array(1024 * rows * 4);
    for (const held of classes) texels.set([...shadeRgb(held).map((v) => Math.round(255 * v)), 225], 4 * held.number);
    this.texels = texels;
    if (this.gl) {
      const gl = this.gl;
      this.texture ??= gl.createTexture();
      gl.bindTexture(gl.TEXTURE_2D, this.texture);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 1024, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    }
    this.draw();
  }

  /** Colour one class and grey the others; -1 colours all. */
  focus(number) { this.open = number; this.draw(); }

  #upload() {
    const gl = this.gl;
    if (!this.program) this.#compile();
    const [order, at, number] = [shuffled(this.n), new Float32Array(2 * this.n), new Float32Array(this.n)];
    for (let i = 0; i < this.n; i += 1) {
      const row = order[i];
      at[2 * i] = this.x[row];
      at[2 * i + 1] = this.y[row];
      number[i] = this.number[row];
    }
    const fill = (buffer, data, name, size) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
      const place = gl.getAttribLocation(this.program, name);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, 0, 0);
    };
    fill(this.places ??= gl.createBuffer(), at, "at", 2);
    fill(this.numbers ??= gl.createBuffer(), number, "number", 1);
  }

  #compile() {
    const gl = this.gl;
    const part = (kind, text) => { const made = gl.createShader(kind); gl.shaderSource(made, text); gl.compileShader(made); return made; };
    const program = gl.createProgram();
    gl.attachShader(program, part(gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(program, part(gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(program);
    this.program = program;
    this.uniform = Object.fromEntries(["view", "size", "open"].map((name) => [name, gl.getUniformLocation(program, name)]));
  }

  /** Draw all again, from the next frame on. */
  draw() { this.next = 0; this.#ask(); }

  /** Ask for a frame; several asks make one. */
  #ask() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => { this.waiting = false; this.#frame(now); });
  }

  /** Make slices larger while frames come quickly, and smaller when they do not. */
  #pace(now) {
    const took = now - (this.last ?? now - QUICK_MS);
    this.last = now;
    if (took > IDLE_MS) return;  // the map stood still in between
    if (took > SLOW_MS) this.slice = Math.max(LEAST_SLICE, Math.round(this.slice / 2));
    else if (took < QUICK_MS) this.slice = Math.min(Math.max(this.n, LEAST_SLICE), Math.ceil(this.slice * 1.3));
  }

  #frame(now) {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [w, height] = [Math.round(this.node.clientWidth * ratio), Math.round(this.node.clientHeight * ratio)];
    if (!w || !this.x || !this.texels) return;
    for (const one of [this.canvas, this.over]) {
      if (one.width === w && one.height === height) continue;
      Object.assign(one, { width: w, height });
      this.next = 0;
    }
    const scale = Math.min(w / this.span[0], height / this.span[1]) * this.zoom;
    this.scale = scale / ratio;
    const size = Math.max(2.5, Math.min(9, 260 / Math.sqrt(this.n) * Math.sqrt(this.zoom))) * ratio;
    this.#outline(ratio);
    if (this.gl) this.#shine(now, w, height, scale, size);
    else this.#paint(w, height, scale, size);
    this.node.dataset.frames = Number(this.node.dataset.frames || 0) + 1;
  }

  #shine(now, w, height, scale, size) {
    const gl = this.gl;
    const count = Math.min(this.slice, this.n - this.next);
    if (!count) { this.last = undefined; return; }
    this.#pace(now);
    gl.viewport(0, 0, w, height);
    gl.clearColor(0, 0, 0, 0);
    if (!this.next) gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.BLEND);
    gl.enable(gl.DEPTH_TEST);  // the open class lies on top, whichever slice it comes in
    gl.depthFunc(gl.LEQUAL);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.program);
    gl.uniform4f(this.uniform.view, this.centre[0], this.centre[1], 2 * scale / w, 2 * scale / height);
    gl.uniform1f(this.uniform.size, size);
    gl.uniform1f(this.uniform.open, this.open);
    gl.drawArrays(gl.POINTS, this.next, count);
    this.next += count;
    this.node.dataset.whole = String(this.next >= this.n);
    if (this.next < this.n) this.#ask();
  }

  #paint(w, height, scale, size) {
    if (this.next) return;
    this.next = this.n;
    const flat = this.flat;
    flat.clearRect(0, 0, w, height);
    for (const wanted of this.open < 0 ? [null] : [false, true]) {
      for (let i = 0; i < this.n; i += 1) {
        const number = this.number[i];
        if (wanted !== null && (number === this.open) !== wanted) continue;
        const grey = wanted === false || number < 0;
        const [r, g, b] = this.texels.subarray(4 * number, 4 * number + 3);
        flat.fillStyle = grey ? "rgb(140 145 153 / 0.4)" : `rgb(${r} ${g} ${b} / 0.88)`;
        const x = (this.x[i] - this.centre[0]) * scale + w / 2;
        const y = height / 2 - (this.y[i] - this.centre[1]) * scale;
        flat.fillRect(x - size / 2, y - size / 2, size * 0.8, size * 0.8);
      }
    }
  }

  #outline(ratio) {
    const pen = this.over.getContext("2d");
    pen.clearRect(0, 0, this.over.width, this.over.height);
    if (!this.path || this.path.length < 2) return;
    pen.beginPath();
    for (const [x, y] of this.path) pen.lineTo(x * ratio, y * ratio);
    pen.closePath();
    pen.fillStyle = isDark() ? "rgb(143 187 232 / 0.15)" : "rgb(42 93 146 / 0.12)";
    pen.strokeStyle = isDark() ? "#8fbbe8" : "#2a5d92";
    pen.lineWidth = 1.5 * ratio;
    pen.fill();
    pen.stroke();
  }

  place([x, y]) {
    return [(x - this.node.clientWidth / 2) / this.scale + this.centre[0], (this.node.clientHeight / 2 - y) / this.scale + this.centre[1]];
  }

  #hear() {
    const at = (event) => { const box = this.canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    let from = null;
    let space = false;
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      from = at(event);
      if (event.button === 1 || space) this.panning = from;
      else this.path = [from];
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const now = at(event);
      if (this.panning) { this.#shift(now[0] - this.panning[0], now[1] - this.panning[1]); this.panning = now; }
      else if (this.path) { this.path.push(now); this.#ask(); }
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const path = this.path;
      Object.assign(this, { path: null, panning: null });
      this.#ask();
      if (!path) return;
      const drawn = path.some(([x, y]) => Math.hypot(x - from[0], y - from[1]) > 6);
      if (!drawn) this.#click(this.place(from));
      else if (path.length > 2) this.choose(thin(path).map((one) => this.place(one)), event.altKey);
    });
    this.canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.#zoom(Math.exp(-event.deltaY / 400), at(event)); }, { passive: false });
    const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    this.canvas.addEventListener("keydown", (event) => {
      const middle = [this.node.clientWidth / 2, this.node.clientHeight / 2];
      if (event.key === " ") space = true;
      else if (steps[event.key]) this.#shift(...steps[event.key]);
      else if (event.key === "+") this.#zoom(1.3, middle);
      else if (event.key === "-") this.#zoom(1 / 1.3, middle);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.canvas.addEventListener("keyup", () => { space = false; });
  }

  #shift(dx, dy) { this.centre = [this.centre[0] - dx / this.scale, this.centre[1] + dy / this.scale]; this.draw(); }

  #zoom(factor, at) {
    const before = this.place(at);
    this.zoom = Math.max(0.5, Math.min(400, this.zoom * factor));
    this.scale = this.scale * factor;
    const after = this.place(at);
    this.centre = [this.centre[0] + before[0] - after[0], this.centre[1] + before[1] - after[1]];
    this.draw();
  }

  #click([x, y]) {
    let [best, gap] = [-1, (8 / this.scale) ** 2];
    for (let i = 0; i < this.n; i += 1) {
      const d = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (d < gap && this.number[i] >= 0) [best, gap] = [i, d];
    }
    if (best >= 0) this.point(this.number[best]);
  }
}

/** The numbers below n in an order that is random and always the same. */
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let state = 1;
  for (let i = n - 1; i > 0; i -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 4294967296) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** At most 500 corners of a path. */
function thin(path) {
  const step = Math.max(1, Math.ceil(path.length / 500));
  return path.filter((_, i) => i % step === 0);
}
