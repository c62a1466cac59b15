"""What every backbone offers, and how a width multiplier changes its channel counts."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema.errors import UsageError
from kinema.recompute import keep_input_only, parts


class Backbone(nn.Module, ABC):
    """A network without a classifier: clips in, one feature vector a clip out.

    Letters: B clips, T frames of H x W pixels; C channels and T' x H' x W' cells in the last map.
    """

    feature_dim: int
    """C, the length of the feature."""
    stride: tuple[int, int, int]
    """Frames, rows and columns of the input to one cell of the last map."""
    recompute: bool = False
    """Keep only what passes between the parts of the network for the backward pass, and run each part once more there:
    less memory, more time, the same gradients and running statistics. See `kinema.recompute`."""
    rectified: bool = True
    """Whether `maps` are after the last ReLU, as they are unless `leave_out_last_relu` was called."""
    compiled: bool = False
    """Have torch compile what training does with a clip: fewer passes over memory, other rounding, and no gradient of
    a gradient."""

    @abstractmethod
    def stages(self, x: Tensor) -> Tensor:
        """`maps`, stage after stage."""

    def maps(self, x: Tensor) -> Tensor:
        """The last convolutional map of clips x, [B, 3, T, H, W] -> [B, C, T', H', W'], none below 0 if `rectified`."""
        return compiled_stages(self, x) if self.compiled and self.training else self.stages(x)

    @abstractmethod
    def last_relus(self) -> Iterable[tuple[nn.Module, str]]:
        """Those that the last map comes out of, each as the module that has it and its name there."""

    def leave_out_last_relu(self) -> None:
        """Let `maps` be as they are before the last ReLU, from now on; weights, their names and the feature stay."""
        for module, name in self.last_relus():
            setattr(module, name, nn.Identity())
        self.rectified = False

    def forward(self, x: Tensor) -> Tensor:
        """The mean over its cells of the last map, after its ReLU, [B, 3, T, H, W] -> [B, C]."""
        maps = self.maps(x)
        return (maps if self.rectified else maps.relu()).mean(dim=(2, 3, 4))

    def through(self, stage: nn.Sequential, x: Tensor) -> Tensor:
        """x through a stage, whose children are the parts that `recompute` speaks of."""
        if not self.recompute:
            y: Tensor = stage(x)
            return y
        for part in parts(stage):
            x = keep_input_only(part, x)
        return x


def compiled_stages(network: Backbone, x: Tensor) -> Tensor:
    """`network.stages(x)` as one compiled graph for each network and shape of clips.

    Raises:
        UsageError: torch cannot compile here, or has compiled for more shapes than it will.
    """
    try:
        return compiler()(network, x)
    except (torch._dynamo.exc.TorchDynamoException, torch._dynamo.exc.FailOnRecompileLimitHit) as problem:
        said = " ".join(str(problem).split())[:200]
        raise UsageError(f"torch cannot compile the network ({said}): leave out --train.compile") from problem


@cache
def compiler() -> Callable[[Backbone, Tensor], Tensor]:
    """Compiles what it is first called with; one graph, never parts of it or, after many shapes, none at all."""
    return torch.compile(lambda network, x: network.stages(x), fullgraph=True, dynamic=False)


class Halve(nn.Module):
    """2x2x2 max pooling that leaves an axis of one cell as it is."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, t, h, w] -> [B, C, t/2, h/2, w/2], rounded down but at least 1."""
        return F.max_pool3d(x, [min(2, size) for size in x.shape[2:]])


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
