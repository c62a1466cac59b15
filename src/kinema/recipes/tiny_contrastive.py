"""Contrastive methods sized as `tiny_mcn`, for two CPU cores and a thousand short clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import CONTRAST, TINY, VIEWS
from kinema.settings import IIC, DualVar, Meta, Recipe, SimCLR

STAGES = Meta(order=1, resplit="iteration")
"""MCN's two stages as `tiny_mcn` has them."""
ALPHA = 0.2
"""MCN's weight of the pair classification."""


def tiny_simclr() -> Recipe:
    """SimCLR with CVRL's clips, under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_simclr --data DATA --out runs/tiny_simclr

    A clip spans 29 frames. In a video of 48 the two start 6 frames apart on average; in one of 29 or fewer they are the
    same, and augmentation alone sets them apart.
    """
    return replace(TINY, recipe="tiny_simclr", method=SimCLR(projection=VIEWS.projection))


def tiny_mcn_simclr() -> Recipe:
    """MCN's pair classification and two stages over `tiny_simclr`.

    kinema pretrain tiny_mcn_simclr --data DATA --out runs/tiny_mcn_simclr

    A stage reads 8 videos, so that a step reads 16 as `tiny_simclr` does; a clip then has 14 negatives, not 30.
    """
    method = SimCLR(projection=VIEWS.projection, alpha=ALPHA, meta=STAGES)
    return replace(TINY, recipe="tiny_mcn_simclr", method=method, train=replace(TINY.train, batch_size=8))


# What MCN and CMC have: Eq. 1's residual, each view's own statistics, and features of unit length behind `linear_bn`.
INTER_INTRA = IIC(residual="absolute", views=VIEWS, contrast=CONTRAST)


def tiny_iic() -> Recipe:
    """IIC with repeated frames, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_iic --data DATA --out runs/tiny_iic

    The views, their projection and their residual are those of `tiny_cmc`, so that what differs is the intra-negatives.
    """
    return replace(TINY, recipe="tiny_iic", method=INTER_INTRA)


def tiny_mcn_iic() -> Recipe:
    """MCN's pair classification and two stages over `tiny_iic`.

    kinema pretrain tiny_mcn_iic --data DATA --out runs/tiny_mcn_iic

    A stage reads 8 videos, so that a step reads 16 as `tiny_iic` does.
    """
    method = replace(INTER_INTRA, alpha=ALPHA, meta=STAGES)
    return replace(TINY, recipe="tiny_mcn_iic", method=method, train=replace(TINY.train, batch_size=8))


def tiny_dualvar() -> Recipe:
    """DualVar on SimCLR, under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_dualvar --data DATA --out runs/tiny_dualvar

    Four clips pass the network for each video, where `tiny_simclr` has two. A clip of 8 frames has two segments of 4.
    """
    method = DualVar(projection="linear_bn", normalise="unit")
    return replace(TINY, recipe="tiny_dualvar", method=method)


def tiny_dualvar_moco() -> Recipe:
    """DualVar on MoCo, under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_dualvar_moco --data DATA --out runs/tiny_dualvar_moco

    The queue of 512 is less than half of a thousand clips; the copy keeps 0.99 of itself in a step, since there are but
    3,000 of them: at 0.999 it would lag by a third of the run.
    """
    method = DualVar(base="moco", projection="linear_bn", normalise="unit", rank_limit=None, queue=512, momentum=0.99)
    return replace(TINY, recipe="tiny_dualvar_moco", method=method)
