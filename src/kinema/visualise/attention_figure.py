"""MCN's Figures 1 and 5: frames of a clip, and below them where each network responds to it.

Letters: T frames of S x S pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kinema.visualise.attention import overlay
from kinema.visualise.drawing import missing_plots, to_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

SCALE = "colour: each clip's own scale, dark blue its least and yellow its most"
_CELL = 1.7  # inches a picture
_DPI = 100


def attention_png(clip: Tensor, maps: Mapping[str, Tensor], frames: Sequence[int], *, title: str, note: str) -> bytes:
    """A PNG with a row for the input and one a network, and a column a frame.

    Args:
        clip: uint8 [T, S, S, 3].
        maps: by the network's name, [T, S, S] in [0, 1] (`kinema.visualise.attention.attention_maps`).
        frames: which frames to show, counted from 1.
        title: above the picture.
        note: below it, beside how colours are scaled.

    Raises:
        UsageError: matplotlib is not installed.
    """
    rows = {"input": clip} | {name: overlay(clip, each) for name, each in maps.items()}
    figure, axes = _grid(len(rows), len(frames), title, note)
    for row, (name, pixels) in enumerate(rows.items()):
        axes[row][0].set_ylabel(name, fontsize=10)
        for place, number in enumerate(frames):
            _show(axes[row][place], pixels[number - 1])
            if row == 0:
                axes[row][place].set_title(f"frame {number}", fontsize=10)
    return to_png(figure, _DPI)


def attention_film(clip: Tensor, maps: Mapping[str, Tensor], *, title: str, note: str) -> Tensor:
    """uint8 [T, H, W, 3], H and W even: every frame, the input and each network's overlay side by side.

    Arguments and errors as in `attention_png`.
    """
    columns = {"input": clip} | {name: overlay(clip, each) for name, each in maps.items()}
    figure, axes = _grid(1, len(columns), title, note)
    images = []
    for place, (name, pixels) in enumerate(columns.items()):
        axes[0][place].set_title(name, fontsize=10)
        images.append(_show(axes[0][place], pixels[0]))
    for _ in range(2):  # the first layout is not yet the last; a film that shifts would look like motion
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    drawn = []
    for number in range(len(clip)):
        for image, pixels in zip(images, columns.values(), strict=True):
            image.set_data(pixels[number].numpy())
        drawn.append(_drawn(figure))
    film = torch.stack(drawn)
    return film[:, : film.shape[1] // 2 * 2, : film.shape[2] // 2 * 2].contiguous()


def _grid(rows: int, columns: int, title: str, note: str) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure of square pictures, with a line above and one below."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_plots("matplotlib") from None
    width = max(_CELL * columns + 0.4, 5.2)
    figure = Figure(figsize=(width, _CELL * rows + 0.9), layout="constrained", dpi=_DPI)
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(f"{note}\n{SCALE}", fontsize=8, color="#555555")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, axes.tolist()


def _show(axes: Axes, pixels: Tensor) -> AxesImage:
    axes.set_xticks([])
    axes.set_yticks([])
    return axes.imshow(pixels.numpy(), interpolation="bicubic")


def _drawn(figure: Figure) -> Tensor:
    """What the figure shows now, uint8 [H, W, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    return pixels.view(height, width, 4)[..., :3]
