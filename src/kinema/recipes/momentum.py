"""The size of the papers: clips of a video compared through a momentum copy or by prototypes."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import BYOL, Augment, Backbone, Clip, MoCo, Optim, Recipe, RSPNet, SwAV, Train


def moco() -> Recipe:
    """MoCo as CoCLR's first stage has it, "InfoNCE": S3D, 32 frames of 128 x 128, a queue of 2,048, 300 epochs.

    kinema pretrain moco --data UCF-101 --out runs/moco
    kinema retrieve runs/moco --data UCF-101
    kinema linear runs/moco --data UCF-101

    The same as `coclr_infonce`, from which `coclr` goes on. CoCLR's repository, UCF101: R@1 33.1, linear probe 46.8.
    kinema has not run it at this size yet. On Kinetics-400 CoCLR takes 16,384 rows: `--method.queue 16384`.
    """
    return Recipe(
        "moco",
        MoCo(),
        augment=Augment(grey=0.2),
        backbone=Backbone("s3d_coclr"),
        optim=Optim("adam", lr=1e-3, weight_decay=1e-5, milestones=(250 / 300, 280 / 300), gamma=0.1),
        train=Train(epochs=300, batch_size=64),
    )


KINETICS = Recipe(
    clip=Clip(frames=8, stride=8, size=224, short_side=256),
    augment=Augment(crop_area=(0.2, 0.766), brightness=0.6, contrast=0.6, saturation=0.6, hue=0.15, grey=0.2, blur=0.5),
    backbone=Backbone("r3d_18"),
    optim=Optim("sgd", lr=0.1, weight_decay=1e-4, schedule="cosine", warmup=35 / 200),
    train=Train(epochs=200, batch_size=64),
)
"""What Feichtenhofer et al. (CVPR 2021) share between methods, on Kinetics-400 with two clips a video. Their network,
Slow-only R50, is not one of kinema's, and R3D-18 stands in for it: figures of theirs are not what to expect here."""
LARS = replace(KINETICS.optim, name="lars", lr=0.6, weight_decay=1e-6)
"""As theirs, for methods other than MoCo."""


def moco_kinetics() -> Recipe:
    """MoCo as Feichtenhofer et al. have it, both clips as queries, on R3D-18 in place of Slow-only R50.

    kinema pretrain moco_kinetics --data kinetics400 --out runs/moco_kinetics
    kinema finetune runs/moco_kinetics --data UCF-101

    Their code does not decay what belongs to batch norm, which SGD does here.
    Paper, Slow-only R50, two clips: UCF101 fine-tuned 91.3, Kinetics-400 linear probe 66.6. kinema has not run it at
    this size yet.
    """
    method = MoCo(
        clips="two",
        symmetric=True,
        projection="mlp3",
        queue=65536,
        fill_first=True,
        temperature=0.1,
        momentum=0.994,
        rising=True,
    )
    return replace(KINETICS, recipe="moco_kinetics", method=method)


def byol() -> Recipe:
    """BYOL as Feichtenhofer et al. have it, by LARS, on R3D-18 in place of Slow-only R50.

    kinema pretrain byol --data kinetics400 --out runs/byol
    kinema finetune runs/byol --data UCF-101

    Paper, Slow-only R50, two clips: UCF101 fine-tuned 94.0, Kinetics-400 linear probe 67.4. kinema has not run it at
    this size yet.
    """
    return replace(KINETICS, recipe="byol", method=BYOL(), optim=LARS)


def swav() -> Recipe:
    """SwAV as Feichtenhofer et al. have it, by LARS, on R3D-18 in place of Slow-only R50.

    kinema pretrain swav --data kinetics400 --out runs/swav
    kinema finetune runs/swav --data UCF-101

    Paper, Slow-only R50, two clips: UCF101 fine-tuned 90.2, Kinetics-400 linear probe 62.6. kinema has not run it at
    this size yet.
    """
    return replace(KINETICS, recipe="swav", method=SwAV(), optim=LARS)


def rspnet() -> Recipe:
    """RSPNet with R3D-18 on 16 frames of 112 x 112, a queue of 16,384, 200 epochs on Kinetics-400.

    kinema pretrain rspnet --data kinetics400 --out runs/rspnet
    kinema finetune runs/rspnet --data UCF-101
    kinema finetune runs/rspnet --data HMDB51
    kinema retrieve runs/rspnet --data UCF-101

    Paper, UCF101 / HMDB51, by a ResNet-18 with a stem of 7 x 7 x 7, which is not R3D-18: fine-tuned 74.3 / 41.8; R@1 on
    UCF101 41.1. kinema has not run it at this size yet. For R(2+1)D (81.1 / 44.6), whose rate RSPNet's code makes 0.05
    for each 64 videos of a step: `--backbone.name r2plus1d_vcop --optim.lr 0.025 --train.batch-size 32`.
    """
    return Recipe(
        "rspnet",
        RSPNet(),
        clip=Clip(frames=16, size=112),
        augment=Augment(crop_area=(0.4, 1.0), jitter=1.0, hue=0.4, grey=0.2, blur=0.0),
        backbone=Backbone("r3d_18"),
        optim=Optim("sgd", lr=0.1, weight_decay=1e-4, schedule="cosine"),
        train=Train(epochs=200, batch_size=64),
    )
