"""MCN, `mcn_plus` and CMC sized for two CPU cores and a thousand short clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.plus import plus
from kinema.settings import CMC, MCN, Augment, Backbone, Clip, Contrast, Meta, Optim, Recipe, Train, Views

# Milder augmentation than the paper's, `linear_bn` and AdamW, since a small run has thousands of steps, not millions:
# it has to leave the plateau on which RGB and residual features are merely unrelated (see benchmarks/NOTES.md).
TINY = Recipe(
    clip=Clip(frames=8, stride=4, size=56),
    augment=Augment(crop_area=(0.6, 1.0), brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05, blur=0.0),
    backbone=Backbone("r3d_vcop", width=0.25),
    optim=Optim("adamw", lr=1e-3, weight_decay=0.01, schedule="cosine", warmup=0.02),
    train=Train(epochs=40, batch_size=16),
)
CONTRAST = Contrast(negatives=512)
VIEWS = Views(projection="linear_bn")


def tiny_mcn() -> Recipe:
    """MCN with a quarter-width one-block R3D on 8 frames at stride 4, 56 x 56.

    kinema pretrain tiny_mcn --data DATA --out runs/tiny_mcn

    About 18 CPU-minutes for 1,200 clips. A stage reads 8 videos, so that a step (two stages) reads 16 as `tiny_cmc`
    does: equal epochs are then equal gradient steps, and equal time. Videos are dealt anew each step (`resplit`), as
    under first order a fixed support half would never have a direct gradient.
    """
    method = MCN(contrast=CONTRAST, views=VIEWS, meta=Meta(resplit="iteration"))
    return replace(TINY, recipe="tiny_mcn", method=method, train=replace(TINY.train, batch_size=8))


def tiny_mcn_plus() -> Recipe:
    """MCN on batches of look-alikes, under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_mcn_plus --data DATA --out runs/tiny_mcn_plus

    See `kinema.recipes.plus.mcn_plus` for what differs from MCN and why.
    """
    return plus(replace(tiny_mcn(), recipe="tiny_mcn_plus"))


def tiny_cmc() -> Recipe:
    """The CMC baseline under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_cmc --data DATA --out runs/tiny_cmc

    About 18 CPU-minutes for 1,200 clips.
    """
    return replace(TINY, recipe="tiny_cmc", method=CMC(contrast=CONTRAST, views=VIEWS))
