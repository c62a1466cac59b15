"""Where a network looks: the strength of its last convolutional maps, laid over the frames.

The activation map of Zagoruyko and Komodakis, "Paying More Attention to Attention" (ICLR 2017, section 3.1), which
MCN's Figures 1 and 5 use: no gradient and no label is needed. MCN does not say how it goes from images to clips; maps
are upsampled trilinearly, so that each frame has its own.

Letters: M clips, T frames of S x S pixels; C channels and T' x H' x W' cells of the last map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.encoder import Encoder
from kinema.evaluate.features import evaluating
from kinema.views import residual
from kinema.visualise.drawing import missing_plots

_BLOCK = 8  # clips at once


def attention_maps(encoder: Encoder, clips: Tensor) -> Tensor:
    """float32 [M, T, S, S] in [0, 1] of uint8 clips [M, T, S, S, 3], on the CPU.

    Q = mean over C of the squared activation, [M, T', H', W']; upsampled trilinearly to the clip's size (cells are
    areas, not corner points); scaled within each clip so that its least is 0 and its most 1. A clip whose map is the
    same everywhere gets 0. The network is run in evaluation mode and left in the mode it was in; with the view `both`
    it is shown the RGB clip.
    """
    device = next(encoder.parameters()).device
    with evaluating(encoder):
        found = [_energy(encoder, block.to(device)).cpu() for block in torch.split(clips, _BLOCK)]
    return _scaled(torch.cat(found))


def motion_energy_share(maps: Tensor, clips: Tensor, *, top: float = 0.1) -> Tensor:
    """float32 [M]: the share of each map's total that lies on the `top` share of pixels that change most.

    A number for "focuses on motion". `maps` are [M, T, S, S], none negative, `clips` uint8 [M, T, S, S, 3]. A pixel's
    change is its residual (Eq. 1) averaged over colours; pixels of equal change at the threshold count in part, so
    that an even map, and any map of a clip in which nothing moves at all, gives `top`. A map of zeros gives 0.
    """
    pixels = clips.permute(0, 4, 1, 2, 3).float() / 255
    change = residual(pixels).mean(dim=1).flatten(1)  # [M, T*S*S]
    wanted = max(1, round(top * change.shape[1]))
    threshold = change.topk(wanted, dim=1).values[:, -1:]
    above, tied = change > threshold, change == threshold
    part = (wanted - above.sum(dim=1, keepdim=True)) / tied.sum(dim=1, keepdim=True)
    energy = maps.flatten(1).double()
    inside = (energy * (above + tied * part)).sum(dim=1)
    return (inside / energy.sum(dim=1).clamp(min=1e-12)).float()


def overlay(frames: Tensor, maps: Tensor, *, alpha: float = 0.5) -> Tensor:
    """uint8 [..., S, S, 3]: maps [..., S, S] in [0, 1] in colour (viridis) over frames uint8 [..., S, S, 3].

    `alpha` is the colour's share. Dark blue is least, yellow most.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib import colormaps
    except ImportError:
        raise missing_plots("matplotlib") from None
    coloured = torch.from_numpy(colormaps["viridis"](maps.cpu().numpy())[..., :3]).float() * 255
    return (alpha * coloured + (1 - alpha) * frames.cpu().float()).round().to(torch.uint8)


def _energy(encoder: Encoder, clips: Tensor) -> Tensor:
    """float32 [M, T, S, S], not yet scaled."""
    maps = encoder.backbone.maps(encoder.to_input(clips))  # type: ignore[operator]  # [M, C, T', H', W']
    energy = maps.float().square().mean(dim=1, keepdim=True)
    size = tuple(clips.shape[1:4])
    return F.interpolate(energy, size=size, mode="trilinear", align_corners=False).squeeze(1)


def _scaled(energy: Tensor) -> Tensor:
    low = energy.amin(dim=(1, 2, 3), keepdim=True)
    high = energy.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (energy - low) / span.where(span > 0, torch.ones_like(span)), torch.zeros_like(energy))
