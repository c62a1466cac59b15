"""RSPNet: relative speed perception (Chen et al., AAAI 2021, arXiv 2011.07949).

Keys of a momentum copy serve two tasks, each with a head of its own. Appearance: a clip's query finds keys of its video
among a queue of other videos', at its own speed and at the other. Speed: the query is nearer to the key of its own
speed than to that of the other, by a margin.

The paper cuts a batch into a slow and a fast half; here each video draws its speed. After Kinetics-400, 200 epochs:
UCF101 / HMDB51 fine-tuned R(2+1)D 81.1 / 44.6, ResNet-18 74.3 / 41.8; UCF101 R@1 ResNet-18 41.1. That ResNet-18 has a
stem of 7 x 7 x 7 and pools behind it: it is not R3D-18, as which others quote it. Short videos repeat their first
frame, which a fast clip needs sooner: below 2 (T - 1) strides speeds can be told apart by that, and a set in which all
videos are so short is refused.

Letters: B videos, K rows of the queue, F length of a backbone feature, D of a key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, settings
from kinema.batch import Batch, Enqueue, Step, Write
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_clips import clips
from kinema.methods.two_views import Embedded
from kinema.momentum import MomentumCopy
from kinema.sampler.speeds import TwoSpeeds


class RSPNet(MetaContrast):
    """Both tasks, summed; pair classification sees the appearance of the query and of the key of its speed."""

    config: settings.RSPNet

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config = self.config
        self.draw = TwoSpeeds(recipe.clip.frames, config.stride or recipe.clip.stride)
        self.appearance, self.speed = (heads.projection(config.projection, feature_dim, config.dim) for _ in range(2))
        self.classify_pairs(feature_dim, config.dim)
        self.key_backbone = MomentumCopy(backbone)
        self.key_appearance, self.key_speed = MomentumCopy(self.appearance), MomentumCopy(self.speed)
        self.queue = self.queue_of(config.queue, config.dim)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """Section 3 of RSPNet: two contrasts of appearance and one ranking of speed."""
        dice = torch.cat([batch.dice[:, :2], batch.dice[:, 1:2]], dim=1)  # keys share crop and colours
        query, same, other = clips(batch, self.recipe, dice)
        h_same, appearance_same, speed_same = map(batch.gathered, self.key(same))  # before there is a graph in memory
        _, appearance_other, speed_other = map(batch.gathered, self.key(other))
        h = self.backbone(query)  # [B, F]
        appearance, speed = unit(self.appearance(h)), unit(self.speed(h))  # [B, D] each
        h, appearance, speed = map(batch.gathered, (h, appearance, speed))

        keys = appearance_same, appearance_other
        table = (
            torch.cat([self.queue.scores(appearance, key) for key in keys]) / self.config.temperature
        )  # [2 B, K + 1]
        contrast = 2 * losses.softmax_contrast(table)  # the sum over both keys
        ranking, ahead = self.ranking(speed, speed_same, speed_other)
        terms = {
            "contrast": contrast.detach(),
            "contrast_acc": (table.detach().argmax(dim=1) == 0).float().mean(),
            "speed": ranking.detach(),
            "speed_acc": ahead,
        }
        writes = (Enqueue("queue", {"keys": appearance_other, "video": batch.gathered(batch.video)}),)
        return Contrasted(contrast + ranking, terms, writes, Embedded(h, h_same, appearance, appearance_same))

    def key(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A clip's backbone features [B, F] and both heads' keys [B, D] of unit length, by the copies."""
        h = self.key_backbone(self.backbone, clip)
        return h, unit(self.key_appearance(self.appearance, h)), unit(self.key_speed(self.speed, h))

    def ranking(self, query: Tensor, same: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """How far the lead of the key of the query's speed [B, D] is from the margin, and how often it leads at all."""
        lead = (query * (same - other)).sum(dim=1) / self.config.temperature  # [B]
        return F.relu(self.config.margin - lead).mean(), (lead.detach() > 0).float().mean()

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """Make the writes, then let the copies follow."""
        super().commit(writes)
        self.key_backbone.follow(self.backbone, self.config.momentum)
        self.key_appearance.follow(self.appearance, self.config.momentum)
        self.key_speed.follow(self.speed, self.config.momentum)

    def chance(self) -> dict[str, float]:
        """Twice ln(K + 1) for appearance, and the margin for speeds that are not told apart."""
        return {"contrast": 2 * math.log(self.config.queue + 1), "speed": self.config.margin} | super().chance()


def unit(features: Tensor) -> Tensor:
    """float32 [B, D] of unit length."""
    return F.normalize(features.float(), dim=1)
