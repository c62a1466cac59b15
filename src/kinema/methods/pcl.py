"""PCL: pretext-contrastive learning (Tao, Wang, Yamasaki, arXiv 2010.15464).

A task over a few clips of a video, VCP or VCOP, and a contrast of its first clip with its last, by one network on the
same pass: L = L_task + 0.5 L_contrast. The contrast is CMC's, with a memory bank for each of the two places.

UCF101 / HMDB51 top-1 after fine-tuning, from its README: R3D-18 with VCP 83.4 / 48.8; R3D of one block a stage with
VCOP 78.2 / 40.5. Retrieval R@1 on UCF101, R3D-18: 55.1 with VCP, where VCP alone has 22.1 and random init 15.3.

The third task of the paper, 3D-RotNet, is about one clip and not here. Short videos are treated as in
`kinema.methods.vcp` and `vcop`. What MCN adds can be laid over it (`method.meta`, `method.alpha`), for which the task
counts as part of the contrast.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from kinema import bank, heads, settings, views
from kinema.batch import Batch, Step
from kinema.methods.clip_task import ClipTask, features_of
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_views import Embedded
from kinema.methods.vcop import OrderTask
from kinema.methods.vcp import ClozeTask


class PCL(MetaContrast):
    """A task and a contrast that share one backbone."""

    config: settings.PCL

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config = self.config
        self.task: ClipTask = (
            OrderTask(config.order, feature_dim)
            if config.task == "vcop"
            else ClozeTask(config.cloze, feature_dim, recipe.clip.size)
        )
        self.draw = self.task.draw
        dim = feature_dim if config.projection == "none" else config.dim
        self.projection = heads.projection(config.projection, feature_dim, dim)
        self.classify_pairs(feature_dim, dim)
        self.banks = bank.contrast_of(num_videos, dim, config.contrast, seed=recipe.train.seed)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """The task's loss plus the weighed contrast. Letters: as in `clip_task`, D length of a projected feature."""
        rng = step.rng()
        clips = self.task.shown(batch, self.recipe, rng)  # [B, N, 3, T, S, S]
        features = features_of(self.backbone, self.shown(clips))  # [B, N, F]
        ends = features[:, 0], features[:, -1]
        z1, z2 = (batch.gathered(F.normalize(self.projection(h).float(), dim=1)) for h in ends)  # [B, D] each
        features = batch.gathered(features)
        task, terms = self.task.judge(features, batch.gathered(batch.target), rng)
        h1, h2 = features[:, 0], features[:, -1]
        video = batch.gathered(batch.video)
        contrast, more, writes = self.banks.contrast(z1, z2, video, rng, self.negative_pool(step))
        total = task + self.config.weight * contrast
        return Contrasted(total, terms | more, bank.prefixed("banks", writes), Embedded(h1, h2, z1, z2))

    def shown(self, clips: Tensor) -> Tensor:
        """What the network is shown of clips [B, N, 3, T, S, S], of the same shape."""
        flat = clips.flatten(0, 1)
        if self.config.input == "residual":
            return views.residual(flat).view_as(clips)
        return views.normalise(flat, self.config.normalise).view_as(clips)

    def chance(self) -> dict[str, float]:
        """Those of the task, of the banks, and of pairs where they are classified."""
        return self.task.chance() | {"contrast": self.banks.chance(self.recipe.train.batch_size)} | super().chance()
