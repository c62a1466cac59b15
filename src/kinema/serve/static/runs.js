// Curves and result tables of the runs, side by side.

import { get } from "./api.js";
import { make } from "./cards.js";
import { colour, svg } from "./colours.js";

const element = (id) => document.getElementById(id);
const state = { runs: 0, loaded: false, why: "" };
const DASHES = ["", "6 4", "2 3"];
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [420, 230, 48, 30, 10];

export function begin(index) {
  Object.assign(state, { runs: index.runs });
}

export async function open() {
  if (state.loaded) return;
  if (!state.runs) {
    element("runs-note").textContent = "The run that made these vectors is not there, or was exported, without its curves: start with --run RUN, and --against RUN for others.";
    return;
  }
  const told = await get("api/runs");
  state.loaded = true;
  const names = told.runs.map((run) => run.name);
  const words = told.runs.map((run) => `${run.name}: ${run.method}, recipe ${run.recipe}`).join("; ");
  const hint = [" Start with ", make("code", { textContent: "--against RUN" }), " to see another beside it."];
  element("runs-note").replaceChildren(`${words}.`, ...(told.runs.length < 2 ? hint : []));
  element("tables").replaceChildren(...(told.tables.length ? told.tables.map(table) : [make("p", { className: "note",
    textContent: "No results yet: `kinema retrieve`, knn, linear and finetune write them." })]));
  element("charts").replaceChildren(...told.charts.map((chart) => figure(chart, names)));
}

function table({ title, header, rows }) {
  const head = make("tr", {}, ...header.map((name) => make("th", { scope: "col", textContent: name || "network" })));
  const body = rows.map((row) => make("tr", {}, ...row.map((cell, place) => make(place ? "td" : "th", { textContent: cell }))));
  const made = make("div", { className: "wide", tabIndex: 0 }, make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", title);
  return make("div", {}, make("p", { className: "note", textContent: title }), made);
}

function figure(chart, names) {
  const every = chart.lines.flatMap((line) => line.values).filter(Number.isFinite);
  const last = Math.max(1, ...chart.lines.flatMap((line) => line.epochs));
  let [low, high] = [Math.min(...every), Math.max(...every)];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const x = (epoch) => LEFT + ((WIDTH - LEFT - 10) * epoch) / last;
  const y = (value) => TOP + ((HEIGHT - TOP - BOTTOM) * (high - value)) / (high - low);
  const drawn = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  drawn.setAttribute("aria-label", `${chart.title} over epochs. ${chart.lines.map(spoken).join(". ")}`);
  for (const value of [low, (low + high) / 2, high]) {
    drawn.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - 10, y1: y(value), y2: y(value) }));
    drawn.append(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, short(value)));
  }
  drawn.append(svg("text", { x: LEFT, y: HEIGHT - 10 }, "epoch 0"));
  drawn.append(svg("text", { x: WIDTH - 10, y: HEIGHT - 10, "text-anchor": "end" }, String(last)));
  const key = make("ul", { className: "lines" });
  chart.lines.forEach((line) => {
    const figures = [...new Set(chart.lines.map((each) => each.figure))];
    const look = { stroke: colour(names.indexOf(line.run)), "stroke-width": 2, fill: "none",
      "stroke-dasharray": line.figure === "chance" ? "1 4" : DASHES[figures.indexOf(line.figure) % DASHES.length] };
    const ends = line.epochs.length ? line.epochs.map((epoch, i) => [x(epoch), y(line.values[i])])
      : [[LEFT, y(line.values[0])], [WIDTH - 10, y(line.values[0])]];
    drawn.append(svg("polyline", { ...look, points: ends.map((end) => end.map((each) => each.toFixed(1)).join(",")).join(" ") }));
    if (ends.length === 1) drawn.append(svg("circle", { cx: ends[0][0], cy: ends[0][1], r: 3, fill: look.stroke }));
    const mark = svg("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, svg("line", { ...look, x1: 0, x2: 26, y1: 5, y2: 5 }));
    key.append(make("li", {}, mark, `${line.run}${figures.length > 1 ? `, ${line.figure.replace(/^\w+\//, "")}` : ""}`));
  });
  const unit = chart.unit ? ` (${chart.unit})` : "";
  const caption = make("figcaption", {}, make("b", { textContent: chart.title }), `${unit}. ${chart.note}`);
  return make("figure", {}, caption, drawn, key);
}

function spoken(line) {
  const first = `${line.run}, ${line.figure}: ${short(line.values[0])}`;
  return line.values.length > 1 ? `${first} at first, ${short(line.values.at(-1))} at last` : first;
}

function short(value) {
  return Number(value.toPrecision(3)).toString();
}
