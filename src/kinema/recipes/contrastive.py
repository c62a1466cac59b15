"""Contrastive methods at the size of their papers: SimCLR with CVRL's clips, IIC, and DualVar."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import IIC, Augment, Backbone, Clip, DualVar, Optim, Recipe, SimCLR, Train


def simclr() -> Recipe:
    """SimCLR with CVRL's clips, R3D-18, 16 frames at stride 2 of 224 x 224, 200 epochs of batch 1024.

    kinema pretrain simclr --data kinetics400 --out runs/simclr

    CVRL's settings, but for these. Its network is R3D-50, which kinema does not have, and its head's hidden layers have
    2048 numbers, here as many as the feature. It blurs one of the two clips always and the other seldom, here each in
    half of the cases; and one of them may be solarised, here neither. It sums the losses of both clips, whose mean is
    taken here: half the gradient at the same rate. It decays kernels alone, here all weights. Its short videos begin
    anew, here the first frame is repeated.
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


# A square of 112 pixels somewhere in a frame of 128 x 171, and nothing else; of wider video more (see order.CROP).
CROP = 112 * 112 / (128 * 171)
CROP_ALONE = Augment(crop_area=(CROP, CROP), crop_aspect=(1.0, 1.0), flip=0.0, jitter=0.0, blur=0.0)


def iic() -> Recipe:
    """IIC with repeated frames, one-block R3D, 16 frames of 112 x 112, 240 epochs of batch 16.

    kinema pretrain iic --data UCF-101 --out runs/iic
    kinema retrieve runs/iic --data UCF-101 --view both
    kinema finetune runs/iic --data UCF-101 --view residual

    The settings are those of IIC's code: no flip and no colour, signed residuals that wrap, features of any length, and
    one set of batch norm statistics for RGB and residuals. With --flow its second view is vertical flow.
    UCF101 / HMDB51, fine-tuned on residuals: 72.8 / 35.3 (its README); the 74.4 / 38.3 of MCN's Table 7 are those of
    `--method.intra shuffle`. Its code fine-tunes on F_n - F_{n-1} as it is, kinema on the form of pre-training.
    R@1 on UCF101 of the network that IIC's authors released is 36.5, by features of the last maps, 9,216 numbers a
    view, where kinema compares pooled ones. kinema has not run it at this size.
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


def dualvar() -> Recipe:
    """DualVar on SimCLR, one-block R(2+1)D, 16 frames at stride 4 of 112 x 112, 200 epochs of batch 64.

    kinema pretrain dualvar --data UCF-101 --out runs/dualvar
    kinema finetune runs/dualvar --data UCF-101

    The settings are those of its repository's scripts, without flip and greyscale and with strong jitter in 64 % of the
    clips; but for a fifth of the first clips, which it leaves as they are. It evaluates the network after
    190 epochs, here that after the last.
    UCF101 / HMDB51, fine-tuned: 79.0 / 45.4 (its repository). kinema has not run it at this size.
    """
    return Recipe(
        recipe="dualvar",
        method=DualVar(),
        clip=Clip(frames=16, stride=4, size=112, short_side=128),
        augment=replace(
            CROP_ALONE,
            jitter=0.64,
            brightness=0.8,
            contrast=0.8,
            saturation=0.8,
            hue=0.2,
            blur=0.5,
            blur_sigma=(0.1 * 128 / 112, 2.0 * 128 / 112),
        ),
        backbone=Backbone("r2plus1d_vcop"),
        optim=Optim("sgd", lr=0.003, weight_decay=1e-4, milestones=(0.6, 0.8), gamma=0.1),
        train=Train(epochs=200, batch_size=64),
    )


def dualvar_moco() -> Recipe:
    """DualVar on MoCo, otherwise as `dualvar`; with a queue of 8192, since UCF101 has 9,537 videos.

    kinema pretrain dualvar_moco --data UCF-101 --out runs/dualvar_moco
    kinema finetune runs/dualvar_moco --data UCF-101

    Its repository names a queue of 16,384, in which every video would meet older features of its own as negatives.
    UCF101 / HMDB51, fine-tuned: 78.5 / 47.5 (its repository). kinema has not run it at this size.
    """
    return replace(dualvar(), recipe="dualvar_moco", method=DualVar(base="moco", rank_limit=None, queue=8192))
