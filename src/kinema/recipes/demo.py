"""MCN and CMC in two minutes each on two CPU cores, for `kinema demo`'s synthetic clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import CMC, MCN, Augment, Backbone, Clip, Contrast, Optim, Recipe, Train

DEMO = Recipe(
    clip=Clip(frames=8, stride=3, size=40, short_side=48),
    augment=Augment(),
    backbone=Backbone("r3d_18", width=0.25),
    optim=Optim(lr=0.03, weight_decay=1e-4, schedule="cosine", warmup=0.05),
    train=Train(epochs=30, batch_size=32, probe_every=10),
)


def demo_mcn() -> Recipe:
    """MCN on synthetic moving shapes; `kinema demo` runs it."""
    return replace(DEMO, recipe="demo_mcn", method=MCN(contrast=Contrast(negatives=256)))


def demo_cmc() -> Recipe:
    """The CMC baseline on synthetic moving shapes; `kinema demo` runs it."""
    return replace(DEMO, recipe="demo_cmc", method=CMC(contrast=Contrast(negatives=256)))
