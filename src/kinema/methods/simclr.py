"""SimCLR on video (Chen et al., ICML 2020), with the clips of CVRL (Qian et al., CVPR 2021, arXiv 2008.03800).

Two clips of a video, near in time more often than far apart, are augmented each on its own. Among all clips of the
batch each has to find the other one of its video (NT-Xent). Large batches matter, since they are all the negatives
there are: expect less below 256 videos.

CVRL augments its two clips by two laws (one is nearly always blurred, the other may be solarised); here both have the
recipe's. A video too short for a clip repeats its first frame, where CVRL begins it anew. UCF101 / HMDB51 top-1 after
CVRL's pre-training of R3D-50 on Kinetics-400 and fine-tuning: 92.1 / 65.4 (MCN, Table 8).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, settings
from kinema.batch import Batch, Step
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_clips import clips
from kinema.methods.two_views import Embedded
from kinema.sampler import pairs


class SimCLR(MetaContrast):
    """NT-Xent between two clips of each video of the batch."""

    config: settings.SimCLR

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        self.draw = pairs.NearbyClips(recipe.clip.frames, recipe.clip.stride)
        dim = feature_dim if self.config.projection == "none" else self.config.dim
        self.projection = heads.projection(self.config.projection, feature_dim, dim)
        self.classify_pairs(feature_dim, dim)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """Each clip against the other clips of the batch."""
        features = self.embed(*clips(batch, self.recipe)).gathered(batch)  # of [B, 3, T, S, S] each
        loss = losses.nt_xent(features.z1, features.z2, self.config.temperature)
        terms = {"contrast": loss.detach(), "contrast_acc": losses.partner_found(features.z1, features.z2)}
        return Contrasted(loss, terms, (), features)

    def embed(self, one: Tensor, other: Tensor) -> Embedded:
        """Features of both clips, which pass together, so that batch norm sees them as one batch of 2 B."""
        h = self.backbone(torch.cat([one, other]))  # [2 B, F]
        z = F.normalize(self.projection(h).float(), dim=1)  # [2 B, D]
        return Embedded(*h.chunk(2), *z.chunk(2))

    def chance(self) -> dict[str, float]:
        """ln(2 B - 1) for the contrast, and that of the pairs where they are classified."""
        return {"contrast": math.log(2 * self.recipe.train.batch_size - 1)} | super().chance()
