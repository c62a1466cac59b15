// All clips, those of a label, and those that are like a clip or a video that was dropped.

import { ask, complain, get, picture, quiet, Refused, told } from "./api.js";
import { append, cosineUnder, fill, look, make, stretch } from "./cards.js";

const COUNT = 60;
const element = (id) => document.getElementById(id);
const grid = element("browse-grid");
const state = { label: "", like: "", file: null, turn: 0, index: null };

const card = {
  press: (clip) => { location.hash = `browse?like=${clip.id}`; },
  under: cosineUnder,
  says: (clip) => {
    const near = clip.cosine === undefined ? "" : `, cosine ${clip.cosine.toFixed(3)}`;
    return `${clip.label ?? "no label"}, ${clip.name}, seconds ${stretch(clip)}${near}. Find similar`;
  },
};

export function begin(index) {
  state.index = index;
  const every = make("option", { value: "", textContent: `all (${index.clips})` });
  const labels = Object.entries(index.labels);
  const named = labels.map(([name, count]) => make("option", { value: name, textContent: `${name} (${count})` }));
  element("filter").append(every, ...named);
  element("filter").closest("label").hidden = !labels.length;
  element("filter").addEventListener("change", told(() => { state.label = element("filter").value; return show(); }));
  element("more").addEventListener("click", told(more));
  element("back").addEventListener("click", back);
  element("attention").addEventListener("change", () => { look.attention = element("attention").checked; });
  element("attention-switch").hidden = !index.network;
  element("drop").classList.toggle("off", !index.network);
  element("no-network").hidden = index.network;
  element("no-network").textContent = index.why;
  if (index.network) dropping();
}

function dropping() {
  element("file").addEventListener("change", told(async () => {
    const [file] = element("file").files;
    element("file").value = "";
    if (file) await search(file);
  }));
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
  addEventListener("dragleave", () => document.body.classList.remove("over"));
  addEventListener("drop", told(async (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    const [file] = event.dataTransfer.files;
    if (file) await search(file);
  }));
}

async function search(file) {
  const most = state.index.upload_bytes;
  if (file.size > most) {
    throw new Refused(`${file.name} has ${(file.size / 2 ** 20).toFixed(1)} MB; up to ${(most / 2 ** 20).toFixed(0)} MB are taken.`);
  }
  if (!file.size) throw new Refused(`${file.name} is empty.`);
  Object.assign(state, { file, like: "" });
  if (location.hash === "#browse?video") await show();
  else location.hash = "browse?video";
}

export function back() {
  location.hash = "browse";
  element("filter").focus();
}

export async function open(query) {
  state.like = query.get("like") ?? "";
  if (!query.has("video")) state.file = null;
  await show();
}

async function show() {
  const turn = ++state.turn;
  const searched = Boolean(state.like || state.file);
  element("back").hidden = !searched;
  element("query").hidden = true;
  element("more").hidden = true;
  element("browse-title").textContent = state.file ? `Like ${state.file.name}` : state.like ? "Similar clips" : "All clips";
  element("browse-note").textContent = state.file ? "The video is being read …" : "";
  if (searched) grid.replaceChildren();
  try {
    const found = await clips();
    if (turn !== state.turn) return;
    quiet();
    fill(grid, found.clips, card);
    describe(found, searched);
  } catch (problem) {
    if (turn !== state.turn) return;
    element("browse-note").textContent = "";
    if (searched) element("browse-title").textContent = "Nothing was searched";
    complain(problem);
  }
}

async function clips() {
  const given = { label: state.label, count: COUNT };
  if (state.like) return get(`api/clips/${encodeURIComponent(state.like)}/near`, given);
  if (!state.file) return get("api/clips", given);
  const query = new URLSearchParams(given);
  const headers = { "content-type": "application/octet-stream" };
  return (await ask(`api/search?${query}`, { method: "POST", body: state.file, headers })).json();
}

function describe(found, searched) {
  const among = state.label ? ` among ${state.label}` : "";
  const note = searched ? `The ${found.clips.length} nearest${among}, by cosine; press one to go on from it.`
    : `${found.total} clips; press one to find those that are like it.`;
  element("browse-note").textContent = found.left_out ? `${note} Of the video, ${found.left_out}.` : note;
  element("more").hidden = searched || found.clips.length >= found.total;
  if (!searched) return;
  const query = element("query");
  if (state.file) {
    const source = URL.createObjectURL(state.file);
    const video = make("video", { src: source, muted: true, loop: true, autoplay: true, playsInline: true });
    video.addEventListener("error", () => video.remove());
    query.replaceChildren(video, make("p", {}, make("b", { textContent: "Your video: " }), state.file.name));
  } else {
    const clip = found.query;
    const image = make("img", { src: picture(clip.id, "moving"), alt: "" });
    query.replaceChildren(image, make("p", {}, make("b", { textContent: clip.label ?? clip.name }),
      make("br"), ...(clip.label ? [clip.name, make("br")] : []), `seconds ${stretch(clip)}`));
  }
  query.hidden = false;
}

async function more() {
  const offset = grid.children.length;
  const found = await get("api/clips", { label: state.label, offset, count: COUNT });
  append(grid, found.clips, card);
  element("more").hidden = grid.children.length >= found.total;
  grid.children[offset]?.querySelector("button").focus();
}
