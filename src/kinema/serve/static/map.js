// The map: points on a canvas, coloured by label, with a lasso; a ring does for the keyboard what the lasso does.

import { get, post, told } from "./api.js";
import { cosineUnder, fill, make, stretch } from "./cards.js";
import { colour, shape, sign } from "./colours.js";

const MOST = 200;
const element = (id) => document.getElementById(id);
const canvas = element("plane");
const draw = canvas.getContext("2d");
const state = { map: null, group: [], hidden: new Set(), chosen: new Set(), lasso: [], ring: null };

const card = {
  press: (clip) => { location.hash = `browse?like=${clip.id}`; },
  under: cosineUnder,
  says: (clip) => `${clip.label ?? "no label"}, ${clip.name}, seconds ${stretch(clip)}. Find similar`,
};

export function begin() {
  canvas.addEventListener("pointerdown", start);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", told(end));
  canvas.addEventListener("pointercancel", () => { state.lasso = []; paint(); });
  canvas.addEventListener("keydown", told(key));
  canvas.addEventListener("focus", paint);
  canvas.addEventListener("blur", paint);
  element("map-clear").addEventListener("click", told(() => { canvas.focus(); return choose([]); }));
  element("colours").addEventListener("change", told(recolour));
  element("layout").addEventListener("change", told(relay));
  new ResizeObserver(paint).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
}

export async function open() {
  if (state.map) paint();
  else await relay();
}

// The chosen layout; a later choice counts if one is made while the server still computes.
async function relay() {
  const by = element("layout").value;
  element("map-note").textContent = "The map is being computed …";
  const map = await get("api/map", { by });
  if (by !== element("layout").value) return;
  await choose([]);
  if (!state.map && !map.labels.length) element("colours").value = "cluster";
  state.map = map;
  await recolour();
  describe(by);
}

function byCluster() {
  return element("colours").value === "cluster";
}

async function recolour() {
  state.group = byCluster() ? (await get("api/clusters", { by: element("layout").value })).cluster : state.map.label;
  state.hidden.clear();
  legend();
  paint();
}

function describe(by) {
  const { map } = state;
  const which = map.ids.length < map.total ? `${map.ids.length} of ${map.total} clips, evenly spaced over the list` : `${map.total} clips`;
  element("map-note").textContent = `${which}. ` + (by === "components"
    ? `The two principal components of their vectors hold ${(100 * map.share).toFixed(0)} % of the variance: clips that lie apart here are different, clips that lie together may still differ.`
    : "Clips whose vectors are near lie beside one another (t-SNE). How large and how far apart the groups are means nothing.");
}

function legend() {
  const counts = new Map();
  for (const number of state.group) counts.set(number, (counts.get(number) ?? 0) + 1);
  const items = [...counts].sort(([one], [two]) => one - two).map(([number, count]) => {
    const name = number < 0 ? "no label" : byCluster() ? `cluster ${number + 1}` : state.map.labels[number];
    const button = make("button", { type: "button" }, sign(number), `${name} (${count})`);
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      const shown = state.hidden.delete(number);
      if (!shown) state.hidden.add(number);
      button.setAttribute("aria-pressed", String(shown));
      paint();
    });
    return make("li", {}, button);
  });
  element("key").replaceChildren(...items);
}

// Where a point is on the canvas, in CSS pixels; both axes have one scale.
function placed() {
  const { width, height } = canvas.getBoundingClientRect();
  const { x, y } = state.map;
  const span = (values) => [Math.min(...values.slice(0, 1)), Math.max(...values.slice(0, 1))];
  const [box, tall] = [span(x), span(y)];
  for (const value of x) { box[0] = Math.min(box[0], value); box[1] = Math.max(box[1], value); }
  for (const value of y) { tall[0] = Math.min(tall[0], value); tall[1] = Math.max(tall[1], value); }
  const scale = Math.min((width - 32) / (box[1] - box[0] || 1), (height - 32) / (tall[1] - tall[0] || 1));
  return x.map((value, i) => [
    width / 2 + scale * (value - (box[0] + box[1]) / 2),
    height / 2 - scale * (y[i] - (tall[0] + tall[1]) / 2),
  ]);
}

function paint() {
  const { width, height } = canvas.getBoundingClientRect();
  if (!state.map || !width) return;
  const dense = devicePixelRatio || 1;
  canvas.width = Math.round(width * dense);
  canvas.height = Math.round(height * dense);
  draw.scale(dense, dense);
  const ink = getComputedStyle(canvas);
  const size = state.map.ids.length > 3000 ? 2 : state.map.ids.length > 600 ? 3 : 4.5;
  const any = state.chosen.size > 0;
  placed().forEach(([x, y], i) => {
    const number = state.group[i];
    if (state.hidden.has(number)) return;
    const own = state.chosen.has(i);
    draw.setTransform(dense, 0, 0, dense, x * dense, y * dense);
    const path = new Path2D(shape(number, size));
    draw.globalAlpha = any && !own ? 0.25 : 0.85;
    draw.fillStyle = colour(number);
    draw.fill(path);
    if (own) {
      draw.globalAlpha = 1;
      draw.strokeStyle = ink.color;
      draw.stroke(path);
    }
  });
  draw.setTransform(dense, 0, 0, dense, 0, 0);
  draw.globalAlpha = 1;
  draw.strokeStyle = ink.color;
  if (state.lasso.length > 1) {
    draw.setLineDash([5, 4]);
    draw.beginPath();
    for (const [x, y] of state.lasso) draw.lineTo(x, y);
    draw.closePath();
    draw.stroke();
    draw.setLineDash([]);
  }
  if (state.ring && document.activeElement === canvas) {
    draw.lineWidth = 2;
    draw.beginPath();
    draw.arc(state.ring.x, state.ring.y, state.ring.r, 0, 2 * Math.PI);
    draw.stroke();
    draw.lineWidth = 1;
  }
}

function point(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function start(event) {
  if (event.button !== 0 || !state.map) return;
  canvas.setPointerCapture(event.pointerId);
  state.ring = null;
  state.lasso = [point(event)];
}

function move(event) {
  if (!state.lasso.length) return;
  state.lasso.push(point(event));
  paint();
}

async function end(event) {
  if (!state.lasso.length) return;
  const line = [...state.lasso, point(event)];
  state.lasso = [];
  const wide = Math.max(...line.map(([x, y]) => Math.hypot(x - line[0][0], y - line[0][1])));
  await choose(inside(wide < 6 ? (x, y) => Math.hypot(x - line[0][0], y - line[0][1]) < 9 : (x, y) => within(line, x, y)));
}

function inside(test) {
  const found = [];
  placed().forEach(([x, y], i) => { if (!state.hidden.has(state.group[i]) && test(x, y)) found.push(i); });
  return found;
}

// Whether a point lies in a polygon: a ray from it crosses the line an odd number of times.
export function within(line, x, y) {
  let found = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [[x1, y1], [x2, y2]] = [line[i], line[j]];
    if ((y1 > y) !== (y2 > y) && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) found = !found;
  }
  return found;
}

async function key(event) {
  if (!state.map) return;
  const box = canvas.getBoundingClientRect();
  state.ring ??= { x: box.width / 2, y: box.height / 2, r: 40 };
  const { ring } = state;
  const steps = { ArrowLeft: [-15, 0], ArrowRight: [15, 0], ArrowUp: [0, -15], ArrowDown: [0, 15] };
  if (steps[event.key]) {
    ring.x = Math.min(Math.max(ring.x + steps[event.key][0], 0), box.width);
    ring.y = Math.min(Math.max(ring.y + steps[event.key][1], 0), box.height);
  } else if (event.key === "+" || event.key === "=") ring.r = Math.min(ring.r * 1.25, 1000);
  else if (event.key === "-") ring.r = Math.max(ring.r / 1.25, 6);
  else if (event.key === "Enter") await choose(inside((x, y) => Math.hypot(x - ring.x, y - ring.y) <= ring.r));
  else if (event.key === "Escape") await choose([]);
  else return;
  event.preventDefault();
  paint();
}

async function choose(rows) {
  state.chosen = new Set(rows);
  paint();
  element("map-clear").hidden = !rows.length;
  const ids = rows.slice(0, MOST).map((i) => state.map.ids[i]);
  const more = rows.length > MOST ? `, of which the first ${MOST} are listed` : "";
  element("map-chosen").textContent = rows.length ? `${rows.length} clips chosen${more}:` : "No clip is chosen.";
  const found = ids.length ? await (await post("api/chosen", ids)).json() : { clips: [] };
  if (state.chosen.size === rows.length) fill(element("map-grid"), found.clips, card);
}
