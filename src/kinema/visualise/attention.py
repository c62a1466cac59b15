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
from kinema.errors import UsageError
from kinema.evaluate.features import evaluating
from kinema.settings import Clip
from kinema.views import residual
from kinema.visualise.drawing import missing_plots

_BLOCK = 8  # clips at once
TOP = 0.1
"""Share of a clip's pixels that count as moving, unless said otherwise."""


def attention_maps(encoder: Encoder, clips: Tensor) -> Tensor:
    """float32 [M, T, S, S] in [0, 1] of uint8 clips [M, T, S, S, 3], on the CPU: `attention_energy` for the eye.

    Scaled within each clip so that its least is 0 and its most 1; a clip whose map is the same everywhere gets 0.
    """
    return scaled(attention_energy(encoder, clips))


def attention_energy(encoder: Encoder, clips: Tensor) -> Tensor:
    """float32 [M, T, S, S], none negative, of uint8 clips [M, T, S, S, 3], on the CPU.

    Q = mean over C of the squared activation, upsampled trilinearly to the clip's size (cells are areas, not corner
    points). The network is run in evaluation mode and left in the mode it was in; with the view `both` it is shown the
    RGB clip.
    """
    size = (int(clips.shape[1]), int(clips.shape[2]), int(clips.shape[3]))
    return _upsampled(cell_energy(encoder, clips), size)


def cell_energy(encoder: Encoder, clips: Tensor) -> Tensor:
    """float32 [M, T', H', W'], on the CPU: the same before it is upsampled."""
    device = next(encoder.parameters()).device
    with evaluating(encoder):
        found = [_cell_energy(encoder, block.to(device)).cpu() for block in torch.split(clips, _BLOCK)]
    return torch.cat(found).clone()


def motion_energy_share(maps: Tensor, clips: Tensor, *, top: float = TOP) -> Tensor:
    """float32 [M]: the share of each map's total that lies on the `top` share of pixels that change most.

    A number for "focuses on motion". `maps` are [M, T, S, S], none negative, `clips` uint8 [M, T, S, S, 3]. An even
    map, and any map of a clip in which nothing moves at all, gives `top`. A map of zeros gives 0.
    """
    energy = maps.double()
    inside = (energy * motion_weights(clips, top=top)).sum(dim=(1, 2, 3))
    return (inside / energy.sum(dim=(1, 2, 3)).clamp(min=1e-12)).float()


def motion_weights(clips: Tensor, *, top: float = TOP) -> Tensor:
    """float32 [M, T, S, S]: 1 where a pixel of uint8 clips [M, T, S, S, 3] is among the `top` share that change most.

    A pixel's change is its residual (Eq. 1) averaged over colours. Pixels of equal change at the threshold count in
    part, so that a clip's weights always sum to `top` of its pixels.
    """
    pixels = clips.permute(0, 4, 1, 2, 3).float() / 255
    change = residual(pixels).mean(dim=1).flatten(1)  # [M, T*S*S]
    wanted = max(1, round(top * change.shape[1]))
    threshold = change.topk(wanted, dim=1).values[:, -1:]
    above, tied = change > threshold, change == threshold
    part = (wanted - above.sum(dim=1, keepdim=True)) / tied.sum(dim=1, keepdim=True)
    return (above + tied * part).reshape(clips.shape[:-1])


def on_cells(weights: Tensor, grid: tuple[int, ...]) -> Tensor:
    """float32 [M, T', H', W']: weights [M, T, S, S] gathered on the cells of a map, as upsampling spreads them.

    The transpose of the upsampling: sum(upsampled map * weights) = sum(map * on_cells(weights)).
    """
    size = (int(weights.shape[1]), int(weights.shape[2]), int(weights.shape[3]))
    cells_ = torch.zeros(len(weights), *grid, requires_grad=True)
    (gathered,) = torch.autograd.grad((_upsampled(cells_, size) * weights).sum(), cells_)
    return gathered


def cells(encoder: Encoder, clip: Clip) -> tuple[int, int, int]:
    """Cells of the last map of a clip, in time, height and width."""
    stride: tuple[int, int, int] = encoder.backbone.stride
    time, height, width = (-(-a // b) for a, b in zip((clip.frames, clip.size, clip.size), stride, strict=True))
    return time, height, width


def require_map(encoder: Encoder, clip: Clip) -> None:
    """Raise UsageError unless the network has a map with more than one place in a frame."""
    if not hasattr(encoder.backbone, "maps"):
        raise UsageError(
            f"{type(encoder.backbone).__name__} has no spatial map, which is what attention is read from: "
            "give a run with a backbone of `kinema list backbones`"
        )
    if cells(encoder, clip)[1:] == (1, 1):
        raise UsageError(
            f"the last map has one cell for a whole frame of {clip.size} px, so attention has no place in it: "
            "give a run with a larger --clip.size"
        )


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


def _cell_energy(encoder: Encoder, clips: Tensor) -> Tensor:
    maps: Tensor = encoder.backbone.maps(encoder.to_input(clips))  # [M, C, T', H', W']
    return maps.float().square().mean(dim=1)


def _upsampled(energy: Tensor, size: tuple[int, int, int]) -> Tensor:
    return F.interpolate(energy.unsqueeze(1), size=size, mode="trilinear", align_corners=False).squeeze(1)


def scaled(energy: Tensor) -> Tensor:
    """float32 [M, T, S, S] in [0, 1]: each clip's map from its least, 0, to its most, 1; 0 where all is the same."""
    low = energy.amin(dim=(1, 2, 3), keepdim=True)
    high = energy.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (energy - low) / span.where(span > 0, torch.ones_like(span)), torch.zeros_like(energy))
