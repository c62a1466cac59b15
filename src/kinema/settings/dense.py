"""Methods that predict the feature maps of blocks of frames to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least, within
from kinema.settings.method import MethodSettings, Pixels


@dataclass(frozen=True)
class DPC(MethodSettings):
    """Dense Predictive Coding (Han, Xie, Zisserman, ICCVW 2019); its numbers, where no other source is named.

    Training reads `blocks` x `block_frames` frames. `--clip.frames` and `--clip.stride` say what evaluation shows: in
    the recipe `dpc`, all of them at once.
    """

    name: Literal["dpc"] = "dpc"
    blocks: int = 8
    """Blocks of a video that follow one another."""
    predicted: int = 3
    """How many of them, the last ones, are predicted from those before."""
    block_frames: int = 5
    """Frames in a block."""
    block_stride: int = 3
    """Distance between neighbouring frames, within a block and from one to the next."""
    dropout: float = 0.1
    """Share of the recurrent state that is dropped after each block (its code)."""

    def __post_init__(self) -> None:
        at_least("method.block-frames", self.block_frames, 1)
        at_least("method.block-stride", self.block_stride, 1)
        at_least("method.predicted", self.predicted, 1)
        if self.blocks <= self.predicted:
            raise UsageError(
                f"--method.predicted {self.predicted} of --method.blocks {self.blocks} leaves none to predict them "
                f"from: give --method.predicted {max(1, self.blocks - 1)} or less, or more blocks"
            )
        within("method.dropout", 0, 0.99, self.dropout)

    @property
    def pixels(self) -> Pixels:
        """Its code normalises by ImageNet's mean and deviation."""
        return Pixels(normalise="imagenet")


@dataclass(frozen=True)
class MemDPC(DPC):
    """Memory-augmented Dense Predictive Coding (Han, Xie, Zisserman, ECCV 2020); otherwise as DPC."""

    name: Literal["memdpc"] = "memdpc"  # type: ignore[assignment]
    slots: int = 1024
    """Vectors of the memory that predictions are put together from."""

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least("method.slots", self.slots, 1)
