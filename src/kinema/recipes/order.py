"""Tasks over clips of one video at their papers' size: VCOP, the order of frames (OPN), VCP, and PCL."""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import OPN, PCL, VCOP, VCP, Augment, Backbone, Clip, Optim, Recipe, Train

CLIP = Clip(frames=16, size=112, short_side=128)
CROP = Augment(crop_area=(0.573, 0.573), crop_aspect=(1.0, 1.0), flip=0.0, jitter=0.0, blur=0.0)
"""A square of 112 pixels out of frames of 128 x 171 (VCOP's code), which is 0.573 of their area, and nothing else.

So of 4:3 video, as UCF101 is. The code squeezes any other into that shape; here it keeps its own, and the same share of
16:9 is a square as high as the frame, 128 pixels, anywhere from left to right."""
STRONG = replace(CROP, flip=0.5, jitter=0.8, grey=0.2, blur=0.5)
"""The same square with SimCLR's changes of colour (PCL's code)."""


def vcop() -> Recipe:
    """VCOP: the order of 3 clips of 16 frames, one-block R(2+1)D, 300 epochs of batch 8.

    kinema pretrain vcop --data UCF-101 --out runs/vcop
    kinema finetune runs/vcop --data UCF-101
    kinema finetune runs/vcop --data HMDB51
    kinema retrieve runs/vcop --data UCF-101

    The paper holds 800 training videos out and takes the epoch that is best on them; kinema trains on all and takes the
    last. UCF101 / HMDB51: fine-tuned 72.4 / 30.9 (MCN, Table 7), R@1 10.7 / 5.7 (IIC's README). kinema has not run it
    at this size yet.
    """
    optim = Optim("sgd", lr=1e-3, momentum=0.9, weight_decay=5e-4, schedule="constant")
    return Recipe("vcop", VCOP(), CLIP, CROP, Backbone("r2plus1d_vcop"), optim, Train(epochs=300, batch_size=8))


def opn() -> Recipe:
    """OPN's task, the order of 4 frames up to reversal, with VCOP's network in place of its own.

    kinema pretrain opn --data UCF-101 --out runs/opn
    kinema finetune runs/opn --data UCF-101
    kinema finetune runs/opn --data HMDB51
    kinema retrieve runs/opn --data UCF-101

    As the paper: one mirror for all frames of a video, SGD at 0.01 with weight decay 5e-4. As `vcop`: network, clip,
    crop, batch, epochs, constant rate (OPN divides it by 10 at 130,000 and 170,000 steps). Not here: choosing frames
    and crops by their optical flow, and showing one colour channel.
    OPN's own VGG has, by MCN's tables, UCF101 / HMDB51: fine-tuned 56.3 / 22.1 (Table 7); R@1 on UCF101 19.9 (Table 9).
    kinema has not run it at this size yet.
    """
    base = vcop()
    optim = replace(base.optim, lr=0.01)
    return replace(base, recipe="opn", method=OPN(), optim=optim, augment=replace(CROP, flip=0.5))


def vcp() -> Recipe:
    """VCP: what was done to the middle one of 3 clips of 16 frames, one-block R(2+1)D, 200 epochs of batch 8.

    kinema pretrain vcp --data UCF-101 --out runs/vcp
    kinema finetune runs/vcp --data UCF-101
    kinema finetune runs/vcp --data HMDB51
    kinema retrieve runs/vcp --data UCF-101

    UCF101 / HMDB51: fine-tuned 66.3 / 32.2 (MCN, Table 7), R@1 19.9 / 6.7 (IIC's README). kinema has not run it at this
    size yet.
    """
    base = vcop()
    optim, train = replace(base.optim, lr=0.01), replace(base.train, epochs=200)
    return replace(base, recipe="vcp", method=VCP(), optim=optim, train=train)


def pcl() -> Recipe:
    """PCL: VCP and a contrast of the first and the last clip, R3D-18, 200 epochs of batch 16.

    kinema pretrain pcl --data UCF-101 --out runs/pcl
    kinema finetune runs/pcl --data UCF-101
    kinema finetune runs/pcl --data HMDB51
    kinema retrieve runs/pcl --data UCF-101

    The released code lowers the rate when the task's loss on held-out videos stands still for 50 epochs; here it is
    constant. It shows the network residuals by default, in evaluation too, as `--method.input residual` and
    `--view residual` do here, where RGB is the default. It tells the cloze by one layer, which is `--method.cloze.head
    linear` here, and its clips share frames (`--method.cloze.gap -5`), where its option says that 8 lie between them;
    here 8 do. Its three clips pass the network one after the other, each a
    batch of its own to batch norm; here they pass together.
    Its README gives, UCF101 / HMDB51: fine-tuned 83.4 / 48.8; R@1 on UCF101 55.1. kinema has not run it at this size
    yet.
    """
    optim = Optim("sgd", lr=0.01, momentum=0.9, weight_decay=5e-4, schedule="constant")
    return Recipe("pcl", PCL(), CLIP, STRONG, Backbone("r3d_18"), optim, Train(epochs=200, batch_size=16))


def pcl_vcop() -> Recipe:
    """PCL with VCOP for its task, one-block R3D.

    kinema pretrain pcl_vcop --data UCF-101 --out runs/pcl_vcop
    kinema finetune runs/pcl_vcop --data UCF-101
    kinema finetune runs/pcl_vcop --data HMDB51

    Its README gives, UCF101 / HMDB51: fine-tuned 78.2 / 40.5. kinema has not run it at this size yet.
    """
    return replace(pcl(), recipe="pcl_vcop", method=PCL(task="vcop"), backbone=Backbone("r3d_vcop"))
