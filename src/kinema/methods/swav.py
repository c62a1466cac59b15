"""SwAV on video: swapped assignments (Caron et al., NeurIPS 2020, arXiv 2006.09882), as in Feichtenhofer et al.,
"A Large-Scale Study on Unsupervised Spatiotemporal Representation Learning", CVPR 2021.

Features of a batch are assigned to prototypes so that all prototypes get the same share; the assignment of one clip is
predicted from another clip of the video, and the other way round.

Without the small extra crops and the queue of the image method, as Feichtenhofer et al. have it; so a batch that is
much smaller than the number of prototypes spreads each video over several. After Kinetics-400, Slow-only R50 and two
clips: UCF101 fine-tuned 90.2, Kinetics-400 linear probe 62.6. Their three and four clips of a video are not here. Short
videos repeat their first frame.

Letters: B videos, K prototypes, F length of a backbone feature, D of a projected one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, sampler, settings
from kinema.batch import Batch, Enqueue, Step, Write
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_clips import clips
from kinema.methods.two_views import Embedded


class SwAV(MetaContrast):
    """The cross-entropy of predicted assignments, both ways; pair classification sees both clips."""

    config: settings.SwAV

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config = self.config
        self.draw = sampler.RandomClips(recipe.clip.frames, recipe.clip.stride)
        self.projection = heads.mlp(feature_dim, config.hidden, config.dim, batch_norm=True)
        self.prototypes = nn.Linear(config.dim, config.prototypes, bias=False)
        self.classify_pairs(feature_dim, config.dim)
        self.shorten_prototypes()

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """Eq. 1 of SwAV, averaged over the two clips."""
        first, second = clips(batch, self.recipe)  # [B, 3, T, S, S] each
        (h1, z1), (h2, z2) = (map(batch.gathered, self.embed(clip)) for clip in (first, second))
        scores1, scores2 = self.scores(z1, step), self.scores(z2, step)  # [B, K] each
        loss = (self.swapped(scores1, scores2) + self.swapped(scores2, scores1)) / 2
        agree = (scores1.detach().argmax(dim=1) == scores2.detach().argmax(dim=1)).float().mean()
        return Contrasted(loss, {"swapped": loss.detach(), "same_prototype": agree}, (), Embedded(h1, h2, z1, z2))

    def embed(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """A clip's backbone features [B, F] and projected ones [B, D] of unit length."""
        h = self.backbone(clip)
        return h, F.normalize(self.projection(h).float(), dim=1)

    def scores(self, z: Tensor, step: Step) -> Tensor:
        """float32 [B, K]: cosines with the prototypes, which are constants in the first epochs."""
        prototypes = self.prototypes.weight
        if step.epoch < self.config.frozen_epochs:
            prototypes = prototypes.detach()
        with torch.autocast(z.device.type, enabled=False):  # the temperature is small
            return z @ prototypes.float().T

    def swapped(self, scores: Tensor, others: Tensor) -> Tensor:
        """The cross-entropy of one clip's assignment, which is a constant, predicted from the other clip's scores."""
        code = losses.sinkhorn(scores.detach(), self.config.epsilon, self.config.iterations)
        predicted = F.log_softmax(others / self.config.temperature, dim=1)
        return -(code * predicted).sum(dim=1).mean()

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """Make the writes, and give prototypes unit length again."""
        super().commit(writes)
        self.shorten_prototypes()

    @torch.no_grad()
    def shorten_prototypes(self) -> None:
        """Divide each prototype by its length."""
        self.prototypes.weight.copy_(F.normalize(self.prototypes.weight, dim=1))

    def chance(self) -> dict[str, float]:
        """ln K, for predictions that are the same for all prototypes."""
        return {"swapped": math.log(self.config.prototypes)} | super().chance()
