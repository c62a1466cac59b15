"""What every backbone offers, and how a width multiplier changes its channel counts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """A network without a classifier: clips in, one feature vector a clip out.

    Letters: B clips, T frames of H x W pixels; C channels and T' x H' x W' cells in the last map.
    """

    feature_dim: int
    """C, the length of the feature."""
    stride: tuple[int, int, int]
    """Frames, rows and columns of the input to one cell of the last map."""

    @abstractmethod
    def maps(self, x: Tensor) -> Tensor:
        """The last convolutional map of clips x, [B, 3, T, H, W] -> [B, C, T', H', W'], each cell at least 0."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean of the last map over its cells, [B, 3, T, H, W] -> [B, C]."""
        return self.maps(x).mean(dim=(2, 3, 4))


def channels(count: int, width: float) -> int:
    """`count` times `width`, rounded to the nearest whole number (halves up), and at least 1."""
    return max(1, math.floor(count * width + 0.5))


def factorised_channels(inputs: int, outputs: int, kernel: tuple[int, int, int]) -> int:
    """Channels between the two halves of a (2+1)D convolution with a t x h x w kernel.

    The largest number with which the halves have no more weights than the full 3-D convolution (Tran et al., "A
    Closer Look at Spatiotemporal Convolutions", section 3.5), and at least 1.
    """
    t, h, w = kernel
    return max(1, t * h * w * inputs * outputs // (h * w * inputs + t * outputs))
