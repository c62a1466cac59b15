"""MCN's Figure 4 as a picture: queries, and what each network finds nearest to them; wrong ones framed in red."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from kinema.evaluate.features import Features
from kinema.visualise.choice import class_name
from kinema.visualise.drawing import missing_plots, to_png
from kinema.visualise.retrieval_grid import Match

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RIGHT, WRONG = "#1b9e4b", "#d11f1f"
_BANDS = ("#ffffff", "#efefec")
_CELL = 1.35  # inches a picture
_DPI = 100


def retrieval_png(
    query: Features,
    rows: Sequence[int],
    found: Mapping[str, Sequence[Sequence[Match]]],
    picture_of: Callable[[str], Tensor],
    *,
    title: str,
) -> bytes:
    """A PNG: for each query a band with a row a network; the query on the left, then neighbours, nearest first.

    A neighbour of the query's class has a green frame and a tick, another a red frame and a cross, and its class and
    cosine are written below.

    Args:
        query: the test videos.
        rows: which of them are shown.
        found: by the network's name, the neighbours of each shown query (`kinema.visualise.retrieval_grid.matches`).
        picture_of: one frame, uint8 [S, S, 3], of the video at a path.
        title: above the picture.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_plots("matplotlib") from None
    columns = 1 + max(len(each) for lists in found.values() for each in lists)
    size = (_CELL * columns + 0.4, (_CELL + 0.15) * len(rows) * len(found) + 0.3)
    figure = Figure(figsize=size, layout="constrained", dpi=_DPI)
    figure.suptitle(title, fontsize=9)
    for place, band in enumerate(figure.subfigures(len(rows), 1, squeeze=False)[:, 0]):
        band.set_facecolor(_BANDS[place % 2])
        axes = band.subplots(len(found), columns, squeeze=False)
        for each in axes.flat:
            each.set_axis_off()
        _show(axes[0][0], picture_of(query.paths[rows[place]]), f"query: {class_name(query, rows[place])}", "none")
        for line, (name, lists) in enumerate(found.items()):
            axes[line][1].set_ylabel(name, fontsize=8)
            for at, match in enumerate(lists[place], 1):
                sign, colour = ("✓", RIGHT) if match.right else ("✗", WRONG)
                _show(axes[line][at], picture_of(match.path), f"{sign} {match.name} {match.cosine:.2f}", colour)
    return to_png(figure, _DPI)


def _show(axes: Axes, pixels: Tensor, text: str, frame: str) -> None:
    axes.set_axis_on()
    axes.set_xticks([])
    axes.set_yticks([])
    axes.imshow(pixels.numpy(), interpolation="bicubic")
    axes.set_xlabel(text, fontsize=7, labelpad=2)
    for line in axes.spines.values():
        line.set_color(frame)
        line.set_linewidth(3)
