"""ST-Puzzle: space-time cubic puzzles (Kim, Cho, Kweon, AAAI 2019, arXiv 1811.09795).

Four pieces of a video, either the quarters of one clip or the same place at four times, are shown in one of 24 orders.
One network sees each piece by itself; two layers see their features side by side and say which order it is, with 24
answers for places and 24 for times. A second answer says whether the pieces were turned upside down.

No code was published. The pieces of four times share one place anywhere on the canvas; the width of the layer between
is ours.

UCF101 / HMDB51 top-1 after fine-tuning, R3D: pre-trained on UCF101 65.0 / 31.3 (MCN, Table 7), on Kinetics-400
63.9 / 33.7 (MCN, Table 8, which differs from other sources: see its note).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import settings, views
from kinema.augment import augment
from kinema.batch import Batch, Outcome, Step, beside
from kinema.losses import classification
from kinema.methods.base import Method
from kinema.sampler.pieces import CUBE_ORDERS, CUBES, CubicPieces, orders


class STPuzzle(Method):
    """Cross-entropy over the orders of four pieces, and over which way up they are."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.STPuzzle)
        self.config = recipe.method
        self.draw = CubicPieces(self.config.frames, self.config.stride, self.config.segment)
        self.together = nn.Sequential(nn.Linear(CUBES * feature_dim, self.config.hidden), nn.ReLU())
        self.arrange = nn.Linear(self.config.hidden, 2 * CUBE_ORDERS)
        if self.config.turned:
            self.turn = nn.Linear(self.config.hidden, 1)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """Both answers for a batch of puzzles."""
        rng = step.rng()
        target = batch.gathered(batch.target)
        times, label = target >= CUBE_ORDERS, target % CUBE_ORDERS  # [B] each
        places = batch.drawn(lambda count: self.places(times, label, rng))
        pieces = views.cut(self.canvas(batch), places, self.config.piece)
        turned = batch.uniform(rng) < 0.5
        if self.config.turned:
            pieces = torch.where(turned.view(-1, 1, 1, 1, 1, 1), pieces.flip(4, 5), pieces)  # [B, 4, 3, T, P, P]
        features = batch.gathered(self.backbone(pieces.flatten(0, 1)).view(len(batch), -1))  # [B, 4 F]
        joined = self.together(features)

        answers = self.arrange(joined).view(-1, 2, CUBE_ORDERS)  # for places and for times
        loss, correct = classification(answers[torch.arange(len(label), device=label.device), times.long()], label)
        terms = {"puzzle": loss.detach(), "puzzle_acc": correct}
        if self.config.turned:
            upright = F.binary_cross_entropy_with_logits(
                self.turn(joined)[:, 0].float(), batch.gathered(turned.float())
            )
            loss = loss + self.config.turned * upright
            terms["turned"] = upright.detach()
        return Outcome(loss, terms)

    def canvas(self, batch: Batch) -> Tensor:
        """float32 [B, 4, 3, T, S, S]: the pieces' whole frames; a video's have one crop, flip and colour in common."""
        N = batch.clips.shape[1]
        dice, extent = (value.repeat_interleave(N, dim=0) for value in (batch.dice[:, 0], batch.extent))
        flat = augment(batch.clips.flatten(0, 1), extent, dice, self.recipe.augment, self.config.canvas)
        return flat.view(len(batch), N, *flat.shape[1:])

    def places(self, times: Tensor, label: Tensor, rng: torch.Generator) -> Tensor:
        """int64 [B, 4, 2]: the corners of the pieces; one for all four where they are of four times."""
        canvas, piece = self.config.canvas, self.config.piece
        cells = beside(orders(CUBES), label)[label]  # [B, 4]
        apart = views.corners(cells, rng, side=self.config.side, canvas=canvas, piece=piece)
        anywhere = beside(torch.randint(canvas - piece + 1, (len(label), 1, 2), generator=rng), label)
        return torch.where(times[:, None, None], anywhere, apart)

    def chance(self) -> dict[str, float]:
        """ln 24, and ln 2 for which way up."""
        turned = {"turned": math.log(2)} if self.config.turned else {}
        return {"puzzle": math.log(CUBE_ORDERS)} | turned
