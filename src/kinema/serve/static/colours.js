// Ten colours that stand out from light and from dark paper, and four shapes: forty labels that all look different.

export const COLOURS = ["#3a86c8", "#e0791e", "#2f9e6e", "#c9559a", "#8a6fd1", "#a3852b", "#d9534f", "#2aa5b0", "#7f8a94", "#6c9a2d"];

// A path about (0, 0) of the size of a point.
const SHAPES = [
  (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  (r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (r) => `M0 ${-1.3 * r}L${1.2 * r} ${r}H${-1.2 * r}z`,
  (r) => `M0 ${-1.4 * r}L${1.4 * r} 0L0 ${1.4 * r}L${-1.4 * r} 0z`,
];

export function colour(number) {
  return number < 0 ? COLOURS[8] : COLOURS[number % COLOURS.length];
}

export function shape(number, size) {
  return SHAPES[number < 0 ? 0 : Math.floor(number / COLOURS.length) % SHAPES.length](size);
}

export function svg(kind, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function sign(number) {
  const mark = svg("path", { d: shape(number, 4), fill: colour(number) });
  return svg("svg", { viewBox: "-6 -6 12 12", "aria-hidden": "true" }, mark);
}
