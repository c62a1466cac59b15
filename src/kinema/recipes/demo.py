"""MCN and CMC in two minutes each on two CPU cores, for `kinema demo`'s synthetic clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import CMC, MCN, Augment, Backbone, Clip, Contrast, Meta, Optim, Recipe, Train, Views

# As `kinema.recipes.tiny`, on smaller pictures and for fewer steps.
DEMO = Recipe(
    clip=Clip(frames=8, stride=3, size=32, short_side=38),
    augment=Augment(crop_area=(0.6, 1.0), brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05, blur=0.0),
    backbone=Backbone("r3d_vcop", width=0.25),
    optim=Optim("adamw", lr=1e-3, weight_decay=0.01, schedule="cosine", warmup=0.02),
    train=Train(epochs=54, batch_size=16, probe_every=18),
)
CONTRAST = Contrast(negatives=256)
VIEWS = Views(projection="linear_bn")


def demo_mcn() -> Recipe:
    """MCN on synthetic moving shapes; `kinema demo` runs it."""
    method = MCN(contrast=CONTRAST, views=VIEWS, meta=Meta(resplit="iteration"))
    return replace(DEMO, recipe="demo_mcn", method=method, train=replace(DEMO.train, batch_size=8))


def demo_cmc() -> Recipe:
    """The CMC baseline on synthetic moving shapes; `kinema demo` runs it."""
    return replace(DEMO, recipe="demo_cmc", method=CMC(contrast=CONTRAST, views=VIEWS))
