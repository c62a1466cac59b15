"""DPC and MemDPC sized for two CPU cores and a thousand short clips."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY
from kinema.settings import DPC, MemDPC, Recipe


def tiny_dpc() -> Recipe:
    """DPC under the same conditions as `tiny_cmc`, on 5 blocks of 4 frames at stride 2.

    kinema pretrain tiny_dpc --data DATA --out runs/tiny_dpc

    The blocks have 39 frames from the first to the last, as the clips that this is for have 32 to 48. It passes the
    network 20 frames of a video where `tiny_cmc` passes 16. Evaluation shows it the clip of all tiny recipes.
    """
    return replace(TINY, recipe="tiny_dpc", method=DPC(blocks=5, predicted=2, block_frames=4, block_stride=2))


def tiny_memdpc() -> Recipe:
    """MemDPC under the same conditions as `tiny_dpc`.

    kinema pretrain tiny_memdpc --data DATA --out runs/tiny_memdpc

    It has the paper's 1024 slots.
    """
    return replace(TINY, recipe="tiny_memdpc", method=MemDPC(blocks=5, predicted=2, block_frames=4, block_stride=2))
