"""TCLR sized for two CPU cores and a thousand short clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY
from kinema.settings import TCLR, Recipe


def tiny_tclr() -> Recipe:
    """TCLR under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_tclr --data DATA --out runs/tiny_tclr

    Its sparse clip is the clip of the other recipes, 8 frames at stride 4, and its four dense ones are 8 frames at
    stride 1: a window of 32 frames. An epoch passes ten clips of a video through the network, where `tiny_cmc` passes
    two.
    """
    return replace(TINY, recipe="tiny_tclr", method=TCLR(frames=8))
