"""Tasks over clips of one video at their papers' size: VCOP."""

from __future__ import annotations

from kinema.settings import VCOP, Augment, Backbone, Clip, Optim, Recipe, Train

CLIP = Clip(frames=16, size=112, short_side=128)
CROP = Augment(crop_area=(0.573, 0.573), crop_aspect=(1.0, 1.0), flip=0.0, jitter=0.0, blur=0.0)
"""A square of 112 pixels out of frames of 128 x 171 (VCOP's code), which is 0.573 of their area, and nothing else."""


def vcop() -> Recipe:
    """VCOP: the order of 3 clips of 16 frames, one-block R(2+1)D, 300 epochs of batch 8.

    kinema pretrain vcop --data UCF-101 --out runs/vcop
    kinema finetune runs/vcop --data UCF-101
    kinema finetune runs/vcop --data HMDB51
    kinema retrieve runs/vcop --data UCF-101

    The paper holds 800 training videos out and takes the epoch that is best on them; kinema trains on all and takes the
    last. MCN's tables give, UCF101 / HMDB51: fine-tuned 72.4 / 30.9 (Table 7), R@1 10.7 / 7.6 (Tables 9 and 10).
    kinema has not run it at this size yet.
    """
    optim = Optim("sgd", lr=1e-3, momentum=0.9, weight_decay=5e-4, schedule="constant")
    return Recipe("vcop", VCOP(), CLIP, CROP, Backbone("r2plus1d_vcop"), optim, Train(epochs=300, batch_size=8))
