const done = arguments[0], end = performance.now() + 4000, map = document.querySelector("canvas");
const box = map.getBoundingClientRect(), at = (kind, x, y, more = {}) => map.dispatchEvent(new PointerEvent(
  kind, { clientX: x, clientY: y, bubbles: true, pointerId: 1, button: 0, buttons: 1, ...more }));
const x = box.left + box.width / 2, y = box.top + box.height / 2;
window.dispatchEvent(new KeyboardEvent("keydown", { key: " ", code: "Space", bubbles: true }));
map.dispatchEvent(new KeyboardEvent("keydown", { key: " ", code: "Space", bubbles: true }));
at("pointerdown", x, y);
let n = 0;
(function step() {
  n += 1; at("pointermove", x + 80 * Math.sin(n / 9), y + 80 * Math.cos(n / 9));
  map.dispatchEvent(new WheelEvent("wheel", { deltaY: n % 40 < 20 ? -30 : 30, clientX: x, clientY: y, bubbles: true, cancelable: true }));
  if (performance.now() < end) requestAnimationFrame(step); else { at("pointerup", x, y, { buttons: 0 }); done(); }
})();
