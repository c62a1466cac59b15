"""What passes through the network in a step that is measured: flags of `kinema bench`, so no torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least


@dataclass(frozen=True)
class Size:
    """The network and the clips of the step that is measured.

    Raises:
        UsageError: a number is out of its range.
    """

    backbone: str = "r3d_18"
    """`kinema list backbones` names them."""
    width: float = 1.0
    """Of the backbone: a factor for its channels."""
    frames: int = 16
    """Of a clip."""
    size: int = 112
    """Of a clip, pixels a side."""
    batch: int = 8
    """Videos a stage: a multiple of 4."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Of all but the plain step of IIC, which is in float32 as its authors' is."""

    def __post_init__(self) -> None:
        at_least("frames", self.frames, 1)
        at_least("size", self.size, 1)
        if self.batch < 1 or self.batch % 4:  # the pairs of MCN are of groups of four: kinema.heads
            raise UsageError(f"--batch is {self.batch}: give a multiple of 4")
