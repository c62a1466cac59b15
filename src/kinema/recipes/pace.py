"""Tasks on the pace of a clip at their papers' size: pace prediction and SpeedNet."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.order import CLIP, CROP
from kinema.settings import Backbone, Clip, Optim, Pace, Recipe, SpeedNet, Train

COLOURS = replace(CROP, flip=0.5, jitter=0.8, brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2)
"""The released code's: a square of 112 pixels out of 128 x 171, a mirror, strong colour jitter."""


def pace() -> Recipe:
    """Pace prediction: which of 4 strides, 16 frames, one-block R(2+1)D, 180 epochs of batch 30.

    kinema pretrain pace --data UCF-101 --out runs/pace
    kinema finetune runs/pace --data UCF-101
    kinema finetune runs/pace --data HMDB51
    kinema retrieve runs/pace --data UCF-101

    The released code lists each video ten times an epoch and has 18 epochs of them; its rate falls tenfold after each
    third. MCN's tables give, UCF101 / HMDB51: fine-tuned 75.9 / 35.9 (Table 7), R@1 31.9 / 12.5 (Tables 9 and 10).
    kinema has not run it at this size yet.
    """
    optim = Optim("sgd", lr=1e-3, momentum=0.9, weight_decay=5e-3, milestones=(1 / 3, 2 / 3), gamma=0.1)
    return Recipe("pace", Pace(), CLIP, COLOURS, Backbone("r2plus1d_vcop"), optim, Train(epochs=180, batch_size=30))


def pace_contrast() -> Recipe:
    """`pace` with the contrast of two clips of a video at different paces beside it.

    kinema pretrain pace_contrast --data UCF-101 --out runs/pace_contrast

    The contrast was not released. Its weight of 0.1 is ours, and so is its temperature.
    """
    return replace(pace(), recipe="pace_contrast", method=Pace(contrast=0.1))


def speednet() -> Recipe:
    """SpeedNet: normal speed or double, 64 frames of 224 x 224, S3D-G.

    kinema pretrain speednet --data kinetics400 --out runs/speednet
    kinema finetune runs/speednet --data UCF-101
    kinema finetune runs/speednet --data HMDB51

    The paper's S3D-G has no strides in time, ours has. There is no official code: the optimiser and the augmentation
    are `mcn`'s, the batch and the number of epochs ours. MCN's Table 8 gives, UCF101 / HMDB51 after Kinetics-400:
    81.1 / 48.8. kinema has not run it at this size yet.
    """
    clip = Clip(frames=64, size=224, short_side=256)
    train = Train(epochs=100, batch_size=16)
    return Recipe("speednet", SpeedNet(), clip, backbone=Backbone("s3dg"), train=train)
