"""MemDPC: Memory-augmented Dense Predictive Coding (Han, Xie, Zisserman, ECCV 2020, arXiv 2008.01065).

As DPC, but a prediction is put together from a fixed number of learned vectors, the memory: the recurrent state only
says in which shares. So several futures can be kept in mind, of which the one that comes need only be among the likely.
It predicts both ways, the last blocks from the first and, by a recurrent cell of its own, the first from the last.

Top-1 after pre-training on Kinetics-400, RGB, from the paper: UCF101 / HMDB51 fine-tuned 78.1 / 41.2, linear probe
54.1 / 30.5 (MCN's Table 6).

The memory is a parameter, learned by gradient; it has nothing to do with CMC's banks of features. What is said in
`kinema.methods.dpc` of evaluation, the maps and short videos holds here too. The paper's network on flow is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kinema import sampler, settings
from kinema.backbones.backbone import Backbone
from kinema.batch import Batch, Outcome, Step
from kinema.methods.base import Method
from kinema.methods.blocks import Chance, block_maps, dense_chance, dense_contrast, predictions
from kinema.recurrent import ConvGRU, begin_orthogonal

GAIN = 0.1
"""Of the orthogonal weights that the recurrent cells and the shares begin with (its code)."""


class MemDPC(Method):
    """The dense contrast of predicted and actual maps, forwards and backwards in time."""

    backbone: Backbone

    def __init__(self, recipe: settings.Recipe, backbone: Backbone, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.MemDPC)
        self.config = recipe.method
        backbone.leave_out_last_relu()
        self.draw = sampler.Blocks(self.config.blocks, self.config.block_frames, self.config.block_stride)
        self.onwards, self.back = ConvGRU(feature_dim, gain=GAIN), ConvGRU(feature_dim, gain=GAIN)
        self.shares = nn.Sequential(
            nn.Conv2d(feature_dim, feature_dim, 1), nn.ReLU(), nn.Conv2d(feature_dim, self.config.slots, 1)
        )
        begin_orthogonal(self.shares, GAIN)
        self.slots = nn.Parameter(torch.randn(self.config.slots, feature_dim))

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The losses of both ways, summed."""
        rng = step.rng()
        maps = block_maps(self.backbone, batch, self.recipe, self.config, rng)  # [B, N, F, h, w]

        def chance(shape: torch.Size) -> Tensor:
            return batch.uniform(rng, *shape)

        onwards, right = self.foresee(self.onwards, maps, batch, chance)
        back, right_back = self.foresee(self.back, maps.flip(1), batch, chance)
        loss, correct = onwards + back, (right + right_back) / 2
        return Outcome(loss, {"contrast": loss.detach(), "contrast_acc": correct})

    def foresee(self, aggregate: ConvGRU, maps: Tensor, batch: Batch, chance: Chance) -> tuple[Tensor, Tensor]:
        """The loss of predicting the last of the maps [B, N, F, h, w] from the first, and how often it is right."""
        predicted = predictions(aggregate, self.recall, maps, self.config, chance)
        return dense_contrast(batch.gathered(predicted), batch.gathered(maps))

    def recall(self, state: Tensor) -> Tensor:
        """What the memory has for a state: float [B, F, h, w], at each cell a mean of the slots by their shares."""
        shares = self.shares(state).softmax(dim=1)  # [B, slots, h, w]
        return torch.einsum("bmhw,mf->bfhw", shares, self.slots)

    def chance(self) -> dict[str, float]:
        """ln(B P h w) a way."""
        return {"contrast": 2 * dense_chance(self.backbone, self.recipe, self.config)}
