"""Many videos on one picture: strips of their frames in bands, with a line or two below each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kinema.visualise.drawing import missing_plots, to_png
from kinema.visualise.pictures import strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
"""Videos side by side."""
FRAMES = 4
"""Of a video, evenly spaced."""
MOST = 300
"""Videos on a sheet; with more it is too tall for programs that show pictures."""
_BANDS = ("#ffffff", "#efefec")
_WIDTH, _HEIGHT, _TEXT = 4.0, 1.0, 0.42  # inches of a strip, and of what is below it
_SIDE, _DPI = 160, 100


@dataclass(frozen=True)
class Cell:
    """A video on a sheet."""

    frames: Tensor | None
    """uint8 [T, H, W, 3]; None where they cannot be read, which the sheet then says."""
    text: str
    """Below the strip."""


@dataclass(frozen=True)
class Band:
    """Videos that belong together."""

    title: str
    cells: Sequence[Cell]

    @property
    def lines(self) -> int:
        """Rows of strips."""
        return -(-len(self.cells) // COLUMNS)


def contact_sheet(bands: Sequence[Band], *, title: str) -> bytes:
    """A PNG of bands, each with a title, from top to bottom.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_plots("matplotlib") from None
    heights = [band.lines * (_HEIGHT + _TEXT) + 0.3 for band in bands]
    figure = Figure(figsize=(COLUMNS * _WIDTH + 0.3, sum(heights) + 0.4), layout="constrained", dpi=_DPI)
    figure.suptitle(title, fontsize=11)
    drawn = figure.subfigures(len(bands), 1, squeeze=False, height_ratios=heights)[:, 0]
    for place, (band, part) in enumerate(zip(bands, drawn, strict=True)):
        part.set_facecolor(_BANDS[place % 2])
        part.suptitle(band.title, fontsize=9, x=0.01, ha="left")
        axes = part.subplots(band.lines, COLUMNS, squeeze=False).flatten().tolist()
        for each in axes:
            each.set_axis_off()
        for each, cell in zip(axes, band.cells, strict=False):
            _show(each, cell)
    return to_png(figure, _DPI)


def _show(axes: Axes, cell: Cell) -> None:
    axes.set_axis_on()
    axes.set_xticks([])
    axes.set_yticks([])
    for line in axes.spines.values():
        line.set_visible(False)
    if cell.frames is None:
        axes.imshow(torch.full((_SIDE, FRAMES * _SIDE, 3), 225, dtype=torch.uint8).numpy())
        axes.text(0.5, 0.5, "cannot be read", transform=axes.transAxes, ha="center", va="center", fontsize=9)
    else:
        axes.imshow(strip(cell.frames, count=FRAMES, side=_SIDE).numpy(), interpolation="bicubic")
    axes.set_xlabel(cell.text, fontsize=8, labelpad=2, parse_math=False)
