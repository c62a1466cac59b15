// Few-shot labelling: labels given here are sent to the server, which fits a linear classifier and forgets them.

import { get, post, Refused, told } from "./api.js";
import { append, fill, make, stretch } from "./cards.js";

const COUNT = 60;
const element = (id) => document.getElementById(id);
const state = { key: "", names: [], now: "", given: new Map(), seen: new Map(), clips: [], total: 0, sorted: null, stale: false };

export function begin(index) {
  state.key = `kinema ${index.digest}`;
  restore();
  element("new-label").addEventListener("submit", (event) => { event.preventDefault(); add(element("label-name").value.trim()); });
  element("fit").addEventListener("click", told(fit));
  element("export").addEventListener("click", told(() => save(false)));
  element("export-all").addEventListener("click", told(() => save(true)));
  element("forget").addEventListener("click", forget);
  element("label-more").addEventListener("click", told(more));
  element("guess").addEventListener("change", list);
  element("least").addEventListener("change", list);
  addEventListener("keydown", digit);
}

export async function open() {
  if (!state.clips.length) await load();
  buttons();
  list();
}

async function load() {
  const found = await get("api/clips", { offset: state.clips.length, count: COUNT });
  state.clips.push(...found.clips);
  state.total = found.total;
  const lacking = [...state.given.keys()].filter((id) => !state.seen.has(id));
  if (!lacking.length) return;
  for (const clip of (await (await post("api/chosen", lacking)).json()).clips) state.seen.set(clip.id, clip);
}

function restore() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(state.key) ?? "{}");
    state.names = kept.names ?? [];
    state.given = new Map(Object.entries(kept.given ?? {}));
    state.now = state.names[0] ?? "";
  } catch {
    sessionStorage.removeItem(state.key);
  }
}

function keep() {
  sessionStorage.setItem(state.key, JSON.stringify({ names: state.names, given: Object.fromEntries(state.given) }));
}

function add(name) {
  if (!name) return;
  if (!state.names.includes(name)) state.names.push(name);
  state.now = name;
  element("label-name").value = "";
  keep();
  buttons();
}

function digit(event) {
  if (element("label").hidden || event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const name = state.names[Number(event.key) - 1];
  if (!name) return;
  state.now = name;
  buttons();
  const shot = event.target.closest?.("#label .shot");
  if (shot) give(state.seen.get(shot.dataset.id), shot, name);
}

function buttons() {
  const counts = new Map(state.names.map((name) => [name, 0]));
  for (const name of state.given.values()) counts.set(name, (counts.get(name) ?? 0) + 1);
  const made = [...counts].map(([name, count], place) => {
    const hint = place < 9 ? `${place + 1}: ` : "";
    const button = make("button", { type: "button", textContent: `${hint}${name} (${count})` });
    button.setAttribute("aria-pressed", String(name === state.now));
    button.addEventListener("click", () => { state.now = name; buttons(); element("labels").querySelector("[aria-pressed=true]").focus(); });
    return button;
  });
  element("labels").replaceChildren(...made);
  const kinds = new Set(state.given.values()).size;
  element("fit").disabled = kinds < 2;
  element("export").disabled = element("forget").disabled = !state.given.size;
  element("export-all").disabled = kinds < 2;
  element("label-note").textContent = note(kinds);
}

function note(kinds) {
  if (!state.names.length) return "Add the names of two labels or more to begin.";
  const count = `${state.given.size} clips labelled.`;
  if (kinds < 2) return `${count} Give clips of two labels at least.`;
  if (!state.sorted) return `${count} Sort the others when you like; more examples make it better.`;
  const { tried, right } = state.sorted;
  const poor = tried && right <= state.sorted.most ? " That is no better than always saying the most frequent label: trust no guess yet." : "";
  const checked = tried ? ` Each labelled clip told by a classifier of others: ${right} of ${tried} right.${poor}` : "";
  return `${count}${checked}${state.stale ? " You have labelled since: sort again." : ""} How sure it is was not checked against anything.`;
}

const card = {
  press: (clip, shot) => give(clip, shot, state.given.get(clip.id) === state.now ? "" : state.now),
  tag: (clip) => state.given.get(clip.id) ?? (clip.guess ? `${clip.guess}?` : ""),
  chosen: (clip) => state.given.has(clip.id),
  under: (clip) => {
    const sure = clip.guess ? [make("b", { textContent: `${(100 * clip.share).toFixed(0)} %` }), " "] : [];
    return make("p", {}, ...sure, `${clip.name.split("/").at(-1)}, ${stretch(clip)}\u00a0s`);
  },
  says: (clip) => {
    const given = state.given.get(clip.id);
    const guess = clip.guess ? `, guessed ${clip.guess}, ${(100 * clip.share).toFixed(0)} percent sure` : "";
    return `${clip.name}, ${given ? `labelled ${given}` : "no label given"}${guess}`;
  },
};

function give(clip, shot, name) {
  if (!clip) return;
  if (!state.now && !name) {
    element("label-name").focus();
    element("label-note").textContent = "Add a label first.";
    return;
  }
  if (name) state.given.set(clip.id, name);
  else state.given.delete(clip.id);
  state.stale = true;
  keep();
  buttons();
  for (const each of document.querySelectorAll(`#label .shot[data-id="${clip.id}"]`)) {
    each.querySelector(".tag")?.remove();
    const mark = card.tag(clip);
    if (mark) each.append(make("span", { className: "tag", textContent: mark }));
    each.classList.toggle("chosen", Boolean(name));
    each.setAttribute("aria-label", card.says(clip));
  }
  given();
  shot.focus();
}

function given() {
  const clips = [...state.given.keys()].map((id) => state.seen.get(id)).filter(Boolean);
  element("given-title").hidden = !clips.length;
  if (!element("given-grid").contains(document.activeElement)) fill(element("given-grid"), clips, { ...card, under: () => "" });
}

function shown() {
  if (!state.sorted) return state.clips;
  const guess = element("guess").value;
  const found = state.sorted.clips.filter((clip) => !guess || clip.guess === guess);
  return element("least").checked ? found.reverse() : found;
}

function list() {
  const clips = shown().slice(0, COUNT);
  for (const clip of clips) state.seen.set(clip.id, clip);
  element("order").hidden = !state.sorted;
  element("rest-title").textContent = state.sorted ? "The others, by how sure the classifier is" : "Clips";
  given();
  fill(element("label-grid"), clips, card);
  element("label-more").hidden = clips.length >= (state.sorted ? shown().length : state.total);
}

async function more() {
  const offset = element("label-grid").children.length;
  if (!state.sorted && state.clips.length < state.total) await load();
  const clips = shown().slice(offset, offset + COUNT);
  for (const clip of clips) state.seen.set(clip.id, clip);
  append(element("label-grid"), clips, card);
  const total = state.sorted ? shown().length : state.total;
  element("label-more").hidden = element("label-grid").children.length >= total;
}

async function fit() {
  element("label-note").textContent = "The classifier is being fitted …";
  try {
    state.sorted = await (await post("api/probe", Object.fromEntries(state.given))).json();
    state.stale = false;
    state.sorted.most = Math.max(...state.sorted.classes.map((name) => [...state.given.values()].filter((each) => each === name).length));
  } finally {
    buttons();
  }
  const options = state.sorted.classes.map((name) => make("option", { value: name, textContent: name }));
  element("guess").replaceChildren(make("option", { value: "", textContent: "all guesses" }), ...options);
  list();
}

async function save(guesses) {
  if (!state.given.size) throw new Refused("Nothing is labelled yet.");
  const answer = await post(`api/labels.csv?guesses=${guesses}`, Object.fromEntries(state.given));
  const link = make("a", { href: URL.createObjectURL(await answer.blob()), download: guesses ? "labels_and_guesses.csv" : "labels.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function forget() {
  if (!confirm(`Forget ${state.given.size} labels? They are not exported for you.`)) return;
  Object.assign(state, { given: new Map(), sorted: null, stale: false });
  keep();
  buttons();
  list();
}
