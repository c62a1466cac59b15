"""3D-RotNet: which way up is a clip (Jing, Yang, Liu, Tian, arXiv 1811.11387, 2018)?

Each clip is shown in all four rotations by right angles, and a linear layer on the feature says which one it sees. The
four are in one batch, as in the released code, so the network reads four times the clips that are drawn. Its further
turning of clips by up to 10 degrees is left out. With an `augment.crop_aspect` other than 1 1, crops are squeezed to a
square before they are turned. Of square video as often narrowed as flattened; of wide video mostly narrowed, from which
two rotations can be told from the other two: `--augment.crop-aspect 1 1` is the remedy.

UCF101 / HMDB51 top-1 after pre-training on Kinetics-400 and fine-tuning, R3D-18: 62.9 / 33.7 (MCN, Table 8).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from kinema import settings, views
from kinema.augment import augment
from kinema.batch import Batch, Outcome, Step
from kinema.losses import classification
from kinema.methods.base import Method


class RotNet(Method):
    """Cross-entropy over the four rotations of every clip."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        self.classify = nn.Linear(feature_dim, views.ROTATIONS)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The loss of all four rotations, which a video's place in the batch has no part in."""
        recipe = self.recipe
        clips = augment(batch.clips[:, 0], batch.extent, batch.dice[:, 0], recipe.augment, recipe.clip.size)
        turned = views.rotations(clips)  # [4 B, 3, T, S, S]
        logits = self.classify(self.backbone(turned)).unflatten(0, (views.ROTATIONS, -1))  # [4, B, 4]
        logits = batch.gathered(logits.transpose(0, 1)).transpose(0, 1).flatten(0, 1)  # [4 B, 4]
        turns = torch.arange(views.ROTATIONS, device=logits.device).repeat_interleave(len(logits) // views.ROTATIONS)
        loss, correct = classification(logits, turns)
        return Outcome(loss, {"rotation": loss.detach(), "rotation_acc": correct})

    def chance(self) -> dict[str, float]:
        """ln 4."""
        return {"rotation": math.log(views.ROTATIONS)}
