"""A recurrent cell on feature maps: what has been seen of a video so far, at each place of the picture.

Letters: B videos, D channels, h x w cells of a map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvGRU(nn.Module):
    """A gated recurrent unit of D channels whose convolutions are 1 x 1, so that each cell has a memory of its own.

    Han, Xie, Zisserman, "Video Representation Learning by Dense Predictive Coding", ICCVW 2019, and its code, which
    begins with orthogonal weights, scaled by `gain`, and zero biases.
    """

    def __init__(self, dim: int, *, gain: float = 1.0) -> None:
        super().__init__()
        self.update, self.reset, self.candidate = (nn.Conv2d(2 * dim, dim, 1) for _ in range(3))
        begin_orthogonal(self, gain)

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        """The state [B, D, h, w] after an input [B, D, h, w]: (1 - u) * state + u * tanh(W [x, r * state])."""
        both = torch.cat([x, state], dim=1)
        update, reset = self.update(both).sigmoid(), self.reset(both).sigmoid()
        candidate = self.candidate(torch.cat([x, reset * state], dim=1)).tanh()
        after: Tensor = (1 - update) * state + update * candidate
        return after


def begin_orthogonal(module: nn.Module, gain: float) -> None:
    """Orthogonal weights times `gain` and zero biases in every convolution of a module."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.orthogonal_(layer.weight, gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
