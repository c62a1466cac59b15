"""IIC: inter-intra contrastive learning (Tao, Wang, Yamasaki, ACM MM 2020, arXiv 2008.02531).

CMC of RGB and residuals or flow, with one more kind of negative: the clip itself with its motion destroyed, by
repeating one of its frames or by swapping two of its quarters. These intra-negatives have a memory bank of their own,
in which an anchor meets that of its own video and those of the K videos that it meets in the other view's bank.

UCF101 / HMDB51 top-1 after fine-tuning on residuals, R3D: 72.8 / 35.3 with repeated frames (its README), 74.4 / 38.3
with swapped quarters (MCN, Table 7). R@1 on UCF101 with swapped quarters and vertical flow: 42.4 (MCN, Table 9); on
HMDB51 19.7 (Table 10).

A video too short for a clip repeats its first frame, where its code stops. Of flow there is the vertical part alone;
its code can have the horizontal one for the second view.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import bank, settings, views
from kinema.batch import Batch, Step
from kinema.errors import UsageError
from kinema.meta import call_at, running_statistics
from kinema.methods import two_views
from kinema.methods.meta_contrast import Contrasted, MetaContrast

QUARTERS = 4


class IIC(MetaContrast):
    """Eq. 2-3 with intra-negatives among the negatives."""

    config: settings.IIC

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        if self.config.intra == "shuffle" and recipe.clip.frames < QUARTERS:
            raise UsageError(
                f"--clip.frames {recipe.clip.frames} has no quarters to be shuffled: give {QUARTERS} or more, or "
                "--method.intra repeat"
            )
        config = self.config.views
        self.draw = two_views.draw(recipe, config)
        self.residual_statistics = two_views.other_statistics(backbone, config)
        self.projection = two_views.Projections(config, feature_dim)
        dim = self.projection.dim
        self.classify_pairs(feature_dim, dim)
        self.banks = bank.contrast_of(num_videos, dim, self.config.contrast, seed=recipe.train.seed, intra=True)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """Each view of a video against the other view's bank and the bank of intra-negatives."""
        rgb, second = two_views.clips(batch, self.recipe, self.config.views)  # [B, 3, T, S, S] each
        features = two_views.embed(
            self.backbone, self.projection, self.residual_statistics, rgb, second, self.config.views
        ).gathered(batch)
        rng = step.rng()
        order = batch.drawn(lambda count: self.without_motion(count, rng))
        intra = batch.gathered(self.embed_intra(views.reordered(rgb, order)))  # [B, D]
        loss, terms, writes = self.banks.contrast(
            features.z1, features.z2, batch.gathered(batch.video), rng, self.negative_pool(step), intra
        )
        return Contrasted(loss, terms, bank.prefixed("banks", writes), features)

    def without_motion(self, count: int, rng: torch.Generator) -> Tensor:
        """int64 [B, T]: which frames of each clip, in which order, its intra-negative has."""
        frames = self.recipe.clip.frames
        if self.config.intra == "repeat":
            return torch.randint(frames, (count, 1), generator=rng).expand(count, frames)
        one = torch.randint(QUARTERS, (count, 1), generator=rng)
        other = (one + torch.randint(1, QUARTERS, (count, 1), generator=rng)) % QUARTERS  # never the same quarter
        order = torch.arange(QUARTERS).expand(count, QUARTERS).scatter(1, one, other).scatter(1, other, one)
        return views.pieces_in_order(frames, order)

    def embed_intra(self, clips: Tensor) -> Tensor:
        """[B, D]: features of intra-negatives, which are of the RGB view.

        With a bank they have no gradient: they only refresh it. Where views have running statistics of their own, these
        clips, which are no view, move none.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.has_bank):
            if self.config.views.statistics == "mixed":
                h = self.backbone(clips)
            else:
                h, _ = call_at(self.backbone, {}, running_statistics(self.backbone), clips)
            z = self.projection.layers[0](h)
            return F.normalize(z.float(), dim=1) if self.config.views.unit_length else z

    def chance(self) -> dict[str, float]:
        """ln 2 (K + 1) a direction for the contrast, and that of the pairs where they are classified."""
        return {"contrast": self.banks.chance(self.recipe.train.batch_size)} | super().chance()
