"""IIC's training step written as plainly as its description reads: what kinema's is timed against.

Tao, Wang, Yamasaki (ACM MM 2020), with the settings of its released code: residuals that wrap, repeated frames as
intra-negatives, three banks drawn from by an alias table, softmax cross-entropy, SGD. It shares nothing with
`kinema.methods.iic` but the network, and is for timing only.
"""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NEGATIVES, TEMPERATURE, MOMENTUM = 1024, 0.07, 0.5


class PlainIIC(nn.Module):
    """A network and its three banks."""

    def __init__(self, network: nn.Module, videos: int) -> None:
        super().__init__()
        self.network = network
        dim = int(network.feature_dim)  # type: ignore[arg-type]
        spread = (dim / 3) ** -0.5
        for name in ("rgb", "residual", "intra"):
            self.register_buffer(name, torch.rand(videos, dim) * 2 * spread - spread)
        self.optim = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def step(self, clips: Tensor, index: Tensor) -> None:
        """One step on clips [B, 3, T, S, S] in [0, 1] of the videos `index` [B]."""
        residuals = (clips - clips.roll(1, dims=2) + 1) / 2
        features = self.network(clips), self.network(residuals), self.network(self.still(clips))
        rows = self.drawn(index)
        loss = self.loss(features[0], "residual", rows) + self.loss(features[1], "rgb", rows)
        self.optim.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optim.step()
        for name, feature in zip(("rgb", "residual", "intra"), features, strict=True):
            self.remember(name, feature.detach(), index)

    def still(self, clips: Tensor) -> Tensor:
        """Each clip with one of its frames in place of all."""
        out = clips.clone()
        for number, clip in enumerate(clips):
            frame = random.randrange(clip.shape[1])
            for t in range(clip.shape[1]):
                out[number, :, t] = clip[:, frame]
        return out

    def drawn(self, index: Tensor) -> Tensor:
        """int64 [B, 1 + K]: each video's own row, then rows drawn with equal chance."""
        videos = len(self.get_buffer("rgb"))
        rows = torch.randint(videos, (len(index), 1 + NEGATIVES), device=index.device)
        rows[:, 0] = index
        return rows

    def loss(self, feature: Tensor, other: str, rows: Tensor) -> Tensor:
        """Cross-entropy of the own row of the other view's bank among 2 (K + 1)."""
        scores = []
        for name in (other, "intra"):
            weight = self.get_buffer(name).index_select(0, rows.flatten()).view(*rows.shape, -1)
            scores.append(torch.bmm(weight, feature.unsqueeze(2)).squeeze(2))
        logits = torch.cat(scores, dim=1) / TEMPERATURE
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64, device=logits.device))

    @torch.no_grad()
    def remember(self, name: str, feature: Tensor, index: Tensor) -> None:
        """Move the videos' rows half way to their features, and back to length one."""
        bank = self.get_buffer(name)
        row = bank.index_select(0, index) * MOMENTUM + feature * (1 - MOMENTUM)
        bank.index_copy_(0, index, row / row.norm(dim=1, keepdim=True))
