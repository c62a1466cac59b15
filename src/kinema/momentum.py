"""The momentum copy of a network, which is not trained but follows the one that is (MoCo, BYOL).

He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020, Eq. 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from kinema.batch import Enqueue, Write
from kinema.meta import OtherStatistics, State, call_at, dotted, slashed


class MomentumCopy(nn.Module):
    """A second set of weights for a module, held as buffers: no optimiser, inner step or gradient reaches them.

    The module itself is passed in wherever it is needed and is not part of this one. `forward` runs it at the copied
    weights with batch norm statistics of the copy's own; `follow` moves the weights, after the optimiser's step.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, parameter in module.named_parameters():
            self.register_buffer(slashed(name), parameter.detach().clone())
        self.statistics = OtherStatistics(module)

    def weights(self) -> State:
        """The copied weights by their names in the module."""
        return {dotted(name): buffer for name, buffer in self.named_buffers(recurse=False)}

    @torch.no_grad()
    def forward(self, module: nn.Module, *args: Any) -> Any:
        """`module(*args)` at the copied weights, without a gradient."""
        result, moved = call_at(module, self.weights(), self.statistics.state(), *args)
        self.statistics.move(moved)
        return result

    @torch.no_grad()
    def follow(self, module: nn.Module, momentum: float) -> None:
        """w <- momentum * w + (1 - momentum) * the module's weights."""
        current = dict(module.named_parameters())
        for name, weight in self.weights().items():
            weight.lerp_(current[name].to(weight.dtype), 1 - momentum)


def rising(base: float, progress: float) -> float:
    """Momentum that goes from `base` to 1 by half a cosine (BYOL, section 3.2): 1 - (1 - base)(cos(pi p) + 1) / 2."""
    return 1 - (1 - base) * (math.cos(math.pi * progress) + 1) / 2


def written(writes: Iterable[Write | Enqueue]) -> float:
    """The momentum that a step asks to be written, the last of several.

    It is taken from there and not from the buffer, which may be on a GPU, and reading it would wait for the whole step.
    """
    return float([write.value for write in writes if isinstance(write, Write) and write.buffer == "momentum"][-1])
