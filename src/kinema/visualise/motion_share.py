"""How much of a network's attention lies on what moves, over a whole data set: the number behind MCN's Figures 1 and 5.

Letters: V videos, B in a batch, N clips of a video, M = B N, T frames of S x S pixels, K cells of the last map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.encoder import Encoder
from kinema.evaluate.features import ClipLoader
from kinema.visualise.attention import TOP, cell_energy, cells, motion_weights, on_cells


@dataclass(frozen=True)
class MotionShare:
    """Of one network, for each video in the order of the list; shares in [0, 1]."""

    own: Tensor
    """float64 [V]: of each clip's energy, the share on the clip's moving pixels; mean over the video's clips."""
    fixed: Tensor
    """float64 [V]: the same for one map that does not depend on the clip, the network's mean map over all clips. What
    `own` has above it is attention that follows the motion; the rest is a liking for the places where motion is
    frequent, such as the middle of the frame."""


def motion_shares(
    encoders: Mapping[str, Encoder],
    loader: ClipLoader,
    *,
    top: float = TOP,
    progress: Callable[[int], None] | None = None,
) -> tuple[dict[str, MotionShare], float]:
    """The shares of each network, and the largest share that any map of so few cells could have, mean over videos.

    Each video is read once for all networks, which are shown the same clips. Energy is the mean squared activation of
    the last map (`kinema.visualise.attention`), upsampled and not scaled; moving pixels are the `top` share of a clip's
    pixels with the largest residual.

    Args:
        encoders: by name; all with the same clip.
        loader: clips of the videos, in their order; labels are not used.
        top: share of a clip's pixels that count as moving.
        progress: called with the number of videos done.
    """
    weights: dict[tuple[int, int, int], list[Tensor]] = {}
    energy: dict[str, list[Tensor]] = {name: [] for name in encoders}
    grids = {name: cells(encoder, encoder.clip) for name, encoder in encoders.items()}
    done = 0
    for clips, _, _ in loader:
        flat = clips.flatten(0, 1)  # [M, T, S, S, 3]
        moving = motion_weights(flat, top=top)
        for grid in set(grids.values()):
            weights.setdefault(grid, []).append(on_cells(moving, grid).reshape(*clips.shape[:2], -1))
        for name, encoder in encoders.items():
            energy[name].append(cell_energy(encoder, flat).reshape(*clips.shape[:2], -1))
        done += len(clips)
        if progress is not None:
            progress(done)
    size = tuple(int(edge) for edge in clips.shape[2:5])
    gathered = {grid: torch.cat(each).double() for grid, each in weights.items()}  # [V, N, K]
    whole = {grid: on_cells(torch.ones(1, *size), grid).flatten().double() for grid in gathered}  # [K]
    found = {
        name: _shares(torch.cat(each).double(), gathered[grids[name]], whole[grids[name]])
        for name, each in energy.items()
    }
    most = max(float((gathered[grid] / whole[grid]).amax(dim=2).mean()) for grid in gathered)
    return found, most


def _shares(energy: Tensor, moving: Tensor, whole: Tensor) -> MotionShare:
    """Of energy [V, N, K], with the moving [V, N, K] and all [K] pixels gathered on the cells."""
    total = (energy @ whole).clamp(min=1e-12)  # [V, N]
    own = (energy * moving).sum(dim=2) / total
    mean = (energy / total.unsqueeze(2)).mean(dim=(0, 1))  # [K], every clip with the same weight
    fixed = (moving @ mean) / (mean @ whole).clamp(min=1e-12)
    return MotionShare(own.mean(dim=1), fixed.mean(dim=1))
