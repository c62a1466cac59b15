// Clips as a grid of buttons whose pictures play while they are pointed at or have the focus.

import { picture, reason } from "./api.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
export const look = { attention: false };

export function make(kind, properties = {}, ...children) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...children);
  return made;
}

export function stretch(clip) {
  return `${clip.start.toFixed(1)}–${clip.end.toFixed(1)}`;
}

export function fill(list, clips, { press, tag, under, says, chosen = () => false }) {
  list.replaceChildren();
  append(list, clips, { press, tag, under, says, chosen });
}

export function append(list, clips, { press, tag, under, says, chosen = () => false }) {
  for (const clip of clips) {
    const image = make("img", { src: picture(clip.id, "still"), alt: "", loading: "lazy", decoding: "async" });
    const shot = make("button", { type: "button", className: "shot", title: clip.name }, image);
    shot.dataset.id = clip.id;
    const mark = tag ? tag(clip) : clip.label;
    if (mark) shot.append(make("span", { className: "tag", textContent: mark }));
    shot.setAttribute("aria-label", says(clip));
    shot.classList.toggle("chosen", chosen(clip));
    shot.addEventListener("click", () => press(clip, shot));
    plays(shot, image, clip.id);
    list.append(make("li", { className: "card" }, shot, under(clip)));
  }
}

export function cosineUnder(clip) {
  const name = clip.name.split("/").slice(-1)[0];
  const bold = clip.cosine === undefined ? [] : [make("b", { textContent: clip.cosine.toFixed(3) }), " "];
  return make("p", {}, ...bold, `${name}, ${stretch(clip)}\u00a0s`);
}

function plays(shot, image, id) {
  const begin = () => {
    if (still.matches && !look.attention) return;
    const moving = new Image();
    shot.classList.add("busy");
    moving.onload = () => {
      shot.classList.remove("busy");
      if (shot.matches(":hover, :focus")) image.src = moving.src;
    };
    moving.onerror = () => shot.classList.remove("busy");
    moving.src = picture(id, look.attention ? "attention" : "moving");
  };
  const end = () => {
    if (!shot.matches(":hover, :focus")) image.src = picture(id, "still");
  };
  shot.addEventListener("mouseenter", begin);
  shot.addEventListener("focus", begin);
  shot.addEventListener("mouseleave", end);
  shot.addEventListener("blur", end);
  image.addEventListener("error", async () => {
    const answer = await fetch(image.src).catch(() => null);
    const why = answer && !answer.ok ? await reason(answer) : "This picture cannot be shown.";
    image.replaceWith(make("span", { className: "why", textContent: why }));
  }, { once: true });
}

// Arrow keys, Home and End go from clip to clip of the grid that has the focus.
export function arrows(event) {
  const shot = event.target.closest?.(".grid .shot");
  if (!shot || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...shot.closest(".grid").querySelectorAll(".shot")];
  const place = all.indexOf(shot);
  const top = all[0].getBoundingClientRect().top;
  const columns = Math.max(all.findIndex((each) => each.getBoundingClientRect().top > top + 5), 1);
  const wide = all.at(-1).getBoundingClientRect().top > top + 5 ? columns : all.length;
  const steps = { ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: place - wide, ArrowDown: place + wide, Home: 0, End: all.length - 1 };
  const next = all[steps[event.key]];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
