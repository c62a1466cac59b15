"""Other views of a clip, on the device.

Letters: B clips, C channels, T frames, H x W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from kinema.batch import beside

ROTATIONS = 4
"""Right angles in a full turn."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)
SLOWFAST_MEAN = (0.45, 0.45, 0.45)
SLOWFAST_STD = (0.225, 0.225, 0.225)
MEAN_AND_STD = {
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "kinetics": (KINETICS_MEAN, KINETICS_STD),
    "slowfast": (SLOWFAST_MEAN, SLOWFAST_STD),
}
"""Of red, green and blue in [0, 1], by the name that `normalise` knows them by."""


def residual(
    clips: Tensor,
    last: Literal["repeat", "wrap", "zero", "extra_frame"] = "repeat",
    form: Literal["absolute", "signed"] = "absolute",
) -> Tensor:
    """Eq. 1: R_n = |F_n - F_{n+1}|, of float [B, C, T, H, W].

    The last frame has no successor. `repeat` repeats the last difference, `wrap` takes the first frame as successor
    (IIC), `zero` is zero, and `extra_frame` gives T - 1 residuals for the T frames it gets.

    `signed` is IIC's form: R_n = (F_n - F_{n-1} + 1) / 2, which is 0.5 where nothing changes. There it is the first
    frame that has no neighbour, and `last` says what stands for that.
    """

    def change(before: Tensor, after: Tensor) -> Tensor:
        return (after - before).abs() if form == "absolute" else (after - before + 1) / 2

    difference = change(clips[:, :, :-1], clips[:, :, 1:])  # [B, C, T-1, H, W]
    if last == "extra_frame":
        return difference
    if last == "wrap":
        end = change(clips[:, :, -1:], clips[:, :, :1])
    elif last == "zero" or not difference.shape[2]:
        end = change(clips[:, :, :1], clips[:, :, :1])
    else:
        end = difference[:, :, -1:] if form == "absolute" else difference[:, :, :1]
    return torch.cat([difference, end] if form == "absolute" else [end, difference], dim=2)


def reordered(clips: Tensor, order: Tensor) -> Tensor:
    """Each clip [B, C, T, H, W] with its frames in the order [B, T], in which some may come often and others never."""
    return clips.gather(2, beside(order, clips)[:, None, :, None, None].expand_as(clips))


def pieces_in_order(frames: int, order: Tensor) -> Tensor:
    """int64 [B, T]: the frames 0 .. T - 1 of a clip, cut into n pieces that stand in each row's order [B, n].

    Pieces are of one length, but for a frame where n does not divide T::

        8 frames, order 0 3 2 1             0 1 6 7 4 5 2 3
    """
    pieces = torch.arange(frames).tensor_split(order.shape[1])
    return torch.stack([torch.cat([pieces[piece] for piece in row]) for row in order.tolist()])


def flow(vertical: Tensor) -> Tensor:
    """Vertical flow as a network sees it: float [B, 1, T, H, W] as three equal channels (IIC), 0.5 for none."""
    return vertical.expand(-1, 3, -1, -1, -1)


def normalise(clips: Tensor, how: Literal["unit", "imagenet", "kinetics", "slowfast"]) -> Tensor:
    """Pixels in [0, 1] as they are, or less a mean and divided by a deviation: ImageNet's (CoCLR), Kinetics'
    (torchvision), or SlowFast's (GDT)."""
    if how == "unit":
        return clips
    mean, std = (beside(torch.tensor(each, dtype=clips.dtype), clips).view(3, 1, 1, 1) for each in MEAN_AND_STD[how])
    return (clips - mean) / std


def rotations(clips: Tensor) -> Tensor:
    """[4 B, C, T, S, S]: all clips as they are, then all of them turned left by 90, by 180 and by 270 degrees."""
    return torch.cat([clips.rot90(turns, dims=(3, 4)) for turns in range(ROTATIONS)])


def corners(cells: Tensor, rng: torch.Generator, *, side: int, canvas: int, piece: int) -> Tensor:
    """int64 [..., 2]: top and left of a piece at a random place within each of the cells, int64 [...].

    A canvas of side x side cells, which are numbered row by row; what a division leaves over is at its right and lower
    edge.
    """
    cell = canvas // side
    places = torch.stack([cells // side, cells % side], dim=-1) * cell
    return places + beside(torch.randint(cell - piece + 1, places.shape, generator=rng), places)


def cut(clips: Tensor, places: Tensor, piece: int) -> Tensor:
    """[B, N, C, T, P, P]: of each clip [B, N, C, T, S, S] the square whose top and left are in `places` [B, N, 2]."""
    span = torch.arange(piece, device=clips.device)
    rows, columns = (places[..., axis, None] + span for axis in range(2))  # [B, N, P] each
    B, N, C, T, S, _ = clips.shape
    tall = clips.gather(4, rows[:, :, None, None, :, None].expand(B, N, C, T, piece, S))
    return tall.gather(5, columns[:, :, None, None, None, :].expand(B, N, C, T, piece, piece))
