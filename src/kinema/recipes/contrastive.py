"""Contrastive methods at the size of their papers: SimCLR with CVRL's clips, and IIC."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import IIC, Augment, Backbone, Clip, Optim, Recipe, SimCLR, Train


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


# A square of 112 pixels somewhere in a frame of 128 x 171, and nothing else.
CROP = 112 * 112 / (128 * 171)
CROP_ALONE = Augment(crop_area=(CROP, CROP), crop_aspect=(1.0, 1.0), flip=0.0, jitter=0.0, blur=0.0)


def iic() -> Recipe:
    """IIC with repeated frames, one-block R3D, 16 frames of 112 x 112, 240 epochs of batch 16.

    kinema pretrain iic --data UCF-101 --out runs/iic
    kinema retrieve runs/iic --data UCF-101 --view both
    kinema finetune runs/iic --data UCF-101

    The settings are those of IIC's code: no flip and no colour, signed residuals that wrap, features of any length, and
    one set of batch norm statistics for RGB and residuals. With --flow its second view is vertical flow.
    UCF101 / HMDB51: fine-tuned 74.4 / 38.3 (MCN, Table 7). R@1 on UCF101 of the network that IIC's authors released is
    36.5, by features of the last maps, 9,216 numbers a view, where kinema compares pooled ones. kinema has not run it
    at this size.
    """
    return Recipe(
        recipe="iic",
        method=IIC(),
        clip=Clip(frames=16, size=112, short_side=128),
        augment=CROP_ALONE,
        backbone=Backbone("r3d_vcop"),
        optim=Optim("sgd", lr=0.01, weight_decay=1e-4),
        train=Train(epochs=240, batch_size=16),
    )


def iic_shuffle() -> Recipe:
    """IIC with swapped quarters, and vertical flow for its second view: the row of MCN's Table 9.

    kinema data flow UCF-101 --out flow/UCF-101
    kinema pretrain iic_shuffle --data UCF-101 --flow flow/UCF-101 --out runs/iic_shuffle
    kinema retrieve runs/iic_shuffle --data UCF-101 --view rgb+flow --flow flow/UCF-101

    Otherwise as `iic`. R@1, 5, 10, 20, 50 on UCF101: 42.4 / 60.9 / 69.2 / 77.1 / 86.5 (IIC's README, quoted by MCN in
    Table 9). kinema has not run it at this size.
    """
    method = IIC(intra="shuffle").with_flow()
    return replace(iic(), recipe="iic_shuffle", method=method)
