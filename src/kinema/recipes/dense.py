"""DPC and MemDPC at the size of their papers, with R3D-18 for the papers' own R3D."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import DPC, Augment, Backbone, Clip, MemDPC, Optim, Recipe, Train

# The code's pipeline: colours change from frame to frame, grey takes one channel there and the luma here.
AUGMENT = Augment(
    crop_area=(0.5, 1.0), jitter=1.0, brightness=0.5, contrast=0.5, saturation=0.5, hue=0.25, grey=0.5, blur=0.0
)
# Adam at 1e-3, divided by ten at epochs 300 and 400 of 500.
OPTIM = Optim("adamw", lr=1e-3, weight_decay=1e-5, milestones=(0.6, 0.8), gamma=0.1)


def dpc() -> Recipe:
    """DPC, R3D-18, 8 blocks of 5 frames at stride 3, 128 x 128, 500 epochs on UCF101.

    kinema pretrain dpc --data UCF-101 --out runs/dpc
    kinema finetune runs/dpc --data UCF-101

    The batch is one GPU's half of the paper's 128, which is what its negatives are drawn from. R3D-18's map has 8 x 8
    cells, the paper's 4 x 4.
    Paper, UCF101: fine-tuned 60.6, by the context of the recurrent cell. kinema has not run it at this size yet.
    """
    return Recipe(
        "dpc",
        DPC(),
        clip=Clip(frames=40, stride=3, size=128),
        augment=AUGMENT,
        backbone=Backbone("r3d_18"),
        optim=OPTIM,
        train=Train(epochs=500, batch_size=64),
    )


def memdpc() -> Recipe:
    """MemDPC, R3D-18, as `dpc` with grey frames half as often and batches of 16.

    kinema pretrain memdpc --data kinetics400 --out runs/memdpc --train.epochs 200
    kinema linear runs/memdpc --data UCF-101
    kinema finetune runs/memdpc --data UCF-101

    On UCF101 (`--data UCF-101`) it is 500 epochs.
    Paper, after Kinetics-400, UCF101 / HMDB51: fine-tuned 78.1 / 41.2, probe 54.1 / 30.5 (MCN's Table 6), by the
    context of both recurrent cells, with R3D-34 at 224 px. kinema has not run it at this size yet.
    """
    base = dpc()
    return replace(
        base,
        recipe="memdpc",
        method=MemDPC(),
        augment=replace(AUGMENT, grey=0.25),
        train=replace(base.train, batch_size=16),
    )
