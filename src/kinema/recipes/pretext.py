"""Pretext tasks in space, speed and motion, at the size of their papers."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import PRP, Augment, Backbone, Clip, Jigsaw, Mars, Optim, Recipe, RotNet, STPuzzle, Train

# A square of 112 pixels anywhere in frames of 171 x 128, flipped or not, and no change of colour; likewise at other
# sizes. Of wider video it is more (see order.CROP).
CROP = Augment(crop_area=(0.573, 0.573), crop_aspect=(1.0, 1.0), jitter=0.0, blur=0.0)


def rotnet() -> Recipe:
    """3D-RotNet, R3D-18, 16 frames at stride 2, 112 x 112, batch 32 in four rotations.

    kinema pretrain rotnet --data kinetics400 --out runs/rotnet
    kinema finetune runs/rotnet --data UCF-101
    kinema finetune runs/rotnet --data HMDB51

    The released code lowers the rate tenfold every 24,000 steps and does not say where it ends; its last checkpoint is
    of step 116,000. On Kinetics-400 (240,000 videos) 16 epochs are 120,000 steps.
    Paper, after Kinetics-400, UCF101 / HMDB51: fine-tuned 62.9 / 33.7 (MCN's Table 8). kinema has not run it at this
    size yet.
    """
    return Recipe(
        "rotnet",
        RotNet(),
        clip=Clip(frames=16, stride=2, size=112),
        augment=CROP,
        backbone=Backbone("r3d_18"),
        optim=Optim(lr=0.1, weight_decay=1e-3, milestones=(0.2, 0.4, 0.6, 0.8), gamma=0.1),
        train=Train(epochs=16, batch_size=32),
    )


def stpuzzle() -> Recipe:
    """ST-Puzzle, R3D-18, four pieces of 16 frames of 80 x 80, batch 128.

    kinema pretrain stpuzzle --data kinetics400 --out runs/stpuzzle
    kinema finetune runs/stpuzzle --data UCF-101
    kinema finetune runs/stpuzzle --data HMDB51

    The paper copies one channel of colour over all three in half of the puzzles; here half of them are grey. Without
    its code or its schedule at hand, the optimiser is ours: SGD at 0.01, tenfold less at 1/2 and at 3/4 of 40 epochs.
    Paper, UCF101 / HMDB51, fine-tuned: 63.9 / 33.7 after Kinetics-400 (MCN's Table 8), 65.0 / 31.3 after UCF101 (its
    Table 7). kinema has not run it at this size yet.
    """
    return Recipe(
        "stpuzzle",
        STPuzzle(),
        clip=Clip(frames=16, size=112),
        augment=replace(CROP, grey=0.5),
        backbone=Backbone("r3d_18"),
        optim=Optim(milestones=(0.5, 0.75), gamma=0.1),
        train=Train(epochs=40, batch_size=128),
    )


def jigsaw() -> Recipe:
    """Jigsaw on clips, R3D-18, 3 x 3 pieces of 64 x 64, 1,000 orders, batch 256.

    kinema pretrain jigsaw --data UCF-101 --out runs/jigsaw
    kinema finetune runs/jigsaw --data UCF-101
    kinema retrieve runs/jigsaw --data UCF-101

    Batch, rate, its tenfold falls after every 20 of 70 epochs, and weight decay are those of the released code's
    PyTorch form, which is of images; clips are as in `stpuzzle`.
    The figures of MCN's Tables 7 and 9 are of a 2-D network and no promise for this one. kinema has not run it at this
    size yet.
    """
    return Recipe(
        "jigsaw",
        Jigsaw(),
        clip=Clip(frames=16, size=112),
        augment=replace(CROP, grey=0.3),
        backbone=Backbone("r3d_18"),
        optim=Optim(lr=1e-3, weight_decay=5e-4, milestones=(0.286, 0.571, 0.857), gamma=0.1),
        train=Train(epochs=70, batch_size=256),
    )


def prp() -> Recipe:
    """PRP, one-block R(2+1)D, 16 frames at rates 1, 2, 4 and 8, 112 x 112, batch 8.

    kinema pretrain prp --data UCF-101 --out runs/prp
    kinema finetune runs/prp --data UCF-101
    kinema finetune runs/prp --data HMDB51

    The released code crops the middle where this crops anywhere, gives the rate's classifier ten times the rate of the
    rest, and lowers both tenfold when the loss on held-out videos has not fallen for 50 epochs; here they fall after
    200 and 250 of 300 (ours). Evaluation's clips are consecutive frames.
    Paper, after UCF101, UCF101 / HMDB51: fine-tuned 72.1 / 35.0 (MCN's Table 7). kinema has not run it at this size
    yet.
    """
    return Recipe(
        "prp",
        PRP(),
        clip=Clip(frames=16, size=112),
        augment=replace(CROP, flip=0.0),
        backbone=Backbone("r2plus1d_vcop"),
        optim=Optim(weight_decay=5e-4, milestones=(0.667, 0.833), gamma=0.1),
        train=Train(epochs=300, batch_size=8),
    )


def mars() -> Recipe:
    """Motion and appearance statistics, C3D, 16 frames of 112 x 112, batch 30, with optical flow for its labels.

    kinema data flow UCF-101 --out flow/UCF-101
    kinema pretrain mars --data UCF-101 --flow flow/UCF-101 --out runs/mars
    kinema finetune runs/mars --data UCF-101
    kinema finetune runs/mars --data HMDB51

    Numbers of the authors' later code, which moves biases twice as fast as this does.
    Paper, after UCF101, UCF101 / HMDB51: fine-tuned 58.8 / 32.6 (MCN's Table 7). kinema has not run it at this size
    yet.
    """
    return Recipe(
        "mars",
        Mars(),
        clip=Clip(frames=16, size=112),
        augment=CROP,
        backbone=Backbone("c3d"),
        optim=Optim(lr=5e-4, weight_decay=5e-3, milestones=(0.333, 0.667), gamma=0.1),
        train=Train(epochs=18, batch_size=30),
    )
