"""SpeedNet (Benaim, Ephrat, Lang, Mosseri, Freeman, Rubinstein, Irani, Dekel, CVPR 2020, arXiv 2004.06130).

Is a clip shown at normal speed or sped up? Each batch has both versions of each video's segment, with crops, mirrors
and colours of their own. The network's last map is reduced by its maximum over space and its mean over time, and one
layer gives the logit.

UCF101 / HMDB51 top-1 after Kinetics-400 and fine-tuning, as MCN's Table 8 prints it: S3D-G at 224 px 81.1 / 48.8.

No official code. Not here: pictures of a random size each batch, in whose place random crops are resized; networks
without strides in time. A video too short for the fast clip repeats its first frame.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import settings
from kinema.augment import augment_each
from kinema.backbones.backbone import Backbone
from kinema.batch import Batch, Outcome, Step
from kinema.methods.base import Method
from kinema.sampler.paces import NormalAndFast


class SpeedNet(Method):
    """Binary cross-entropy over normal and fast clips. Letters: B videos, C channels, T' x H' x W' cells of a map."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.SpeedNet)
        config = recipe.method
        self.draw = NormalAndFast(config.frames, config.stride, config.normal, config.fast)
        self.speed = nn.Linear(feature_dim, 1)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The loss of both versions of each segment, which go through the backbone in one batch."""
        clips = augment_each(batch, self.recipe.augment, self.recipe.clip.size)
        logits = batch.gathered(self.logits(clips.flatten(0, 1)).view(-1, 2))  # [B, 2], the fast clip in column 1
        fast = torch.arange(2.0, device=logits.device).expand_as(logits)
        loss = F.binary_cross_entropy_with_logits(logits, fast)
        correct = ((logits.detach() > 0) == (fast > 0)).float().mean()
        return Outcome(loss, {"speed": loss.detach(), "speed_acc": correct})

    def logits(self, clips: Tensor) -> Tensor:
        """float32 [M]: how fast clips [M, 3, T, S, S] look."""
        assert isinstance(self.backbone, Backbone)
        maps = self.backbone.maps(clips)  # [M, C, T', H', W']
        logits: Tensor = self.speed(maps.amax(dim=(3, 4)).mean(dim=2))
        return logits[:, 0].float()

    def chance(self) -> dict[str, float]:
        """ln 2."""
        return {"speed": math.log(2)}
