"""Clips of a video compared through a momentum copy or by prototypes, sized as `tiny_mcn` for two CPU cores."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY
from kinema.settings import BYOL, Meta, MoCo, Recipe, RSPNet, SwAV

MOMENTUM = 0.99
"""Of the copies. A run has 3,000 steps on 1,200 clips; at the papers' 0.999 a copy would lag by a third of them."""
QUEUE = 512
"""As many negatives as `tiny_cmc` has, and less than half of the videos of an epoch."""
STAGES = Meta(order=1, resplit="iteration")
"""MCN's two stages as `tiny_mcn` has them."""


def tiny_moco() -> Recipe:
    """MoCo with a queue of 512, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_moco --data DATA --out runs/tiny_moco

    The projection is `tiny_cmc`'s, for the same reason: a fresh network gives all videos nearly one direction.
    """
    return replace(TINY, recipe="tiny_moco", method=_moco())


def tiny_mcn_moco() -> Recipe:
    """MCN's pair classification and two stages over `tiny_moco`.

    kinema pretrain tiny_mcn_moco --data DATA --out runs/tiny_mcn_moco

    A stage reads 8 videos, so that a step reads 16 as `tiny_moco` does; both stages' keys enter the queue. Pairs are
    of queries and keys.
    """
    method = replace(_moco(), alpha=0.2, meta=STAGES)
    return replace(TINY, recipe="tiny_mcn_moco", method=method, train=replace(TINY.train, batch_size=8))


def _moco() -> MoCo:
    return MoCo(projection="linear_bn", queue=QUEUE, momentum=MOMENTUM)


def tiny_byol() -> Recipe:
    """BYOL with heads of 512, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_byol --data DATA --out runs/tiny_byol

    The heads are as many times as wide as the small network's feature, 128, as the paper's are of 2,048, twice.
    """
    return replace(TINY, recipe="tiny_byol", method=BYOL(hidden=512, dim=128, momentum=MOMENTUM))


def tiny_swav() -> Recipe:
    """SwAV with 32 prototypes, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_swav --data DATA --out runs/tiny_swav

    A batch has 16 videos, which cannot be told apart by more prototypes than a few times as many. The head is narrowed
    as `tiny_byol`'s.
    """
    return replace(TINY, recipe="tiny_swav", method=SwAV(prototypes=32, hidden=512))


def tiny_rspnet() -> Recipe:
    """RSPNet at strides 2 and 4, with a queue of 512, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_rspnet --data DATA --out runs/tiny_rspnet

    A fast clip is the clip of all tiny recipes, which evaluation sees too; a slow one is at half its stride, since one
    at twice its stride would span 57 frames, and the clips that this is for have 32 to 48. A step reads three clips of
    a video, two of them without a gradient, where `tiny_cmc` reads two views of one. The heads are `tiny_moco`'s.
    """
    method = RSPNet(stride=TINY.clip.stride // 2, projection="linear_bn", queue=QUEUE, momentum=MOMENTUM)
    return replace(TINY, recipe="tiny_rspnet", method=method)
