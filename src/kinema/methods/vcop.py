"""VCOP: video clip order prediction (Xu et al., CVPR 2019); and OPN's task, the order of frames.

A few clips of a video, one after the other with a gap between, are shuffled; from their features, taken two by two, a
small head tells in which of all possible orders they are shown. One backbone for all clips, one layer for all pairs.

UCF101 / HMDB51 by R(2+1)D: fine-tuned 72.4 / 30.9 (MCN, Table 7), retrieval R@1 10.7 / 5.7 (IIC's README; MCN's Table
10 has the 7.6 of R3D). These are nets of one block a stage (`r2plus1d_vcop`), not R(2+1)D-18.

OPN (Lee et al., "Unsupervised Representation Learning by Sorting Sequences", ICCV 2017) asks the same of four frames,
where an order and its reverse are one answer. Its own VGG: 56.3 / 22.1 (Table 7), R@1 19.9 on UCF101 (Table 9). Left
out: the layer of 1,024 (fc6) between a frame's feature and the pairs, showing one colour channel alone so that colours
do not tell the order, and choosing frames and crops by their flow. Crops of their own stand for its shift of each
frame by up to 5 pixels.

A video shorter than the row is not refused: its clips lie nearer to one another, so that there is an order to be told
as long as no two of them are the same. Where none of a set's videos is that long, training does not begin.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from kinema import settings
from kinema.batch import Batch, Outcome, Step, beside
from kinema.heads import dropout
from kinema.methods.base import Method
from kinema.methods.clip_task import ClipTask, clips_of, features_of
from kinema.sampler import rows


class OrderTask(ClipTask):
    """In which order the clips are shown.

    The feature of a pair of clips knows which of the two is shown first, since the layer sees them side by side.
    """

    term = "order"

    def __init__(self, config: settings.Order, feature_dim: int) -> None:
        super().__init__()
        self.config = config
        self.draw = rows.ShuffledClips(config)
        self.answers = len(rows.orders(config.clips, symmetric=config.symmetric))
        self.pairs = list(itertools.combinations(range(config.clips), 2))
        self.pair = nn.Sequential(nn.Linear(2 * feature_dim, config.pair_dim), nn.ReLU())
        self.answer = nn.Linear(len(self.pairs) * config.pair_dim, self.answers)

    def forward(self, features: Tensor, rng: torch.Generator) -> Tensor:
        """The logits of the orders, [B, N, F] -> [B, K]."""
        left, right = beside(torch.tensor(self.pairs), features).unbind(1)
        pairs = self.pair(torch.cat([features[:, left], features[:, right]], dim=2))  # [B, N (N - 1) / 2, pair_dim]
        kept = dropout(pairs.flatten(1), self.config.dropout if self.training else 0, rng)
        logits: Tensor = self.answer(kept)
        return logits


class VCOP(Method):
    """The order of clips (VCOP), or of single frames up to reversal (OPN)."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.ClipOrder)
        self.order = OrderTask(recipe.method.order, feature_dim)
        self.draw = self.order.draw

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The cross-entropy of the order in which each video's clips are shown."""
        clips = clips_of(batch, self.recipe)  # [B, N, 3, T, S, S]
        features = batch.gathered(features_of(self.backbone, clips))  # [B, N, F]
        loss, terms = self.order.judge(features, batch.gathered(batch.target), step.rng())
        return Outcome(loss, terms)

    def chance(self) -> dict[str, float]:
        """ln of the number of orders."""
        return self.order.chance()
