// Keep the gaps between animation frames.
window.seen = { frames: [] };
let last = performance.now();
(function frame(now) { seen.frames.push(now - last); last = now; requestAnimationFrame(frame); })(last);
