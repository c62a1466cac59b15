"""Pretext tasks in space, speed and motion, at the size of their papers."""

from __future__ import annotations

from kinema.settings import Augment, Backbone, Clip, Optim, Recipe, RotNet, Train

# A square of 112 pixels anywhere in frames of 171 x 128, flipped or not, and no change of colour; likewise at other
# sizes.
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
