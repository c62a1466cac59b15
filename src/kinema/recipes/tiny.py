"""MCN and CMC sized for two CPU cores and a thousand short clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import CMC, MCN, Augment, Backbone, Clip, Contrast, Optim, Recipe, Train

TINY = Recipe(
    clip=Clip(frames=8, stride=4, size=64),
    augment=Augment(),
    backbone=Backbone("r3d_18", width=0.25),
    optim=Optim(lr=0.03, weight_decay=1e-4, schedule="cosine", warmup=0.05),
    train=Train(epochs=30, batch_size=32),
)


def tiny_mcn() -> Recipe:
    """MCN with a quarter-width R3D-18 on 8 frames at stride 4, 64 x 64.

    kinema pretrain tiny_mcn --data DATA --out runs/tiny_mcn
    """
    return replace(TINY, recipe="tiny_mcn", method=MCN(contrast=Contrast(negatives=512)))


def tiny_cmc() -> Recipe:
    """The CMC baseline under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_cmc --data DATA --out runs/tiny_cmc
    """
    return replace(TINY, recipe="tiny_cmc", method=CMC(contrast=Contrast(negatives=512)))
