"""MoCo on video: momentum contrast with a queue (He et al., CVPR 2020, arXiv 1911.05722).

One clip of a video is a query; its key is another clip of the video, as a copy of the network sees it that follows the
network slowly. The negatives are keys of past batches. So CoCLR's first stage has it, "InfoNCE" (Han, Xie, Zisserman,
NeurIPS 2020), and, with each clip as the query of the other, Feichtenhofer et al. (CVPR 2021).

UCF101 after pre-training on UCF101, CoCLR's repository: InfoNCE on RGB, S3D, R@1 33.1, linear probe 46.8. After
Kinetics-400, Feichtenhofer et al., Slow R50 and two clips: UCF101 fine-tuned 91.3, Kinetics-400 linear probe 66.6.
Their three and four clips of a video are not here, nor is what VideoMoCo adds to MoCo (Pan et al., CVPR 2021): rows of
the queue that count less as they age, and a generator that drops frames.

Batch norm's statistics can tell a key's batch from the queue's, against which MoCo shuffles keys between GPUs; on one
device there is nothing to shuffle with. Short videos repeat their first frame. Letters: B videos, K rows of the queue,
F length of a backbone feature, D of a key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, sampler, settings
from kinema.augment import without_colour
from kinema.batch import Batch, Enqueue, Step, Write
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_clips import clips
from kinema.methods.two_views import Embedded
from kinema.momentum import MomentumCopy, rising, written

HIDDEN = 2048  # of the three layers of Feichtenhofer et al.


class MoCo(MetaContrast):
    """The contrast of queries with keys, on which pair classification sees (query, key)."""

    config: settings.MoCo

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config, clip = self.config, recipe.clip
        drawing = sampler.OneOrTwoClips if config.clips == "one_or_two" else sampler.RandomClips
        self.draw = drawing(clip.frames, clip.stride)
        self.projection = (
            heads.mlp(feature_dim, HIDDEN, config.dim, layers=3)
            if config.projection == "mlp3"
            else heads.projection(config.projection, feature_dim, config.dim)
        )
        self.classify_pairs(feature_dim, config.dim)
        self.key_backbone, self.key_projection = MomentumCopy(backbone), MomentumCopy(self.projection)
        self.register_buffer("momentum", torch.tensor(1.0))  # what the last step said; a checkpoint has it
        self.keys_a_video = 2 if config.symmetric else 1
        self.queue = self.queue_of(config.queue, config.dim, rows=self.keys_a_video)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """InfoNCE of each query; with `symmetric`, the mean over both clips in that part."""
        first, second = self.clips(batch)  # [B, 3, T, S, S] each
        h_key, k = map(batch.gathered, self.key(second))  # before there is a graph in memory
        keys = [k, batch.gathered(self.key(first)[1])] if self.config.symmetric else [k]
        h, q = map(batch.gathered, self.query(first))  # [B, F], [B, D]
        queries = [q, batch.gathered(self.query(second)[1])] if self.config.symmetric else [q]
        video = batch.gathered(batch.video).repeat(len(keys))
        scores = self.scores(torch.cat(queries), torch.cat(keys), video)  # [B, K + 1], or twice as many
        loss = losses.softmax_contrast(scores)
        correct = (scores.detach().argmax(dim=1) == 0).float().mean()
        momentum = rising(self.config.momentum, step.progress) if self.config.rising else self.config.momentum
        writes = (
            Enqueue("queue", {"keys": torch.cat(keys), "video": video}),
            Write("momentum", torch.tensor(momentum)),
        )
        return Contrasted(loss, {"contrast": loss.detach(), "contrast_acc": correct}, writes, Embedded(h, h_key, q, k))

    def clips(self, batch: Batch) -> list[Tensor]:
        """Both clips; those that `OneOrTwoClips` says keep their colours."""
        if self.config.clips == "two":
            return clips(batch, self.recipe)
        dice = [without_colour(batch.dice[:, n], (batch.target >> n) & 1 == 0) for n in range(2)]
        return clips(batch, self.recipe, torch.stack(dice, dim=1))

    def query(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """A clip's backbone features [B, F] and queries [B, D] of unit length."""
        h = self.backbone(clip)
        return h, F.normalize(self.projection(h).float(), dim=1)

    def key(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """The same by the copies, without a gradient."""
        h = self.key_backbone(self.backbone, clip)
        return h, F.normalize(self.key_projection(self.projection, h).float(), dim=1)

    def scores(self, queries: Tensor, keys: Tensor, video: Tensor) -> Tensor:
        """float32 [B, K + 1]: each query's own key, then the queue's rows, over the temperature."""
        scores = self.queue.scores(queries, keys)
        if self.config.exclude_self:
            again = video[:, None] == self.queue.video  # [B, K]
            scores = scores.masked_fill(F.pad(again, (1, 0)), float("-inf"))
        return scores / self.config.temperature

    def waiting_steps(self) -> int:
        """Those in which the queue still holds rows that are of no video, if it is to be filled first."""
        rows = self.kept_a_step * self.keys_a_video
        return math.ceil(len(self.queue) / rows) if self.config.fill_first else 0

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """Make the writes, then let the copies follow."""
        writes = tuple(writes)
        super().commit(writes)
        momentum = written(writes)
        self.key_backbone.follow(self.backbone, momentum)
        self.key_projection.follow(self.projection, momentum)

    def chance(self) -> dict[str, float]:
        """ln(K + 1) for the contrast."""
        return {"contrast": math.log(self.config.queue + 1)} | super().chance()
