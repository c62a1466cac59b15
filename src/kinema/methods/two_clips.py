"""The clips of a batch as the network sees them. Letters: B videos, N clips of a video, T frames, S pixels a side."""

from __future__ import annotations

from torch import Tensor

from kinema import views
from kinema.augment import augment
from kinema.batch import Batch
from kinema.settings import Recipe


def clips(batch: Batch, recipe: Recipe, dice: Tensor | None = None) -> list[Tensor]:
    """N clips, float [B, 3, T, S, S] each, each augmented by dice of its own and normalised as its method has it.

    `dice`, [B, N, D], replaces that of the batch.
    """
    dice, how = batch.dice if dice is None else dice, recipe.method.pixels.normalise
    return [
        views.normalise(augment(batch.clips[:, n], batch.extent, dice[:, n], recipe.augment, recipe.clip.size), how)
        for n in range(batch.clips.shape[1])
    ]
