"""The curves of a run, from the rows of its `metrics.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kinema.visualise.drawing import COLOURS, label_axes, legend, new_figure, to_svg
from kinema.visualise.page import text

Rows = Sequence[Mapping[str, Any]]
"""One an epoch: `step`, `epoch`, then figures such as `train/loss` and `probe/knn_top1`; a row may lack some."""


@dataclass(frozen=True)
class Panel:
    """One small chart: figures that share an axis."""

    title: str
    unit: str
    figures: tuple[str, ...]
    """Names of figures, as the rows have them."""
    note: str = ""
    """What to look for."""
    chance: float | None = None
    """Where a dashed line is drawn."""


_BANK = "A loss against a memory bank rises while the bank fills with real features; compare it with chance, not zero."
_KNOWN = (
    Panel("kNN accuracy", "percent", ("probe/knn_top1",), "Train videos, each classified by the others' votes."),
    Panel("Feature spread", "share of an even sphere", ("probe/feature_std",), "Falls to 0 if all features collapse."),
    Panel("Effective rank", "dimensions", ("probe/effective_rank",), "How many dimensions the features make use of."),
    Panel("Learning rate", "", ("train/lr",)),
    Panel("Time a step", "seconds", ("train/step_time", "train/data_time"), "Data time is the part spent waiting."),
    Panel("Gradient norm", "", ("train/grad_norm",), "Mean over the epoch, before clipping."),
)
_SUPPORT = "support_"


def panels(rows: Rows, chance: Mapping[str, float]) -> list[Panel]:
    """A panel for each loss term and accuracy of training, then the known figures, then whatever else was logged.

    A term's value on MCN's support half (`support_` before its name) shares the panel of its value on the query half.
    """
    logged = list(dict.fromkeys(name for row in rows for name in row if "/" in name))
    known = {name for panel in _KNOWN for name in panel.figures}
    terms = [name for name in logged if name not in known and not name.startswith(f"train/{_SUPPORT}")]
    found = [_term(name, logged, chance) for name in terms]
    for panel in _KNOWN:
        present = tuple(name for name in panel.figures if name in logged)
        if present:
            found.append(Panel(panel.title, panel.unit, present, panel.note))
    return sorted(found, key=lambda panel: panel.figures[0] != "train/loss")


def curves(rows: Rows, chance: Mapping[str, float]) -> str:
    """HTML of all panels, as SVG.

    Raises:
        UsageError: matplotlib is not installed.
    """
    figures = "".join(_figure(panel, rows, number) for number, panel in enumerate(panels(rows, chance)))
    return f'<div class="charts">\n{figures}</div>\n'


def points(rows: Rows, name: str) -> tuple[list[float], list[float]]:
    """Epochs and values of a figure, from the rows that have it."""
    having = [row for row in rows if name in row]
    return [float(row["epoch"]) for row in having], [float(row[name]) for row in having]


def training_seconds(rows: Rows) -> float:
    """How long the steps of a run took in all, in seconds: each row's steps times its mean step time."""
    seconds, before = 0.0, 0
    for row in rows:
        seconds += (row["step"] - before) * row.get("train/step_time", 0.0)
        before = row["step"]
    return seconds


def _term(name: str, logged: Sequence[str], chance: Mapping[str, float]) -> Panel:
    """The panel of a loss term or of an accuracy of it."""
    group, _, term = name.partition("/")
    support = f"{group}/{_SUPPORT}{term}"
    share = term.endswith(("_acc", "_recall"))
    note = _BANK if term == "contrast" else ""
    names = (name, support) if support in logged else (name,)
    title = _words(term).capitalize() if group == "train" else name
    return Panel(title, "share" if share else "nats" if group == "train" else "", names, note, chance.get(term))


def _figure(panel: Panel, rows: Rows, number: int) -> str:
    figure, axes = new_figure(4.6, 2.9)
    for colour, name in zip(COLOURS, panel.figures, strict=False):
        epochs, values = points(rows, name)
        marker = "o" if len(epochs) <= 20 else ""
        axes.plot(epochs, values, color=colour, marker=marker, markersize=3.5, linewidth=1.7, label=_line_name(name))
    if panel.chance is not None:
        axes.axhline(panel.chance, color=COLOURS[8], linestyle="--", linewidth=1.3, label="chance")
    if len(panel.figures) > 1 or panel.chance is not None:
        legend(axes)
    axes.set_xlim(0, 1.03 * max(float(row["epoch"]) for row in rows))
    label_axes(axes, "epoch", panel.unit)
    described = _described(panel, rows)
    caption = f"<b>{text(panel.title)}.</b> {text(described)} {text(panel.note)}"
    drawn = to_svg(figure, f"curve{number}", f"{panel.title} over epochs. {described}")
    return f"<figure>\n{drawn}\n<figcaption>{caption}</figcaption>\n</figure>\n"


def _line_name(name: str) -> str:
    term = name.partition("/")[2]
    if term.startswith(_SUPPORT):
        return "support half"
    return _words(term)


def _words(term: str) -> str:
    return term.replace("_acc", " accuracy").replace("_", " ")


def _described(panel: Panel, rows: Rows) -> str:
    """First and last value in words, for those who do not see the line."""
    epochs, values = points(rows, panel.figures[0])
    said = f"{values[0]:.4g} after epoch {epochs[0]:g}"
    if len(values) > 1:
        said += f", {values[-1]:.4g} after epoch {epochs[-1]:g}"
    return said + (f"; chance {panel.chance:.4g}." if panel.chance is not None else ".")
