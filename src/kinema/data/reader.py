"""What every decoder offers: the frames of one video by their index.

Three rules hold for all of them. Index i is the i-th frame in presentation order. Frames stand upright, as a player
shows them: a rotation by a multiple of 90 degrees that the file asks for (phones write one) is applied; mirroring and
the shape of pixels are not. And a frame that cannot be decoded is an error, never a neighbour in its place.

Pixels of two decoders may differ by the rounding of the YUV to RGB conversion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from kinema.data.limit import limited
from kinema.errors import DataError, UsageError


class UnsuitableFile(DataError):  # noqa: N818 - named for what it is about
    """A readable video that one particular decoder would read wrongly."""


class TruncatedFile(DataError):  # noqa: N818 - named for what it is about
    """A video whose container promises more than the file holds; raw and transport streams promise nothing."""


class Reader(ABC):
    """An open video; a context manager. H and W are the upright frame's height and width in pixels."""

    path: Path
    num_frames: int
    fps: float
    """Frames per second on average; 0 where it is not known (a folder of images)."""
    height: int
    width: int
    short_side: int | None = None
    """The shorter side at which the frames were packed; None for an original video."""

    def at(self, indices: Sequence[int]) -> Tensor:
        """The frames at `indices`, uint8 [n, H, W, 3] RGB, in the order asked for; repeats are allowed.

        Each stretch of the file is decoded once, whatever the order. Raises UsageError for an index outside
        [0, num_frames) and DataError where a frame cannot be decoded.
        """
        wanted = [int(index) for index in indices]
        for index in wanted:
            if not 0 <= index < self.num_frames:
                raise UsageError(f"{self.path}: there is no frame {index}, only 0 to {self.num_frames - 1}")
        ascending = sorted(set(wanted))
        if not ascending:
            return torch.empty(0, self.height, self.width, 3, dtype=torch.uint8)
        with limited(self.path):
            frames = self._read(ascending)
        if wanted == ascending:
            return frames
        row = {index: number for number, index in enumerate(ascending)}
        return frames[torch.tensor([row[index] for index in wanted])]

    def verify(self) -> None:
        """Decode every frame; raises DataError at the first one that fails."""
        for index in range(self.num_frames):
            self._read([index])

    @abstractmethod
    def _read(self, ascending: list[int]) -> Tensor:
        """Frames at indices that are valid, unique and ascending; uint8 [n, H, W, 3]."""

    @abstractmethod
    def close(self) -> None:
        """Release the file; closing twice is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
