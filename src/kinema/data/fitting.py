"""Frames at the size in which they are loaded: the shorter side given, the aspect kept.

Letters: n frames, h x w pixels of the video, H x W of the frames as loaded, C channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

WIDEST = 2
"""Frames longer than this many times their short side lose their ends, so that one panorama cannot fill a batch."""
THREAD = 64
"""Frames longer than this many times their short side lose their ends before they are resized: 2 x 4,096 pixels would
take gigabytes on the way."""


def fit(frames: Tensor, short_side: int) -> Tensor:
    """uint8 [n, h, w, C] resized without aliasing so that its shorter side is `short_side`, aspect kept."""
    longest = THREAD * min(frames.shape[1:3])
    frames = _middle(_middle(frames, 1, longest), 2, longest)
    height, width = frames.shape[1:3]
    size = scaled_size(height, width, short_side)
    planes = frames.permute(0, 3, 1, 2)
    if size != (height, width):
        planes = F.interpolate(planes, size=size, mode="bilinear", antialias=True)
    height, width = fitted_size(height, width, short_side)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return planes[:, :, top : top + height, left : left + width].permute(0, 2, 3, 1).contiguous()


def _middle(frames: Tensor, axis: int, longest: int) -> Tensor:
    length = frames.shape[axis]
    return frames if length <= longest else frames.narrow(axis, (length - longest) // 2, longest)


def fitted_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """H and W of what `fit` makes of frames of h x w pixels."""
    scaled = scaled_size(height, width, short_side)
    return min(scaled[0], WIDEST * short_side), min(scaled[1], WIDEST * short_side)


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """The size before the ends of a panorama are cut off."""
    scale = short_side / min(height, width)
    return max(round(height * scale), short_side), max(round(width * scale), short_side)
