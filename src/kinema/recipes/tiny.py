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
FAMILY = {"r2plus1d_18": "r2plus1d_vcop", "r3d_18": "r3d_vcop"}
"""The small relative of a backbone; S3D is small enough as it is."""


def tiny(recipe: Recipe) -> Recipe:
    """A recipe of the paper's size brought down to this one's; `tiny(mcn_r3d())` is `tiny_mcn()` but for its name.

    What sets a row of a table apart is kept: method, alpha, stages, views, the family of the backbone, and the clip's
    length, as 8 frames for 32. Everything else is `TINY`'s.
    """
    method = recipe.method
    assert isinstance(method, MCN | CMC)  # the rows that a table of the paper has of ours
    negatives = min(CONTRAST.negatives, method.contrast.negatives)
    method = replace(
        method,
        contrast=replace(method.contrast, negatives=negatives),
        views=replace(method.views, projection=VIEWS.projection),
    )
    stages = isinstance(method, MCN) and method.meta.order > 0
    if isinstance(method, MCN) and method.meta.resplit == "never":
        method = replace(method, meta=replace(method.meta, resplit="iteration"))
    return replace(
        TINY,
        recipe=f"{recipe.recipe}@tiny",
        method=method,
        clip=replace(TINY.clip, frames=max(1, recipe.clip.frames // 4)),
        backbone=replace(TINY.backbone, name=FAMILY.get(recipe.backbone.name, recipe.backbone.name)),
        train=replace(TINY.train, batches=recipe.train.batches, batch_size=8 if stages else 16, seed=recipe.train.seed),
    )


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
