// A hue for each coarse class, a shade of it for each fine class; the same over re-solves.

const GOLDEN = 137.508;

export const hue = (coarse) => (210 + GOLDEN * coarse) % 360;

/** CSS colour of a class: the hue of its first parent, its lightness by its rank there. */
export function shade(held, dark = isDark()) {
  const step = ((held.colour * 0.618034) % 1);
  const light = dark ? 52 + 22 * step : 34 + 24 * step;
  return `hsl(${hue(held.parents[0] ?? 0).toFixed(1)} ${(48 + 30 * ((held.colour * 0.381966) % 1)).toFixed(0)}% ${light.toFixed(0)}%)`;
}

export const isDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** [r, g, b] in 0..1 of hue (degrees), saturation and lightness (0..1). */
export function rgb(degrees, s, l) {
  const f = (n) => {
    const k = (n + degrees / 30) % 12;
    return l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return [f(0), f(8), f(4)];
}

export function shadeRgb(held) {
  const parts = /hsl\(([\d.]+) (\d+)% (\d+)%\)/.exec(shade(held));
  return rgb(+parts[1], +parts[2] / 100, +parts[3] / 100);
}
