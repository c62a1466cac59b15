"""Mars: motion and appearance statistics (Wang et al., CVPR 2019, arXiv 1904.03597).

From RGB alone the network tells numbers that were computed of the clip: 14 of its flow (in which block of the picture
motion changes most, in which direction, and when) and 13 of its colours (where they change most and least, and which
they are). `kinema.clip_statistics` defines them. The paper has a linear layer come near the numbers by squared error,
although they are places in a list; `answers="classes"` chooses among them instead.

Colours are those of the clip as the network sees it, jitter included. Flow has its crop and flip.

UCF101 / HMDB51 top-1 after pre-training on UCF101 and fine-tuning, C3D: 58.8 / 32.6 (MCN, Table 7).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import settings
from kinema.augment import FLIP, augment, crop_and_flip
from kinema.batch import Batch, Outcome, Step
from kinema.clip_statistics import APPEARANCE, MOTION, SMALLEST, appearance_labels, motion_labels
from kinema.errors import UsageError
from kinema.losses import classification
from kinema.methods.base import Method

NO_FLOW = 128 / 255
"""No motion, as `kinema.data.flow_folder` has it."""


class Mars(Method):
    """Squared error, or cross-entropy, of the statistics of motion plus a tenth of that of appearance."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.Mars)
        self.config = recipe.method
        if recipe.clip.size < SMALLEST:
            raise UsageError(f"--clip.size is {recipe.clip.size}: give {SMALLEST} or more, or mars has empty blocks")
        self.fields = max(recipe.clip.frames - 1, 1)
        self.largest = {"motion": (*MOTION, self.fields, self.fields), "appearance": APPEARANCE}
        if not self.config.appearance:
            del self.largest["appearance"]
        self.answer = nn.ModuleDict({name: nn.Linear(feature_dim, self.width(name)) for name in self.largest})

    def width(self, name: str) -> int:
        """How many outputs the answers take: one each, or one for each number that each can be, 0 included."""
        largest = self.largest[name]
        return len(largest) if self.config.answers == "numbers" else sum(largest) + len(largest)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The loss of all answers."""
        recipe, dice = self.recipe, batch.dice[:, 0]
        clips = augment(batch.clips[:, 0, ..., :3], batch.extent, dice, recipe.augment, recipe.clip.size)
        with torch.autocast(clips.device.type, enabled=False):
            labels = {"motion": motion_labels(self.flow(batch))}  # [B, 14]
            if self.config.appearance:
                labels["appearance"] = appearance_labels(clips)  # [B, 13]
        feature = self.backbone(clips)  # [B, F]
        terms = {}
        for name, label in labels.items():
            answers = batch.gathered(self.answer[name](feature).float())
            terms[name], terms[f"{name}_acc"] = self.judge(name, answers, batch.gathered(label))
        total = terms["motion"]
        if self.config.appearance:
            total = total + self.config.appearance * terms["appearance"]
        return Outcome(total, {name: value.detach() for name, value in terms.items()})

    def flow(self, batch: Batch) -> Tensor:
        """float32 [B, 2, L, S, S]: the flow from each frame but the last, 0 for none. A mirror turns u's sign."""
        recipe, dice = self.recipe, batch.dice[:, 0]
        both = batch.clips[:, 0, : self.fields, ..., 3:]
        flow = crop_and_flip(both, batch.extent, dice, recipe.augment, recipe.clip.size) - NO_FLOW
        sign = torch.ones(len(batch), 2, device=flow.device)
        sign[:, 0] -= 2 * (dice[:, FLIP] < recipe.augment.flip).float()
        return flow * sign[:, :, None, None, None]

    def judge(self, name: str, output: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of answers [B, ...] to labels [B, N], averaged over all of them, and the share that are right."""
        if self.config.answers == "numbers":
            return F.mse_loss(output, label.float()), (output.detach().round() == label).float().mean()
        each = torch.split(output, [largest + 1 for largest in self.largest[name]], dim=1)
        losses, correct = zip(*map(classification, each, label.unbind(1)), strict=True)
        return torch.stack(losses).mean(), torch.stack(correct).mean()

    def chance(self) -> dict[str, float]:
        """For classes, the mean logarithm of how many there are; for numbers there is none."""
        if self.config.answers == "numbers":
            return {}
        return {name: sum(map(math.log1p, largest)) / len(largest) for name, largest in self.largest.items()}
