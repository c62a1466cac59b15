"""CMC: contrastive multiview coding of RGB and residual clips (Tian, Krishnan, Isola, ECCV 2020, arXiv 1906.05849).

One encoder for both views, one memory bank a view, K drawn negatives. This is the video form that IIC's code has
without its intra-negatives, and the baseline of MCN's Tables 1, 2, 4 and 5, "CL".

UCF101 / HMDB51 top-1 after fine-tuning, MCN Table 1: S3D 76.7 / 45.5, R(2+1)D 77.3 / 46.2, R3D-18 78.6 / 47.1.
"""

from __future__ import annotations

from torch import nn

from kinema import bank, settings
from kinema.batch import Batch, Outcome, Step
from kinema.methods import two_views
from kinema.methods.base import Method


class CMC(Method):
    """Eq. 2-3 alone, by ordinary stochastic gradient descent."""

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone)
        assert isinstance(recipe.method, settings.CMC)
        self.config = recipe.method
        views = self.config.views
        self.draw = two_views.draw(recipe, views)
        self.residual_statistics = two_views.other_statistics(backbone, views)
        self.projection = two_views.Projections(views, feature_dim)
        dim = self.projection.dim
        self.banks = bank.contrast_of(num_videos, dim, self.config.contrast, seed=recipe.train.seed)

    def forward(self, batch: Batch, step: Step) -> Outcome:
        """The contrast of both views of the batch with the banks."""
        rgb, residual = two_views.clips(batch, self.recipe, self.config.views)  # [B, 3, T, S, S] each
        features = two_views.embed(
            self.backbone, self.projection, self.residual_statistics, rgb, residual, self.config.views
        )
        _, _, z1, z2 = features.gathered(batch)
        loss, terms, writes = self.banks.contrast(z1, z2, batch.gathered(batch.video), step.rng())
        return Outcome(loss, terms, bank.prefixed("banks", writes))

    def chance(self) -> dict[str, float]:
        """ln(K + 1) a direction."""
        return {"contrast": self.banks.chance(self.recipe.train.batch_size)}
