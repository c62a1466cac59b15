"""Contrastive methods sized as `tiny_mcn`, for two CPU cores and a thousand short clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY, VIEWS
from kinema.settings import Meta, Recipe, SimCLR

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
