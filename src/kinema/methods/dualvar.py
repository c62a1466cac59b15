"""DualVar: inter-intra variant dual representations (Zhang, She, Shen, Wang, BMVC 2021, arXiv 2107.01194).

A clip has one vector for itself and one for each of its n segments. Two clips of a video are contrasted by the first
(as in SimCLR, or with MoCo's queue) and by the mean of the others (temporal coherent contrast). Shuffle-rank encodes
the first clip once more with its segments shuffled, puts their vectors back in order, and asks that a segment be nearer
to itself as seen in the other order than to the other segments.

UCF101 / HMDB51 top-1 after pre-training on UCF101 and fine-tuning, from its repository: SimCLR 79.0 / 45.4, MoCo
78.5 / 47.5; after Kinetics-400, SimCLR 82.0 / 51.2.

The losses are those of its code, which cannot run as it was published. Clips are drawn as everywhere in kinema, where
its code centres them on any frame and repeats what lies beyond the ends; and there are no devices to shuffle MoCo's
keys between. All clips that have a gradient pass the network together, a batch to batch norm; in its code the shuffled
one passes apart from the three others, or in MoCo's form the first one apart from its two repetitions. Letters: B
videos, n segments, D length of a clip's vector, E of a segment's, K rows of the queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, settings, views
from kinema.batch import Batch, Enqueue, Step, Write, beside
from kinema.errors import UsageError
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_clips import clips
from kinema.methods.two_views import Embedded
from kinema.momentum import MomentumCopy
from kinema.sampler.pairs import ClipsAndAgain


class DualVar(MetaContrast):
    """Clip contrast + temporal coherent contrast + shuffle-rank."""

    config: settings.DualVar

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config, clip = self.config, recipe.clip
        if clip.frames < config.segments:
            raise UsageError(
                f"--clip.frames {clip.frames} has no {config.segments} segments: give {config.segments} or more, or "
                "a smaller --method.segments"
            )
        self.draw = ClipsAndAgain(clip.frames, clip.stride, config.backwards)
        self.clip_head = heads.projection(config.projection, feature_dim, config.dim)
        self.segment_head = heads.projection(config.projection, feature_dim, config.segments * config.segment_dim)
        self.classify_pairs(feature_dim, config.dim)
        if config.base == "moco":
            self.key_backbone = MomentumCopy(backbone)
            self.key_clip_head = MomentumCopy(self.clip_head)
            self.key_segment_head = MomentumCopy(self.segment_head)
            self.queue = self.queue_of(config.queue, config.dim, fields={"segments": config.segment_dim})

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """All three losses, by their weights."""
        one, other, again = clips(batch, self.recipe)  # [B, 3, T, S, S] each; `again` has the frames of `one`
        rng = step.rng()
        order = batch.drawn(lambda count: self.order(count, rng))  # [B, n]
        shuffled = views.reordered(again, views.pieces_in_order(again.shape[2], order))
        if self.config.base == "simclr":
            h, h_again, h_shuffled, h_other = self.backbone(torch.cat([one, again, shuffled, other])).chunk(4)  # [B, F]
            z_other, s_other = self.vectors(h_other)
        else:
            h_other, z_other, s_other = self.keys(other)  # before there is a graph in memory
            h, h_again, h_shuffled = self.backbone(torch.cat([one, again, shuffled])).chunk(3)
        z, s = self.vectors(h)  # [B, D], [B, n, E]
        s_again, s_shuffled = (self.vectors(each)[1] for each in (h_again, h_shuffled))
        restored = s_shuffled.gather(1, beside(order.argsort(dim=1), s)[:, :, None].expand_as(s_shuffled))

        s, s_again, s_other, restored = map(batch.gathered, (s, s_again, s_other, restored))
        features = Embedded(h, h_other, z, z_other).gathered(batch)
        z, z_other = features[2:]
        mean, mean_other = s.mean(dim=1), s_other.mean(dim=1)  # [B, E]
        clip, clip_acc = self.against(z, z_other, "keys")
        coherence, _ = self.against(mean, mean_other, "segments")
        rank = torch.stack([self.ranking(each, restored) for each in (s, s_again)]).mean()
        total = clip + self.config.coherence * coherence + self.config.rank * rank
        parts = {"contrast": clip, "coherence": coherence, "rank": rank}
        terms = {name: value.detach() for name, value in parts.items()}
        terms["contrast_acc"] = clip_acc
        writes: tuple[Enqueue, ...] = ()
        if self.config.base == "moco":
            rows = {"keys": z_other, "segments": mean_other, "video": batch.gathered(batch.video)}
            writes = (Enqueue("queue", rows),)
        return Contrasted(total, terms, writes, features)

    def order(self, count: int, rng: torch.Generator) -> Tensor:
        """int64 [B, n]: which segment stands where in each shuffled clip; any order, the right one too."""
        return torch.rand(count, self.config.segments, generator=rng).argsort(dim=1)

    def vectors(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """[B, D] of unit length for each clip, and [B, n, E] for its segments."""
        return self.of_unit_length(self.clip_head(h), self.segment_head(h))

    def keys(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [B, F], [B, D] and [B, n, E] of clips, by the copy of the network, without a gradient."""
        h = self.key_backbone(self.backbone, clip)
        return h, *self.of_unit_length(
            self.key_clip_head(self.clip_head, h), self.key_segment_head(self.segment_head, h)
        )

    def of_unit_length(self, clip: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of clips, and those of their segments cut apart."""
        apart = segments.float().view(len(segments), self.config.segments, self.config.segment_dim)
        return F.normalize(clip.float(), dim=1), F.normalize(apart, dim=2)

    def against(self, one: Tensor, other: Tensor, field: str) -> tuple[Tensor, Tensor]:
        """Two clips' vectors against one another, and against the rest of the batch or a field of the queue.

        Returns the loss, and the share of vectors that are nearest to their partners.
        """
        if self.config.base == "simclr":
            return losses.nt_xent(one, other, self.config.temperature), losses.partner_found(one, other)
        scores = self.queue.scores(one, other, field)  # [B, K + 1]
        nearest = (scores.detach().argmax(dim=1) == 0).float().mean()
        return losses.softmax_contrast(scores / self.config.temperature), nearest

    def ranking(self, segments: Tensor, restored: Tensor) -> Tensor:
        """Shuffle-rank of a clip's segments and of those that were put back in order, [B, n, E] each."""
        limit = math.inf if self.config.rank_limit is None else self.config.rank_limit
        return losses.rank_violation(segments, restored, self.config.rank_temperature, limit)

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """The queue's rows; then the copy follows the network."""
        super().commit(writes)
        if self.config.base == "moco":
            self.key_backbone.follow(self.backbone, self.config.momentum)
            self.key_clip_head.follow(self.clip_head, self.config.momentum)
            self.key_segment_head.follow(self.segment_head, self.config.momentum)

    def chance(self) -> dict[str, float]:
        """ln(2 B - 1) or ln(K + 1) for both contrasts, ln 2 for a ranking of vectors that are all one."""
        others = self.config.queue + 1 if self.config.base == "moco" else 2 * self.recipe.train.batch_size - 1
        return {"contrast": math.log(others), "coherence": math.log(others), "rank": math.log(2)} | super().chance()
