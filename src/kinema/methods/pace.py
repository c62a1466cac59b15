"""Pace prediction (Wang, Jiao, Liu, "Self-supervised Video Representation Learning by Pace Prediction", ECCV 2020).

A clip takes every frame of a video, or every second, third or fourth; one layer on the clip's feature tells which. With
`method.contrast` above 0 two clips of a video, at different paces, are also contrasted with the clips of other videos.

UCF101 / HMDB51, as MCN's tables print them: R(2+1)D fine-tuned 75.9 / 35.9 (Table 7; Table 8 prints them again as
after Kinetics-400, where PCL's README has 77.1 / 36.6), retrieval R@1 31.9 / 12.5 (Tables 9 and 10). The R(2+1)D of the
released code is VCOP's (`r2plus1d_vcop`).

Any video can be used: a short one begins anew after its end, or without `method.wrap` repeats its first frame. Paces
count frames, not seconds: no frame rate is asked for, and videos of several rates have several speeds at one pace.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, settings
from kinema.augment import augment_each
from kinema.batch import DICE, Batch, Outcome, Step
from kinema.losses import classification, nt_xent
from kinema.methods.base import Method
from kinema.sampler.paces import PacedClips, pace_numbers


class Pace(Method):
    """Cross-entropy over the paces, and the contrast of two clips of a video if it is wanted."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.Pace)
        self.config = config = recipe.method
        self.draw = PacedClips(config.frames, config.paces, config.wrap, config.clips)
        self.pace = nn.Linear(feature_dim, len(config.paces))
        if config.contrast:
            self.projection = heads.projection("mlp", feature_dim, config.dim)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """L_pace, or L_pace + weight * L_contrast; F is the length of a feature, D that of a projected one."""
        clips = self.clips(batch, step.rng())  # [B, N, 3, T, S, S]
        B, N = clips.shape[:2]
        features = batch.gathered(self.backbone(clips.flatten(0, 1)).view(B, N, -1)).flatten(0, 1)  # [B N, F]
        pace = pace_numbers(batch.gathered(batch.target), N, len(self.config.paces))  # [B, N]
        total, correct = classification(self.pace(features), pace.flatten())
        terms = {"pace": total.detach(), "pace_acc": correct}
        if self.config.contrast:
            z = F.normalize(self.projection(features).float(), dim=1).reshape(-1, N, self.config.dim)  # [B, 2, D]
            contrast = nt_xent(z[:, 0], z[:, 1], self.config.temperature)
            total = total + self.config.contrast * contrast
            terms["contrast"] = contrast.detach()
        return Outcome(total, terms)

    def clips(self, batch: Batch, rng: torch.Generator) -> Tensor:
        """float32 [B, N, 3, T, S, S]: N clips of B videos, T frames of S pixels a side, each augmented for itself."""
        colours = None
        if self.config.jitter == "frame":
            colours = batch.uniform(rng, *batch.clips.shape[1:3], DICE)  # [B, N, T, D]
        return augment_each(batch, self.recipe.augment, self.recipe.clip.size, colours=colours)

    def chance(self) -> dict[str, float]:
        """ln K for the pace, and for the contrast ln of the other clips of the batch."""
        chance = {"pace": math.log(len(self.config.paces))}
        if self.config.contrast:
            chance["contrast"] = math.log(2 * self.recipe.train.batch_size - 1)
        return chance
