"""MCN: the Meta-Contrastive Network (Lin, Guo, Lu, ICCV 2021).

RGB and residual clips of a video are contrasted through two memory banks (CMC), and a small head tells pairs of
features of one video from pairs of two. Both losses are learnt by MAML: the weights take a gradient step on a support
batch, and what is minimised is the loss of the stepped weights on a query batch. The contrast is here; the head and the
two stages, which any contrastive method can be given, are in `kinema.methods.meta_contrast`.

UCF101 / HMDB51 top-1 after pre-training on UCF101 and fine-tuning, Table 1: S3D 82.9 / 53.8, R(2+1)D 84.8 / 54.5,
R3D-18 85.4 / 54.8. Table 5, R(2+1)D on UCF101: CL 77.3, CL+BL 79.2, full 84.8.
"""

from __future__ import annotations

from torch import nn

from kinema import bank, settings
from kinema.batch import Batch, Step
from kinema.methods import two_views
from kinema.methods.meta_contrast import Contrasted, MetaContrast


class MCN(MetaContrast):
    """Eq. 5 in two stages (`meta.order` 1 or 2), or in one (order 0, the paper's ablation "CL+BL")."""

    config: settings.MCN

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        views = self.config.views
        self.draw = two_views.draw(recipe, views)
        self.residual_statistics = two_views.other_statistics(backbone, views)
        self.projection = two_views.Projections(views, feature_dim)
        dim = self.projection.dim
        self.classify_pairs(feature_dim, dim)
        self.banks = bank.contrast_of(num_videos, dim, self.config.contrast, seed=recipe.train.seed)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """Eq. 2-3: each view of a video against the other view's bank."""
        rgb, residual = two_views.clips(batch, self.recipe, self.config.views)  # [B, 3, T, S, S] each
        features = two_views.embed(
            self.backbone, self.projection, self.residual_statistics, rgb, residual, self.config.views
        ).gathered(batch)
        loss, terms, writes = self.banks.contrast(
            features.z1, features.z2, batch.gathered(batch.video), step.rng(), self.negative_pool(step)
        )
        return Contrasted(loss, terms, bank.prefixed("banks", writes), features)

    def chance(self) -> dict[str, float]:
        """ln(K + 1) a direction for the contrast, and that of the pairs."""
        return {"contrast": self.banks.chance(self.recipe.train.batch_size)} | super().chance()
