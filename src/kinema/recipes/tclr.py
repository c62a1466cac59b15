"""The size of its paper: TCLR."""

from __future__ import annotations

from kinema.settings import TCLR, Augment, Backbone, Clip, Optim, Recipe, Train


def tclr() -> Recipe:
    """TCLR with R3D-18 on windows of 64 frames: clips of 16 at strides 4 and 1, 112 x 112.

    kinema pretrain tclr --data UCF-101 --out runs/tclr

    Reads ten clips of a video for a step. Batch, rate, weight decay, crops and colours are those of the authors' code,
    but for its colours' probabilities, which are one here, and what augmentation here does not have: dropping a colour
    channel, gamma, and random erasing. The code divides the rate by ten whenever the loss stops falling, within at most
    1000 epochs; a cosine over 400 stands for that (ours).
    Published, UCF101: fine-tuned 82.4, probe 69.9, R@1 56.1. kinema has not run it at this size yet.
    """
    return Recipe(
        recipe="tclr",
        method=TCLR(),
        clip=Clip(frames=16, stride=4, size=112),
        # A square of 0.6 to 1 of the height of a 320 x 240 frame, as a share of the frame.
        augment=Augment(
            crop_area=(0.27, 0.75),
            crop_aspect=(1.0, 1.0),
            jitter=0.3,
            brightness=0.25,
            contrast=0.25,
            saturation=0.25,
            grey=0.175,
            blur=0.0,
        ),
        backbone=Backbone("r3d_18"),
        optim=Optim("adam", lr=1e-3, weight_decay=1e-9, schedule="cosine", warmup=5 / 400),
        train=Train(epochs=400, batch_size=40),
    )
