const done = arguments[0], end = performance.now() + 4000;
(function step() { window.scrollBy(0, 60); performance.now() < end ? requestAnimationFrame(step) : done(); })();
