"""BYOL on video: bootstrap your own latent (Grill et al., NeurIPS 2020, arXiv 2006.07733), as in Feichtenhofer et al.,
"A Large-Scale Study on Unsupervised Spatiotemporal Representation Learning", CVPR 2021.

From one clip of a video a predictor guesses how a slowly following copy of the network projects another clip of it,
and from that one the first. There are no negatives; that all features become one is kept off by the predictor and by
batch norm in the heads.

After Kinetics-400, Feichtenhofer et al., Slow-only R50 and two clips: UCF101 fine-tuned 94.0, Kinetics-400 linear probe
67.4. Their three and four clips of a video are not here. Short videos repeat their first frame. Letters: B videos, F
length of a backbone feature, D of a projected one.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, sampler, settings
from kinema.batch import Batch, Enqueue, Step, Write
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_clips import clips
from kinema.methods.two_views import Embedded
from kinema.momentum import MomentumCopy, rising, written


class BYOL(MetaContrast):
    """The distance of predictions to targets, both ways; pair classification sees both clips' own projections."""

    config: settings.BYOL

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config = self.config
        self.draw = sampler.RandomClips(recipe.clip.frames, recipe.clip.stride)
        self.projection = heads.mlp(feature_dim, config.hidden, config.dim, batch_norm=True)
        self.predictor = heads.mlp(config.dim, config.hidden, config.dim, batch_norm=True)
        self.classify_pairs(feature_dim, config.dim)
        self.target_backbone, self.target_projection = MomentumCopy(backbone), MomentumCopy(self.projection)
        self.register_buffer("momentum", torch.tensor(1.0))  # what the last step said; a checkpoint has it

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """Eq. 2 of BYOL and its mirror image: 0 where every prediction points where its target does, 8 at most."""
        first, second = clips(batch, self.recipe)  # [B, 3, T, S, S] each
        targets = self.target(second), self.target(first)  # before there is a graph in memory
        h1, h2 = self.backbone(first), self.backbone(second)  # [B, F] each
        z1, z2 = self.projection(h1), self.projection(h2)  # [B, D] each
        pairs = zip((self.predictor(z1), self.predictor(z2)), targets, strict=True)
        one, other = (losses.direction_distance(*map(batch.gathered, pair)) for pair in pairs)
        loss = one + other
        momentum = torch.tensor(rising(self.config.momentum, step.progress))
        features = Embedded(h1, h2, F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1))
        cosine = 1 - loss.detach() / 4
        terms = {"distance": loss.detach(), "cosine": cosine}
        return Contrasted(loss, terms, (Write("momentum", momentum),), features.gathered(batch))

    def target(self, clip: Tensor) -> Tensor:
        """A clip's projection [B, D] by the copies, without a gradient."""
        h = self.target_backbone(self.backbone, clip)
        z: Tensor = self.target_projection(self.projection, h)
        return z

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """Make the writes, then let the copies follow."""
        writes = tuple(writes)
        super().commit(writes)
        momentum = written(writes)
        self.target_backbone.follow(self.backbone, momentum)
        self.target_projection.follow(self.projection, momentum)
