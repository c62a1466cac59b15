"""Reading the frames of one video out of a packed store."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinema.data.reader import Reader
from kinema.data.store_format import Packing
from kinema.errors import DataError

AT_ONCE = 2**22
"""Bytes of a shard that are read in one call."""
MOST_PIXELS = 65535
"""A side of a JPEG."""


class PackedReader(Reader):
    """Frames out of a shard; `video` is a row of the index. JPEGs are checked at every read, raw frames by `verify`."""

    def __init__(self, path: Path, shard: str | Path, video: Any, packing: Packing) -> None:
        self.path = path
        self.num_frames, self.fps = int(video["frames"]), float(video["fps"])
        self.height, self.width = int(video["height"]), int(video["width"])
        self.short_side = packing.short_side
        self._jpeg = packing.kind == "jpeg"
        self._offset, self._size = int(video["offset"]), int(video["size"])
        self._shard = shard
        try:
            self._file = os.open(self._shard, os.O_RDONLY)
        except OSError as problem:
            raise DataError(f"{self.path}: {self._shard} cannot be read ({problem.strerror})") from problem
        try:
            self._read_table()
        except DataError:
            self.close()
            raise

    def verify(self) -> None:
        """Compare every frame with its checksum; raises DataError at the first that differs."""
        for index in range(self.num_frames):
            self._check(index, self._bytes(index))

    def close(self) -> None:
        """Release the shard."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read_table(self) -> None:
        columns = 8 * self._jpeg + 4
        whole = os.fstat(self._file).st_size
        if not columns * self.num_frames < self._size <= whole - self._offset:
            raise self._damaged("its end")
        if not (0 < self.height <= MOST_PIXELS and 0 < self.width <= MOST_PIXELS and math.isfinite(self.fps)):
            raise self._damaged("its row of the index")
        table = bytearray(columns * self.num_frames)
        self._fill(table, self._size - len(table))
        self._sums = np.frombuffer(table, "<u4", offset=8 * self._jpeg * self.num_frames)
        step = self.height * self.width * 3
        self._ends: Sequence[int] = range(0, (self.num_frames + 1) * step, step)
        if self._jpeg:
            self._ends = [0, *np.frombuffer(table, "<u8", self.num_frames).tolist()]
            if sorted(self._ends) != self._ends:
                raise self._damaged("its table of frames")
        if self._ends[-1] + len(table) != self._size:
            raise self._damaged("its table of frames")

    def _read(self, ascending: list[int]) -> Tensor:
        try:
            out = torch.empty(len(ascending), self.height, self.width, 3, dtype=torch.uint8)
        except RuntimeError as problem:  # more than any memory has
            raise self._damaged("its row of the index") from problem
        if not self._jpeg:
            for frame, index in zip(out.numpy(), ascending, strict=True):
                self._fill(frame.data.cast("B"), self._ends[index])
            return out
        start, end = self._ends[ascending[0]], self._ends[ascending[-1] + 1]
        if end - start <= AT_ONCE:  # one call for all, with what lies between
            window = memoryview(bytearray(end - start))
            self._fill(window, start)
            parts = (window[self._ends[index] - start : self._ends[index + 1] - start] for index in ascending)
        else:
            parts = (memoryview(self._bytes(index)) for index in ascending)
        for frame, index, data in zip(out.numpy(), ascending, parts, strict=True):
            self._decode(index, data, frame)
        return out

    def _decode(self, index: int, data: memoryview, frame: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
        from simplejpeg import decode_jpeg

        self._check(index, data)
        try:
            whole = decode_jpeg(data, buffer=frame).shape == frame.shape
        except ValueError as problem:
            raise self._damaged(f"frame {index}") from problem
        if not whole:
            raise self._damaged(f"frame {index}")

    def _bytes(self, index: int) -> bytearray:
        data = bytearray(self._ends[index + 1] - self._ends[index])
        self._fill(data, self._ends[index])
        return data

    def _check(self, index: int, data: bytearray | memoryview) -> None:
        if zlib.crc32(data) != self._sums[index]:
            raise self._damaged(f"frame {index}")

    def _fill(self, buffer: bytearray | memoryview, start: int) -> None:
        """Read what is `start` bytes into the record."""
        try:
            count = os.preadv(self._file, [buffer], self._offset + start)
        except OSError as problem:
            raise DataError(f"{self.path}: {self._shard} cannot be read ({problem.strerror})") from problem
        if count != len(buffer):
            raise self._damaged("its end")

    def _damaged(self, what: str) -> DataError:
        return DataError(
            f"{self.path}: {what} is damaged in {self._shard}: delete that file, and the same kinema data pack makes "
            "it anew"
        )
