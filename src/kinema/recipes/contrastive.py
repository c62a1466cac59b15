"""Contrastive methods at the size of their papers: SimCLR with CVRL's clips."""

from __future__ import annotations

from kinema.settings import Augment, Backbone, Clip, Optim, Recipe, SimCLR, Train


def simclr() -> Recipe:
    """SimCLR with CVRL's clips, R3D-18, 16 frames at stride 2 of 224 x 224, 200 epochs of batch 1024.

    kinema pretrain simclr --data kinetics400 --out runs/simclr

    CVRL's settings but for three things: its network is R3D-50, which kinema does not have; it blurs one of the two
    clips always and the other seldom, here each in half of the cases; and one of them may be solarised, here neither.
    CVRL (Qian et al., CVPR 2021), UCF101 / HMDB51 after Kinetics-400, fine-tuned: 92.1 / 65.4 (MCN, Table 8). kinema
    has not run it at this size.
    """
    return Recipe(
        recipe="simclr",
        method=SimCLR(projection="mlp3_bn"),
        clip=Clip(frames=16, stride=2, size=224),
        augment=Augment(
            crop_area=(0.3, 1.0),
            crop_aspect=(0.5, 2.0),
            brightness=0.8,
            contrast=0.8,
            saturation=0.8,
            hue=0.2,
            grey=0.2,
        ),
        backbone=Backbone("r3d_18"),
        optim=Optim("sgd", lr=0.32, weight_decay=1e-6, schedule="cosine", warmup=0.025),
        train=Train(epochs=200, batch_size=1024),
    )
