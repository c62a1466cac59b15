"""TCLR: temporal contrastive learning (Dave, Gupta, Rizve, Shah, CVIU 2022, arXiv 2101.07974).

A window of a video is read as one sparse clip over all of it and as dense clips, one for each part, all twice with
augmentations of their own. Videos are told apart (instance), dense clips of one video too (local), and the time steps
of the sparse clip's feature map find the dense clip that shows their part (global-local).

R3D-18 after UCF101: fine-tuned 82.4, linear probe 69.9, retrieval R@1 56.1 with features of 9 or 10 clips at several
strides. Losses and their weights are those of the authors' code. A video shorter than the window repeats its first
frame, as everywhere here (the code mirrors the end and drops videos of up to 56 frames): its first parts may then be
still pictures, which cannot be told apart. Colours are red, green, blue, where the code has them the other way round.

Letters: B videos, P parts, T frames of a clip, S pixels a side, F length of a backbone feature, D of a projected one.
"""

from __future__ import annotations

import math
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import losses, settings
from kinema.augment import augment
from kinema.backbones.backbone import Backbone
from kinema.backbones.dilation import lengthen
from kinema.batch import Batch, Step
from kinema.methods.meta_contrast import Contrasted, MetaContrast
from kinema.methods.two_views import Embedded
from kinema.sampler.stretches import SparseAndDense


class TCLR(MetaContrast):
    """The sum of the instance, local and global-local contrasts."""

    config: settings.TCLR

    def __init__(self, recipe: settings.Recipe, backbone: Backbone, feature_dim: int, num_videos: int) -> None:
        super().__init__(recipe, backbone, num_videos)
        config = self.config
        self.draw = SparseAndDense(config.frames, config.parts, config.dense_stride)
        # The code dilates the last stage's first convolution in time and evaluates that network; here what follows the
        # stride is dilated, so that the plain network, which is evaluated, gives the same at every other step.
        lengthen(backbone, frames=config.frames, steps=config.parts)
        self.projection = nn.Sequential(
            nn.Linear(feature_dim, feature_dim, bias=False),  # a bias would be lost in batch norm
            nn.BatchNorm1d(feature_dim),
            nn.ReLU(),
            nn.Linear(feature_dim, config.dim, bias=False),
            nn.BatchNorm1d(config.dim),
        )
        self.classify_pairs(feature_dim, config.dim)

    def contrast(self, batch: Batch, step: Step) -> Contrasted:
        """The sum of the four terms; the two views whose pairs can be classified are the sparse clips."""
        config = self.config
        halves = [range(config.parts + 1), range(config.parts + 1, 2 * (config.parts + 1))]
        sparse = [tuple(map(batch.gathered, self.embed_sparse(self.clip(batch, half[0])))) for half in halves]
        dense = [
            batch.gathered(torch.stack([self.embed(self.clip(batch, n)) for n in half[1:]], dim=1)) for half in halves
        ]
        (h1, z1, _), (h2, z2, _) = sparse  # [B, F] and [B, D]; of dense, [B, P, D] each
        with torch.autocast(z1.device.type, enabled=False):  # the temperature is small
            terms = {
                "instance": losses.nt_xent(z1, z2, config.temperature),
                "instance_dense": between_videos(torch.cat(dense, dim=1), config.temperature),
                "local": between_parts(dense[0], dense[1], config.temperature),
                "global_local": torch.stack(
                    [steps_to_parts(steps, clips, config.temperature) for _, _, steps in sparse for clips in dense]
                ).sum(),
            }
        total = torch.stack(list(terms.values())).sum()
        return Contrasted(total, {name: term.detach() for name, term in terms.items()}, (), Embedded(h1, h2, z1, z2))

    def clip(self, batch: Batch, n: int) -> Tensor:
        """Clip n of each video, augmented on its own: [B, 3, T, S, S]."""
        return augment(batch.clips[:, n], batch.extent, batch.dice[:, n], self.recipe.augment, self.recipe.clip.size)

    def embed(self, clips: Tensor) -> Tensor:
        """The projected feature of each clip, of unit length: [B, D]."""
        return self.project(self.backbone(clips))

    def embed_sparse(self, clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of sparse clips the backbone's feature [B, F], the projected one [B, D], and that of each step [B, P, D]."""
        assert isinstance(self.backbone, Backbone)
        steps = self.backbone.maps(clips).mean(dim=(3, 4))  # [B, F, P]
        h = steps.mean(dim=2)
        return h, self.project(h), torch.stack([self.project(step) for step in steps.unbind(2)], dim=1)

    def project(self, h: Tensor) -> Tensor:
        """Features [B, F] in the space of the contrast, float32 of unit length [B, D]."""
        return F.normalize(self.projection(h).float(), dim=1)

    def chance(self) -> dict[str, float]:
        """Of B videos of P parts; the sums over sets of clips, videos and rows are those of the terms."""
        videos, parts = self.recipe.train.batch_size, self.config.parts
        return {
            "instance": math.log(2 * videos - 1),
            "instance_dense": math.comb(2 * parts, 2) / 2 * math.log(2 * videos - 1),
            "local": videos * math.log(2 * parts - 1),
            "global_local": 4 * parts * math.log(parts),
        } | super().chance()


def between_videos(dense: Tensor, temperature: float) -> Tensor:
    """Half the sum of SimCLR's loss over all pairs of the 2 P sets of dense clips, [B, 2 P, D].

    Clips of two parts count as two augmentations of one do. (The code: a quarter of the sum over ordered pairs.)
    """
    return torch.stack([losses.nt_xent(*pair, temperature) for pair in combinations(dense.unbind(1), 2)]).sum() / 2


def between_parts(one: Tensor, other: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss over the parts of a video, [B, P, D] of two augmentations, summed over the videos.

    Summed as in the code, where the other terms are means: its share of the total grows with the batch.
    """
    return torch.stack([losses.nt_xent(*video, temperature) for video in zip(one, other, strict=True)]).sum()


def steps_to_parts(steps: Tensor, dense: Tensor, temperature: float) -> Tensor:
    """Time steps [B, P, D] find their part's dense clip [B, P, D] among the video's P, and those the step.

    Summed over P, averaged over videos and both directions.
    """
    scores = steps @ dense.transpose(1, 2) / temperature  # [B, P, P]
    target = torch.arange(scores.shape[1], device=scores.device).expand(len(scores), -1)
    both = [F.cross_entropy(table, target, reduction="sum") for table in (scores.transpose(1, 2), scores)]
    return torch.stack(both).sum() / (2 * len(scores))
