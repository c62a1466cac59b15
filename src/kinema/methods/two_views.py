"""RGB and residual views of a batch, and their features: what CMC and MCN share.

Letters: B videos, T frames, S pixels a side, F length of a backbone feature, D of a projected one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, sampler, views
from kinema.augment import augment
from kinema.batch import Batch
from kinema.meta import OtherStatistics, call_at
from kinema.settings import Recipe, Views


class Embedded(NamedTuple):
    """Both views' backbone features h [B, F] and projected features z [B, D]."""

    h1: Tensor
    h2: Tensor
    z1: Tensor
    z2: Tensor


def draw(recipe: Recipe, config: Views) -> sampler.RandomClip:
    """One clip, from which both views are made; a frame longer for `extra_frame`, twice for `independent_augment`."""
    extra = config.last_residual == "extra_frame"
    return sampler.RandomClip(recipe.clip.frames + extra, recipe.clip.stride, 1 + config.independent_augment)


def clips(batch: Batch, recipe: Recipe, config: Views) -> tuple[Tensor, Tensor]:
    """The RGB and the residual view, float [B, 3, T, S, S] each; residuals are taken after augmentation (IIC)."""
    size, frames = recipe.clip.size, recipe.clip.frames
    rgb, *other = (
        augment(batch.clips[:, n], batch.extent, batch.dice[:, n], recipe.augment, size)
        for n in range(batch.clips.shape[1])
    )
    residual = views.residual(other[0] if other else rgb, config.last_residual)
    return views.normalise(rgb[:, :, :frames], config.normalise), residual


class Projections(nn.Module):
    """What takes each view's backbone features [B, F] to the space [B, D] in which the views are compared."""

    def __init__(self, config: Views, feature_dim: int) -> None:
        super().__init__()
        self.dim = feature_dim if config.projection == "none" else config.dim
        count = 1 if config.shared_projection else 2
        self.layers = nn.ModuleList(heads.projection(config.projection, feature_dim, self.dim) for _ in range(count))

    def forward(self, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """RGB and residual features, projected."""
        return self.layers[0](h1), self.layers[-1](h2)


def other_statistics(backbone: nn.Module, config: Views) -> OtherStatistics | None:
    """Where the residual view's running statistics are kept; `None` where the views share them."""
    return OtherStatistics(backbone) if config.statistics == "each" and not config.joint_batch_norm else None


def embed(
    backbone: nn.Module,
    projections: Projections,
    other: OtherStatistics | None,
    rgb: Tensor,
    residual: Tensor,
    config: Views,
) -> Embedded:
    """Both views through the one backbone that they share, and through their projections."""
    if config.joint_batch_norm:
        h1, h2 = backbone(torch.cat([rgb, residual])).chunk(2)
    elif other is None:
        h1, h2 = backbone(rgb), backbone(residual)
    else:
        h1 = backbone(rgb)
        h2, moved = call_at(backbone, {}, other.state(), residual)
        other.move(moved)
    z1, z2 = projections(h1, h2)
    if config.unit_length:
        z1, z2 = F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1)
    return Embedded(h1, h2, z1, z2)
