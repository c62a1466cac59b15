"""RGB and a second view of a batch, residuals or flow, and their features: what CMC and MCN share.

Letters: B videos, T frames, S pixels a side, F length of a backbone feature, D of a projected one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema import heads, sampler, views
from kinema.augment import augment, crop_and_flip
from kinema.batch import Batch
from kinema.meta import OtherStatistics, call_at
from kinema.settings import Recipe, Views


class Embedded(NamedTuple):
    """Both views' backbone features h [B, F] and projected features z [B, D]."""

    h1: Tensor
    h2: Tensor
    z1: Tensor
    z2: Tensor

    def gathered(self, batch: Batch) -> Embedded:
        """Those of all parts of the step's batch."""
        return Embedded(*map(batch.gathered, self))


def draw(recipe: Recipe, config: Views) -> sampler.RandomClip:
    """One clip, from which both views are made; a frame longer for `extra_frame`, twice for `independent_augment`."""
    extra = config.second == "residual" and config.last_residual == "extra_frame"
    return sampler.RandomClip(recipe.clip.frames + extra, recipe.clip.stride, 1 + config.independent_augment)


def clips(batch: Batch, recipe: Recipe, config: Views) -> tuple[Tensor, Tensor]:
    """The RGB and the second view, float [B, 3, T, S, S] each.

    Residuals are taken after augmentation (IIC), in the form that the method's pixels have. Flow has the crop and flip
    of the clip it belongs to, but no part in jitter and blur; a horizontal flip leaves its vertical component as it is.
    """
    size, frames = recipe.clip.size, recipe.clip.frames

    def rgb(n: int) -> Tensor:
        return augment(batch.clips[:, n, ..., :3], batch.extent, batch.dice[:, n], recipe.augment, size)

    first, last = rgb(0), batch.clips.shape[1] - 1
    if config.second == "flow":
        flow = batch.clips[:, last, ..., 3:]
        second = views.flow(crop_and_flip(flow, batch.extent, batch.dice[:, last], recipe.augment, size))
    else:
        form = recipe.method.pixels.residual
        second = views.residual(rgb(last) if last else first, config.last_residual, form)
    return views.normalise(first[:, :, :frames], config.normalise), second


class Projections(nn.Module):
    """What takes each view's backbone features [B, F] to the space [B, D] in which the views are compared."""

    def __init__(self, config: Views, feature_dim: int) -> None:
        super().__init__()
        self.dim = feature_dim if config.projection == "none" else config.dim
        count = 1 if config.shared_projection else 2
        self.layers = nn.ModuleList(heads.projection(config.projection, feature_dim, self.dim) for _ in range(count))

    def forward(self, h1: Tensor, h2: Tensor) -> tuple[Tensor, Tensor]:
        """The two views' features, projected."""
        return self.layers[0](h1), self.layers[-1](h2)


def other_statistics(backbone: nn.Module, config: Views) -> OtherStatistics | None:
    """Where the second view's running statistics are kept; `None` where the views share them."""
    return OtherStatistics(backbone) if config.statistics == "each" and not config.joint_batch_norm else None


def embed(
    backbone: nn.Module,
    projections: Projections,
    other: OtherStatistics | None,
    rgb: Tensor,
    second: Tensor,
    config: Views,
) -> Embedded:
    """Both views through the one backbone that they share, and through their projections."""
    if config.joint_batch_norm:
        h1, h2 = backbone(torch.cat([rgb, second])).chunk(2)
    elif other is None:
        h1, h2 = backbone(rgb), backbone(second)
    else:
        h1 = backbone(rgb)
        h2, moved = call_at(backbone, {}, other.state(), second)
        other.move(moved)
    z1, z2 = projections(h1, h2)
    if config.unit_length:
        z1, z2 = F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1)
    return Embedded(h1, h2, z1, z2)
