"""Jigsaw: puzzles of image tiles (Noroozi, Favaro, ECCV 2016, arXiv 1603.09246), on clips.

A clip is cut into 3 x 3 pieces, each seen for the clip's whole length: the spatial case of ST-Puzzle on a finer grid.
They are shown in one of 1,000 orders that were chosen to differ much. One network sees each piece by itself, and two
layers on their features side by side say which order it is; the paper's layer of 1,024 on each piece's feature (fc6)
and the released code's dropout after either layer are left out.

The paper removes each tile's own mean and deviation, so that brightness does not tell neighbours. Here each piece is
given those of all pieces of its clip instead, to the same end, so that it looks as clips do in evaluation. That is done
to each channel, which takes away as well what the released code's change of each piece's channels would add.

The figures in MCN's tables are of a 2-D network on single frames, measured by others: UCF101 / HMDB51 top-1 after
fine-tuning 51.5 / 22.5 (Table 7), UCF101 retrieval R@1, 5, 10, 20, 50: 19.7 / 28.5 / 33.5 / 40.0 / 49.4 (Table 9).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from kinema import settings, views
from kinema.augment import augment
from kinema.batch import Batch, Outcome, Step
from kinema.losses import classification
from kinema.methods.base import Method
from kinema.sampler.pieces import LabelledClip, distant_orders


class Jigsaw(Method):
    """Cross-entropy over the orders of the pieces of a clip."""

    orders: Tensor

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.Jigsaw)
        self.config = recipe.method
        pieces, count = self.config.grid**2, self.config.orders
        self.draw = LabelledClip(recipe.clip.frames, recipe.clip.stride, count)
        self.register_buffer("orders", distant_orders(pieces, count).clone())
        hidden = self.config.hidden
        self.arrange = nn.Sequential(nn.Linear(pieces * feature_dim, hidden), nn.ReLU(), nn.Linear(hidden, count))

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The answer for a batch of puzzles."""
        config = self.config
        clips = augment(batch.clips[:, 0], batch.extent, batch.dice[:, 0], self.recipe.augment, config.canvas)
        target = batch.gathered(batch.target)
        cells, rng = self.orders[target], step.rng()  # [B, N]
        places = batch.drawn(
            lambda count: views.corners(cells, rng, side=config.grid, canvas=config.canvas, piece=config.piece)
        )
        pieces = alike(views.cut(clips[:, None].expand(-1, cells.shape[1], -1, -1, -1, -1), places, config.piece))
        features = batch.gathered(self.backbone(pieces.flatten(0, 1)).view(len(batch), -1))  # [B, N F]
        loss, correct = classification(self.arrange(features), target)
        return Outcome(loss, {"puzzle": loss.detach(), "puzzle_acc": correct})

    def chance(self) -> dict[str, float]:
        """ln of the number of orders."""
        return {"puzzle": math.log(self.config.orders)}


def alike(pieces: Tensor) -> Tensor:
    """Pieces [B, N, C, T, P, P] with the same mean and deviation of each channel: those of all N of a clip."""
    with torch.autocast(pieces.device.type, enabled=False):
        own_std, own_mean = torch.std_mean(pieces, dim=(3, 4, 5), keepdim=True)
        std, mean = torch.std_mean(pieces, dim=(1, 3, 4, 5), keepdim=True)
        return (pieces - own_mean) / own_std.clamp(min=1 / 255) * std + mean
