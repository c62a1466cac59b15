"""Methods whose label is how a clip lies in space, or how pieces of it lie: rotations and puzzles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least, within
from kinema.settings.inputs import Clip
from kinema.settings.method import MethodSettings


@dataclass(frozen=True)
class RotNet(MethodSettings):
    """3D-RotNet: by how many right angles a clip has been turned."""

    name: Literal["rotnet"] = "rotnet"


@dataclass(frozen=True)
class Puzzle(MethodSettings):
    """Pieces cut from the cells of a square canvas, each at a random place in its cell, in a random order."""

    canvas: int = 224
    """Height and width of the canvas in pixels: a crop of the frame, augmented as a clip would be (ST-Puzzle)."""
    piece: int = 80
    """Height and width of a piece in pixels (ST-Puzzle); less than a cell, so that edges do not tell neighbours."""
    hidden: int = 512
    """Width of the layer that sees the features of all pieces, between them and the answer."""

    def __post_init__(self) -> None:
        at_least("method.piece", self.piece, 1)
        at_least("method.hidden", self.hidden, 1)
        cell = self.canvas // self.side
        if self.piece > cell:
            raise UsageError(
                f"--method.piece is {self.piece}: {self.side} x {self.side} cells of a canvas of {self.canvas} are "
                f"{cell} pixels wide, give that or less"
            )

    @property
    def side(self) -> int:
        """Cells of the canvas from one edge to the other."""
        return 2

    def training_clip(self, clip: Clip) -> Clip:
        """Frames as much larger than the canvas as they are larger than a clip."""
        return replace(clip, short_side=max(clip.loaded_side, round(self.canvas * clip.loaded_side / clip.size)))


@dataclass(frozen=True)
class STPuzzle(Puzzle):
    """Space-time cubic puzzles: four pieces of a video, from four places or from four times."""

    name: Literal["stpuzzle"] = "stpuzzle"
    frames: int = 16
    """Frames of a piece (paper)."""
    stride: int = 1
    """Distance between neighbouring frames of a piece, in frames of the video (paper: consecutive frames)."""
    segment: int = 32
    """Frames of the video in each of the four segments that pieces of other times are from (paper: 128 in all)."""
    turned: float = 1.0
    """Weight of telling whether the pieces were turned upside down, as those of every other video are (the paper's
    further task; the weight is ours). 0 turns none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.frames", self.frames, 1)
        at_least("method.stride", self.stride, 1)
        within("method.turned", 0, 1000, self.turned)
        if self.segment < self.span:
            raise UsageError(
                f"--method.segment is {self.segment}: a piece of {self.frames} frames at stride {self.stride} spans "
                f"{self.span}, give that or more"
            )

    @property
    def span(self) -> int:
        """Frames of the video from a piece's first frame to its last, both counted."""
        return (self.frames - 1) * self.stride + 1


@dataclass(frozen=True)
class Jigsaw(Puzzle):
    """The jigsaw puzzle of Noroozi and Favaro on clips: all cells of a grid, each seen for the length of the clip."""

    name: Literal["jigsaw"] = "jigsaw"
    canvas: int = 225
    """Paper, section 3.3."""
    piece: int = 64
    """Paper, section 3.3, from cells of 75."""
    hidden: int = 4096
    """Paper, Fig. 3 (fc7)."""
    grid: int = 3
    """Cells from one edge of the canvas to the other (paper: 3 x 3)."""
    orders: int = 1000
    """How many of the orders occur, chosen to differ as much as they can (the released code)."""

    def __post_init__(self) -> None:
        within("method.grid", 2, 3, self.grid)
        super().__post_init__()
        within("method.orders", 2, math.factorial(self.grid**2), self.orders)

    @property
    def side(self) -> int:
        """As the grid has it."""
        return self.grid
