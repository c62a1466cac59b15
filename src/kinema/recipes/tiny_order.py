"""Tasks over clips of one video, sized for two CPU cores like the tiny recipes of MCN and CMC."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import CONTRAST, TINY, VIEWS
from kinema.settings import OPN, PCL, VCOP, VCP, Cloze, Order, Recipe

CLOZE = Cloze(frames=8, gap=2, distance=4)


def tiny_vcop() -> Recipe:
    """VCOP on 3 clips of 8 frames, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_vcop --data DATA --out runs/tiny_vcop

    Evaluation's clip is 8 frames at stride 4, as everywhere; three of those would be 87 frames long, and the clips that
    this is for have 32 to 48. So the clips whose order is asked for are 8 frames at stride 1, with gaps of 4, as the
    paper's are half as long as its clips: 32 frames in all. They are three clips a video where CMC sees two views.
    """
    return replace(TINY, recipe="tiny_vcop", method=VCOP(order=Order(frames=8, gap=4)))


def tiny_opn() -> Recipe:
    """The order of 4 frames, each a still clip of 8, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_opn --data DATA --out runs/tiny_opn

    As for `tiny_vcop` the frames lie within 32 of the video: 9 between one and the next. They are made still clips of
    evaluation's length, which every layer of the network then knows.
    """
    order = Order(clips=4, frames=8, stride=0, gap=9, symmetric=True)
    return replace(TINY, recipe="tiny_opn", method=OPN(order=order))


def tiny_vcp() -> Recipe:
    """VCP on 3 clips of 8 frames, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_vcp --data DATA --out runs/tiny_vcp

    As for `tiny_vcop` the clips have stride 1. A remote clip needs room besides the row: with gaps of 2 and a distance
    of 4 both take 40 of the 48 frames that most clips here have, where 18 of 21 starts leave it; in those of 32 the
    cloze is one of the other four.
    """
    return replace(TINY, recipe="tiny_vcp", method=VCP(cloze=CLOZE))


def tiny_pcl() -> Recipe:
    """`tiny_vcp` with PCL's contrast of the first and the last clip beside it, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_pcl --data DATA --out runs/tiny_pcl

    Bank, negatives and projection are those of `tiny_cmc`, which says why.
    """
    method = PCL(cloze=CLOZE, contrast=CONTRAST, projection=VIEWS.projection)
    return replace(TINY, recipe="tiny_pcl", method=method)
