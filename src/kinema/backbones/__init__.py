"""The networks that turn a clip into a feature: `build(name, width)` makes one, `BACKBONES` lists them.

Importing this package does not import torch, so that `kinema list backbones` and the check of a name are instant.
"""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, NamedTuple

from kinema.errors import UsageError, nearest

if TYPE_CHECKING:
    from kinema.backbones.backbone import Backbone

__all__ = ["ALIASES", "BACKBONES", "Listed", "build", "resolve"]


class Listed(NamedTuple):
    """A line of the table of backbones."""

    module: str
    """The file here that has a function of the backbone's name, taking the width."""
    description: str


BACKBONES = {
    "r3d_18": Listed("r3d", "3-D ResNet of 18 layers, torchvision's; 33.2 M parameters, 512-d feature"),
    "r2plus1d_18": Listed("r2plus1d", "R(2+1)D of 18 layers, torchvision's; 31.3 M parameters, 512-d feature"),
    "s3d": Listed("s3d", "separable 3-D Inception, torchvision's; 7.9 M parameters, 1024-d feature"),
    "r3d_vcop": Listed("vcop", "one-block R3D of VCOP and IIC; 14.4 M parameters, 512-d feature"),
    "r2plus1d_vcop": Listed("vcop", "one-block R(2+1)D of VCOP and IIC; 14.4 M parameters, 512-d feature"),
    "c3d": Listed("c3d", "C3D with batch norm, VCOP's and IIC's; 27.7 M parameters, 512-d feature"),
    "r3d_18_tclr": Listed("r3d", "R3D-18 with TCLR's longer last map; 33.2 M parameters, 512-d feature"),
    "s3d_coclr": Listed("s3d", "S3D with CoCLR's batch norm; 7.9 M parameters, 1024-d feature"),
    "s3dg": Listed("s3d", "S3D-G of CoCLR, with a gate a branch; 9.1 M parameters, 1024-d feature"),
    "r2d3d_18": Listed("r2d3d", "2D-3D ResNet of 18 layers, DPC's; 14.1 M parameters, 256-d feature"),
    "r2d3d_34": Listed("r2d3d", "2D-3D ResNet of 34 layers, DPC's; 32.4 M parameters, 256-d feature"),
}
"""Every backbone: its name, where it is made, and what it is at width 1, without a classifier."""

ALIASES = {
    "r3d": "r3d_18",
    "r2plus1d": "r2plus1d_18",
    "r(2+1)d": "r2plus1d_18",
    "r21d": "r2plus1d_18",
    "r21d_18": "r2plus1d_18",
    "r21d_vcop": "r2plus1d_vcop",
}
"""Other spellings that papers and code bases use."""


def resolve(name: str) -> str:
    """The name in `BACKBONES` that `name` or an alias stands for; case does not matter.

    Raises:
        UsageError: no backbone has this name.
    """
    lowered = name.lower()
    known = ALIASES.get(lowered, lowered)
    if known not in BACKBONES:
        raise UsageError(f"unknown backbone '{name}'; {nearest(known, list(BACKBONES))}")
    return known


def build(name: str, width: float = 1.0) -> Backbone:
    """A backbone with fresh weights, in training mode, float32, on the default device.

    Args:
        name: a key of `BACKBONES`, or an alias.
        width: multiplies every channel count; see `kinema.backbones.backbone.channels` for the rounding.

    The weights are drawn from torch's global generator, as everywhere in `torch.nn`: seed it first.

    Raises:
        UsageError: unknown name, or a width that is not a positive number.
    """
    name = resolve(name)
    if not (math.isfinite(width) and width > 0):
        raise UsageError(f"backbone width is {width}; give a positive number, such as 1 or 0.25")
    module = importlib.import_module(f"kinema.backbones.{BACKBONES[name].module}")
    backbone: Backbone = getattr(module, name)(width)
    return backbone
