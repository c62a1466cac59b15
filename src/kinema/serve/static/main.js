// Which view is shown: the part of the address after #.

import { complain, get, told } from "./api.js";
import { arrows } from "./cards.js";
import * as browse from "./browse.js";
import * as label from "./label.js";
import * as map from "./map.js";
import * as runs from "./runs.js";

const views = { browse, map, label, runs };
const names = { browse: "Browse", map: "Map", label: "Label", runs: "Runs" };

async function open() {
  const [view, query = ""] = location.hash.slice(1).split("?");
  const shown = Object.hasOwn(views, view) ? view : "browse";
  for (const name of Object.keys(views)) document.getElementById(name).hidden = name !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${shown}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${names[shown]} – kinema`;
  await views[shown].open(new URLSearchParams(query));
}

async function begin() {
  const index = await get("api/index");
  document.getElementById("name").textContent = `${index.name}, ${index.clips} clips by ${index.run}`;
  for (const view of Object.values(views)) view.begin(index);
  addEventListener("hashchange", told(open));
  await open();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
addEventListener("keydown", arrows);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && location.hash.startsWith("#browse?")) browse.back();
});
begin().catch(complain);
