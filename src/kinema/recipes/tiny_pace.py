"""Tasks on the pace of a clip, sized for two CPU cores like the tiny recipes of MCN and CMC."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY
from kinema.settings import Pace, Recipe, SpeedNet

PACE = Pace(frames=8, wrap=False)


def tiny_pace() -> Recipe:
    """Pace prediction on 8 frames, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_pace --data DATA --out runs/tiny_pace

    The strides are the paper's, 1 to 4, the last of which is that of evaluation's clip; the longest clip takes 29
    frames. Videos do not begin anew (`wrap` off): in those of 32 to 48 frames most of the longest clips would otherwise
    have a cut, which gives the stride away, and few of the shortest.
    """
    return replace(TINY, recipe="tiny_pace", method=PACE)


def tiny_pace_contrast() -> Recipe:
    """`tiny_pace` with the contrast of two clips of a video at different paces beside it.

    kinema pretrain tiny_pace_contrast --data DATA --out runs/tiny_pace_contrast
    """
    return replace(TINY, recipe="tiny_pace_contrast", method=replace(PACE, contrast=0.1))


def tiny_speednet() -> Recipe:
    """SpeedNet on 8 frames, under the same conditions as `tiny_cmc`.

    kinema pretrain tiny_speednet --data DATA --out runs/tiny_speednet

    Every second frame counts as normal speed: a fast clip then has about the stride of evaluation's, 4, and takes 32
    frames at most; with more, the shortest clips that this is for, of 32 frames, would have to repeat their first.
    In short videos the middle of a clip tells its speed, as a long one lies nearer the video's: who knew it alone would
    be right in 80% of draws at 32 frames and in 66% at 48, where chance is 50%.
    """
    return replace(TINY, recipe="tiny_speednet", method=SpeedNet(frames=8, stride=2))
