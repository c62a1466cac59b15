"""DPC and MemDPC at the size of their papers."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import DPC, Augment, Backbone, Clip, MemDPC, Optim, Recipe, Train

# The code's on Kinetics (DPC crops UCF101 to a fixed size). Grey is one channel there, the luma here.
AUGMENT = Augment(
    crop_area=(0.5, 1.0), jitter=1.0, brightness=0.5, contrast=0.5, saturation=0.5, hue=0.25, grey=0.5, blur=0.0
)
# Adam at 1e-3, divided by ten after 60 and 80 % of the epochs.
OPTIM = Optim("adam", lr=1e-3, weight_decay=1e-5, milestones=(0.6, 0.8), gamma=0.1)


def dpc() -> Recipe:
    """DPC, R2D3D-18, 8 blocks of 5 frames at stride 3, 128 x 128, 500 epochs on UCF101.

    kinema pretrain dpc --data UCF-101 --out runs/dpc
    kinema finetune runs/dpc --data UCF-101

    The batch is one GPU's half of the paper's 128, which is what its negatives are drawn from. Evaluation shows all 40
    frames, as the paper's classifier sees them, but at once.
    Paper, UCF101: fine-tuned 60.6, by the context of the recurrent cell. kinema has not run it at this size yet.
    """
    return Recipe(
        "dpc",
        DPC(),
        clip=Clip(frames=40, stride=3, size=128),
        augment=AUGMENT,
        backbone=Backbone("r2d3d_18"),
        optim=OPTIM,
        train=Train(epochs=500, batch_size=64),
    )


def memdpc() -> Recipe:
    """MemDPC, R2D3D-34, 8 blocks of 5 frames at stride 3, 224 x 224, 200 epochs on Kinetics-400.

    kinema pretrain memdpc --data kinetics400 --out runs/memdpc
    kinema linear runs/memdpc --data UCF-101
    kinema finetune runs/memdpc --data UCF-101

    On UCF101 it is 500 epochs. Its code splits the batch of 16 between GPUs, each of which has its own part for
    negatives; here they come from all 16.
    Paper, UCF101 / HMDB51: fine-tuned 78.1 / 41.2, probe 54.1 / 30.5 (MCN's Table 6), by the context of both recurrent
    cells. kinema has not run it at this size yet.
    """
    return replace(
        dpc(),
        recipe="memdpc",
        method=MemDPC(),
        clip=Clip(frames=40, stride=3, size=224, short_side=256),
        augment=replace(AUGMENT, grey=0.25),
        backbone=Backbone("r2d3d_34"),
        train=Train(epochs=200, batch_size=16),
    )
