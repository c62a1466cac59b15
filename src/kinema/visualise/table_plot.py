"""Our rows of a table as bars with their intervals, and the paper's figures for the same rows as marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinema.errors import UsageError
from kinema.visualise.drawing import COLOURS, label_axes, new_figure

_MARKERS = ("D", "s", "^")
WIDTH = 7.5
"""Of the drawing, in inches."""


@dataclass(frozen=True)
class Bar:
    """One of our figures, in percent."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PlotRow:
    """A row of the drawing."""

    label: str
    ours: Mapping[str, Bar]
    """By column."""
    paper: Mapping[str, float]
    """By data set."""


def legend_columns(names: Sequence[str]) -> int:
    """How many names of a legend stand beside one another without leaving the drawing, at most three."""
    widest = max((len(name) for name in names), default=0)
    return max(1, min(3, int(WIDTH / (0.7 + 0.075 * widest))))  # a letter of 9 points and a key, in inches


def draw(path: str | Path, rows: Sequence[PlotRow], *, unit: str) -> None:
    """Write a PNG: a group of bars for each row, the first on top, a colour for each of our columns.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row.ours))
    sets = list(dict.fromkeys(name for row in rows for name in row.paper))
    height = 0.8 / max(1, len(columns))
    beside = legend_columns([*columns, *(f"paper, {name}" for name in sets)])
    tall = 0.9 + 0.22 * -(-(len(columns) + len(sets)) // beside)
    figure, axes = new_figure(WIDTH, tall + len(rows) * max(0.45, 0.24 * len(columns)))
    for number, name in enumerate(columns):
        drawn = [(place, row.ours[name]) for place, row in enumerate(rows) if name in row.ours]
        places = [place - 0.4 + height * (number + 0.5) for place, _ in drawn]
        values = [bar.value for _, bar in drawn]
        colour = COLOURS[number % len(COLOURS)]
        axes.barh(places, values, height=0.9 * height, color=colour, label=name)
        for y, (_, bar) in zip(places, drawn, strict=True):
            if bar.low is not None and bar.high is not None:
                axes.plot([bar.low, bar.high], [y, y], color="#333333", linewidth=1.1, solid_capstyle="butt")
    for number, name in enumerate(sets):
        marked = [(row.paper[name], float(place)) for place, row in enumerate(rows) if name in row.paper]
        values, places = [value for value, _ in marked], [place for _, place in marked]
        marker = _MARKERS[number % len(_MARKERS)]
        axes.scatter(values, places, s=32, marker=marker, color="#111111", label=f"paper, {name}", zorder=3)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    label_axes(axes, unit, "")
    if columns or sets:
        figure.legend(frameon=False, fontsize=9, loc="outside upper left", ncols=beside)  # over no bar or mark
    try:
        figure.savefig(path, dpi=150, facecolor="white")
    except OSError as problem:
        raise UsageError(f"{path}: cannot be written ({problem.strerror}); give another file") from problem
