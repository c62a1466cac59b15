"""The report's style sheet: light and dark, from 400 pixels wide upwards."""

CSS = """
:root {
  --paper: #fdfdfc; --panel: #f3f3f0; --ink: #1d2125; --soft: #5a636b; --line: #d8d8d3;
  --wrong: #b3261e; --right: #1b7048; --link: #1a5fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181b; --panel: #1f2428; --ink: #e6e8ea; --soft: #a3adb6; --line: #3a4248;
    --wrong: #ff8f85; --right: #6fd3a3; --link: #82b7f2;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 96rem; padding: 1rem clamp(.75rem, 3vw, 2.5rem) 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: clamp(1.4rem, 4vw, 2rem); line-height: 1.2; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 0 0 .5rem; padding-top: 1.25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { max-width: 75ch; margin: .5rem 0; }
a { color: var(--link); }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .9em; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: 1rem; }
figure { margin: 0; }
figcaption { font-size: .85rem; line-height: 1.35; color: var(--soft); overflow-wrap: anywhere; }
figcaption b { color: var(--ink); }
img { display: block; width: 100%; height: auto; border-radius: 3px; }
.small { font-size: .85rem; max-width: none; }
.soft, .absent { color: var(--soft); }
.absent { border-left: 3px solid var(--line); padding-left: .75rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: .6rem 1.5rem;
  margin: 1rem 0; }
.facts dt { font-size: .8rem; color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
thead th { font-weight: 600; border-bottom-width: 2px; }
tbody th { font-weight: 600; }
td small { display: block; color: var(--soft); white-space: nowrap; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); gap: 1.5rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 1.5rem; }
svg.chart { width: 100%; height: auto; display: block; color: var(--ink); }
svg.chart * { stroke-linejoin: round; }
.key { list-style: none; padding: 0; margin: .75rem 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem;
  font-size: .85rem; }
.key li { display: flex; align-items: center; gap: .35rem; overflow-wrap: anywhere; }
.key svg { width: .85rem; height: .85rem; flex: none; }
.queries { list-style: none; padding: 0; margin: 1rem 0; }
.queries > li { display: grid; grid-template-columns: 1fr 3fr 3fr; gap: .5rem 1.75rem; padding: .9rem 0;
  border-bottom: 1px solid var(--line); }
.group > b { display: block; font-size: .8rem; color: var(--soft); font-weight: 600; margin-bottom: .2rem; }
.found { display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem; }
.match img { border: 3px solid transparent; }
.match.wrong img { border-color: var(--wrong); }
.match.wrong figcaption b { color: var(--wrong); }
.match.right figcaption b { color: var(--right); }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1.75rem; }
.clips figure > div { display: grid; grid-template-columns: 5.5rem 1fr; gap: .3rem .6rem; align-items: center;
  font-size: .85rem; margin-bottom: .3rem; }
@media (max-width: 62rem) {
  .queries > li { grid-template-columns: 1fr; }
  .queries .query { max-width: 20rem; }
}
@media (max-width: 40rem) {
  .found { grid-template-columns: 1fr; max-width: 20rem; }
  .clips figure > div { grid-template-columns: 1fr; }
}
"""
