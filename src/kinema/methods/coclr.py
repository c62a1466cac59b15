"""CoCLR: Self-supervised Co-Training for Video Representation Learning (Han, Xie, Zisserman, NeurIPS 2020).

A network on RGB and one on flow teach each other. Each begins with InfoNCE: a clip's key is another clip of the video
through a network that follows slowly, its negatives are keys of past batches. Then one trains while the other, frozen,
says which past videos look alike to it: their keys are positives too (MIL-NCE). A run is one stage of one stream; the
chain of commands is in `kinema.recipes.coclr`.

UCF101 after UCF101, S3D on RGB, from its repository: InfoNCE R@1 33.1, probe 46.8; CoCLR R@1 51.8 (53.3 in the paper
and in MCN's Table 9), probe 70.2; on flow R@1 45.2 and 48.4. Fine-tuned 81.4, after Kinetics-400 87.9 (paper).

kinema's flow is the vertical part of TV-L1 alone, as three equal channels; the paper's has both parts. RGB and flow of
a clip are changed as one block, in colours too (its code), of which hue, saturation and grey leave flow as it is.
Grey is the luma, in its code one of the channels; flow stays in [0, 1], where its code takes ImageNet's mean off it
too. Its code leaves out videos shorter than half a clip.
Batch norm's statistics can tell a key's batch from the queue's; the paper shuffles keys between GPUs against that, and
on one device there is nothing to shuffle with. Short videos repeat their first frame. Letters: B videos, V of them in
all, K rows of the queue, F length of a backbone feature, D of a key.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, losses, sampler, settings, views
from kinema.augment import augment, without_colour
from kinema.batch import Batch, Enqueue, Step, Write
from kinema.frozen import FrozenCopy
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_views import Embedded
from kinema.momentum import MomentumCopy


class CoCLR(MetaContrast):
    """The contrast of one stream, with positives by the other's network; pair classification sees (query, key)."""

    config: settings.CoCLR

    def __init__(self, recipe: settings.Recipe, backbone: nn.Module, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config = self.config
        self.draw = sampler.OneOrTwoClips(recipe.clip.frames, recipe.clip.stride)
        self.projection = heads.projection(config.projection, feature_dim, config.dim)
        self.classify_pairs(feature_dim, config.dim)
        self.key_backbone, self.key_projection = MomentumCopy(backbone), MomentumCopy(self.projection)
        fields = {} if config.oracle is None else {"other": config.dim}
        if config.oracle is not None:  # whose weights `kinema.starting` brings
            self.oracle_backbone, self.oracle_projection = FrozenCopy(backbone), FrozenCopy(self.projection)
        self.queue = self.queue_of(config.queue, config.dim, fields=fields)
        self.register_buffer("source", torch.arange(num_videos))  # int64 [V]: equal for siblings
        self.source: Tensor

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """MIL-NCE of each query; InfoNCE where there is no oracle."""
        # What has no gradient comes first, while there is no graph in memory.
        h_key, k = map(batch.gathered, self.key(self.shown(batch, 1, self.config.stream)))  # [B, F], [B, D]
        video = batch.gathered(batch.video)
        rows = {"keys": k, "video": video}
        alike = torch.zeros(len(k), len(self.queue), dtype=torch.bool, device=k.device)
        own = torch.ones(len(k), 1, dtype=torch.bool, device=k.device)
        if self.config.oracle is not None:
            rows["other"] = batch.gathered(self.other(self.shown(batch, 1, self.config.other_stream)))  # [B, D]
            alike = self.alike(video, rows["other"])
            if torch.rand((), generator=step.rng()) < self.config.skip_own:
                own = ~alike.any(dim=1, keepdim=True)
        h, q = map(batch.gathered, self.query(self.shown(batch, 0, self.config.stream)))
        positive = torch.cat([own, alike], dim=1)  # [B, 1 + K]
        scores = self.queue.scores(q, k) / self.config.temperature  # [B, 1 + K]
        loss = losses.info_nce(scores, positive)
        best = scores.detach().argmax(dim=1, keepdim=True)
        correct = torch.cat([torch.ones_like(own), alike], dim=1).gather(1, best)
        terms = {"contrast": loss.detach(), "contrast_acc": correct.float().mean()}
        terms["positives"] = positive.sum(dim=1).float().mean()
        return Contrasted(loss, terms, (Enqueue("queue", rows),), Embedded(h, h_key, q, k))

    def shown(self, batch: Batch, n: int, stream: str) -> Tensor:
        """float [B, 3, T, S, S]: the n-th clips in RGB or flow, which share all that is drawn for them.

        Flow is changed as if it were grey: brightness and contrast scale and shift it, blur smooths it.
        """
        clips = batch.clips[:, n]
        clips = clips[..., :3] if stream == "rgb" else torch.cat([clips[..., 3:]] * 3, dim=-1)
        dice = without_colour(batch.dice[:, n], (batch.target >> n) & 1 == 0)
        shown = augment(clips, batch.extent, dice, self.recipe.augment, self.recipe.clip.size)
        return views.normalise(shown, self.config.pixels.normalise if stream == "rgb" else "unit")

    def query(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Backbone features [B, F] and queries [B, D] of unit length."""
        h = self.backbone(clips)
        return h, F.normalize(self.projection(h).float(), dim=1)

    def key(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """The same by the network that follows, without a gradient."""
        h = self.key_backbone(self.backbone, clips)
        return h, F.normalize(self.key_projection(self.projection, h).float(), dim=1)

    def other(self, clips: Tensor) -> Tensor:
        """[B, D]: what the oracle has for the clips in its stream."""
        h = self.oracle_backbone(self.backbone, clips)
        return F.normalize(self.oracle_projection(self.projection, h).float(), dim=1)

    def alike(self, video: Tensor, other: Tensor) -> Tensor:
        """bool [B, K]: rows of the queue that are of a sibling, and the `top` others that the oracle finds nearest."""
        filled = self.queue.filled
        siblings = filled & (self.source[video][:, None] == self.source[self.queue.video.clamp(min=0)])
        with torch.autocast(other.device.type, enabled=False):
            near = (other @ self.queue.get_buffer("other").T).masked_fill(siblings | ~filled, float("-inf"))
        best = near.topk(min(self.config.top, len(self.queue)), dim=1).indices
        return siblings | (torch.zeros_like(siblings).scatter(1, best, True) & near.isfinite())

    def relate(self, source: Tensor) -> None:
        """Who are siblings, if that is wanted; otherwise each video is its own."""
        if self.config.siblings:
            self.source.copy_(source)

    def waiting_steps(self) -> int:
        """Those in which the queue is not full, with an oracle, which could only choose among few."""
        return 0 if self.config.oracle is None else math.ceil(len(self.queue) / self.kept_a_step)

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """Make the writes, then let the key network follow."""
        super().commit(writes)
        self.key_backbone.follow(self.backbone, self.config.momentum)
        self.key_projection.follow(self.projection, self.config.momentum)

    def chance(self) -> dict[str, float]:
        """ln(K + 1) for InfoNCE; with an oracle it depends on how many positives there are."""
        return ({} if self.config.oracle else {"contrast": math.log(self.config.queue + 1)}) | super().chance()
