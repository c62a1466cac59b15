"""What tasks over a row of clips share: the clips' pixels, their features, and what a task is.

Letters: B videos, N clips of a video, T frames, S pixels a side, F length of a feature, K answers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from torch import Tensor, nn

from kinema.augment import FLIP, augment_each
from kinema.batch import Batch, beside
from kinema.losses import classification
from kinema.sampler import Drawing
from kinema.settings import Recipe


class ClipTask(nn.Module, ABC):
    """A question about the clips of a video that can be answered from their features; it has no backbone of its own."""

    term: str
    """What its loss is called in the log."""
    draw: Drawing
    """Which clips are read, with the right answer for a target."""
    answers: int
    """K."""

    def choose(self, count: int, rng: torch.Generator) -> Tensor:
        """int64 [count, W]: in which of several ways each of W things would be done to pixels; here none is."""
        return torch.zeros(count, 0, dtype=torch.int64)

    def change(self, clips: Tensor, target: Tensor, choice: Tensor) -> Tensor:
        """What the answer asks to be done to pixels, of clips [B, N, 3, T, S, S]; here nothing."""
        return clips

    def shown(self, batch: Batch, recipe: Recipe, rng: torch.Generator) -> Tensor:
        """float32 [B, N, 3, T, S, S]: the clips of a batch, changed as their answers ask for."""
        choice = beside(batch.drawn(lambda count: self.choose(count, rng)), batch.clips)
        return self.change(clips_of(batch, recipe), batch.target, choice)

    @abstractmethod
    def forward(self, features: Tensor, rng: torch.Generator) -> Tensor:
        """The logits of the answers, [B, N, F] -> [B, K]."""

    def judge(self, features: Tensor, target: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The cross-entropy of the answers, and terms for the log."""
        loss, correct = classification(self(features, rng), target)
        return loss, {self.term: loss.detach(), f"{self.term}_acc": correct}

    def chance(self) -> dict[str, float]:
        """ln K."""
        return {self.term: math.log(self.answers)}


def clips_of(batch: Batch, recipe: Recipe) -> Tensor:
    """float32 [B, N, 3, T, S, S]: the clips, each with a crop and colours of its own, so that neither tells its place.

    Only the mirror is one for all clips of a video, without which they would not be parts of one motion (OPN; VCOP
    mirrors nothing).
    """
    dice = batch.dice.clone()
    dice[:, :, FLIP] = dice[:, :1, FLIP]
    return augment_each(replace(batch, dice=dice), recipe.augment, recipe.clip.size)


def features_of(backbone: nn.Module, clips: Tensor) -> Tensor:
    """The features [B, N, F] of clips [B, N, 3, T, S, S], in one pass."""
    B, N = clips.shape[:2]
    features: Tensor = backbone(clips.flatten(0, 1))
    return features.view(B, N, -1)
