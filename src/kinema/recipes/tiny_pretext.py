"""Pretext tasks in space, speed and motion, sized for two CPU cores."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY
from kinema.settings import PRP, Jigsaw, Mars, Recipe, RotNet, STPuzzle


def tiny_rotnet() -> Recipe:
    """3D-RotNet under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_rotnet --data DATA --out runs/tiny_rotnet

    A step reads 16 clips as the others do, and shows the network 64, each in four rotations. Crops are squeezed to a
    square as in `tiny_mcn`: of square videos, which this is for, as often one way as the other, but 82% of those of 4:3
    are narrowed (see `kinema.methods.rotnet`).
    """
    return replace(TINY, recipe="tiny_rotnet", method=RotNet())


def tiny_stpuzzle() -> Recipe:
    """ST-Puzzle under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_stpuzzle --data DATA --out runs/tiny_stpuzzle

    Canvas and pieces are half the paper's, as the clip is. Pieces are of 6 consecutive frames from segments of 8, so
    that four segments are in videos of 32 frames; the network sees 64 of them in a step of 16 videos. None are grey,
    where half are in `stpuzzle`.
    """
    method = STPuzzle(canvas=112, piece=40, frames=6, segment=8, hidden=128)
    return replace(TINY, recipe="tiny_stpuzzle", method=method)


def tiny_jigsaw() -> Recipe:
    """Jigsaw on clips under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_jigsaw --data DATA --out runs/tiny_jigsaw

    Canvas and pieces are half the paper's, as the clip is, and 100 orders occur, of which a small set shows each often
    enough; the network sees 144 pieces in a step of 16 videos. None are grey, where 3 in 10 are in `jigsaw`.
    """
    return replace(TINY, recipe="tiny_jigsaw", method=Jigsaw(canvas=112, piece=32, orders=100, hidden=128))


def tiny_prp() -> Recipe:
    """PRP under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_prp --data DATA --out runs/tiny_prp

    Without the rate of 8, since 8 frames at it take 64 of a video and many have fewer; 4 is the stride of evaluation.
    Starts are uniform, as in PRP's code. In short videos they tell the rate, as fast clips start early: who knew the
    start alone would be right in 63% of draws at 40 frames, where chance is 33%.
    """
    return replace(TINY, recipe="tiny_prp", method=PRP(rates=(1, 2, 4)))


def tiny_mars() -> Recipe:
    """Motion and appearance statistics under the same conditions as `tiny_mcn`; it needs the videos' flow.

    kinema data flow DATA --out flow
    kinema pretrain tiny_mars --data DATA --flow flow --out runs/tiny_mars

    The flow is that from each frame of the clip to the next of the video, although the clip's next is 4 further on.
    """
    return replace(TINY, recipe="tiny_mars", method=Mars())
