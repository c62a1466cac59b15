"""Pretext tasks in space, speed and motion, sized for two CPU cores."""

from __future__ import annotations

from dataclasses import replace

from kinema.recipes.tiny import TINY
from kinema.settings import Recipe, RotNet


def tiny_rotnet() -> Recipe:
    """3D-RotNet under the same conditions as `tiny_mcn`.

    kinema pretrain tiny_rotnet --data DATA --out runs/tiny_rotnet

    A step reads 16 clips as the others do, and shows the network 64, each in four rotations.
    """
    return replace(TINY, recipe="tiny_rotnet", method=RotNet())
