"""Reading with PyAV, the decoder that is always there and that the others are measured by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import torch
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor

from kinema.data.av_file import VideoPacket, decoded, errors, opened, time_of
from kinema.data.reader import Reader
from kinema.data.survey import survey
from kinema.errors import DataError


class PyAVReader(Reader):
    """Seeks to the key frame at or before a wanted one and decodes forward to exactly the wanted time.

    A file whose timestamps do not name its frames one by one is decoded from its start and counted instead. The file
    is surveyed at once, and opened when the first frame is wanted.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self.survey = survey(path)
        self.table = self.survey.table
        self.num_frames, self.fps = self.survey.num_frames, self.survey.fps
        self.height, self.width = self.survey.upright_size
        self._threads = threads
        self._reformatter = VideoReformatter()
        self._container: InputContainer | None = None
        self._position = -1

    def verify(self) -> None:
        """Decode every frame, without converting it to RGB; raises DataError at the first that fails."""
        with errors(self.path):
            for index in range(self.num_frames):
                self.survey.check(self._frame(index), index)

    def close(self) -> None:
        """Release the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _read(self, ascending: list[int]) -> Tensor:
        out = torch.empty(len(ascending), self.height, self.width, 3, dtype=torch.uint8)
        with errors(self.path):
            for row, index in enumerate(ascending):
                out[row] = self._pixels(self._frame(index), index)
        return out

    def _pixels(self, frame: VideoFrame, index: int) -> Tensor:
        self.survey.check(frame, index)
        pixels = torch.from_numpy(
            self._reformatter.reformat(frame, format="rgb24", threads=max(1, self._threads)).to_ndarray()
        )
        return pixels.rot90(self.survey.turns) if self.survey.turns else pixels

    def _frame(self, index: int) -> VideoFrame:
        place = self.table.key_before(index) if self.table else 0
        key = self.table.keys[place] if self.table else 0
        if self._container is None or not key - 1 <= self._position < index:
            self._go_to(place)
        for frame in self._following:
            if self._position == index:
                return frame
            if self._position > index:
                break
        raise DataError(f"{self.path}: frame {index} of {self.num_frames} cannot be decoded")

    def _go_to(self, place: int) -> None:
        """Make the key frame at a place of the table, or an earlier one, the next frame to be decoded."""
        fresh = self._container is None
        container, stream = self._opened() if self._container is None else (self._container, self._stream)
        if place and self.table is not None:
            for target in (self.table.times[self.table.keys[place]], self.table.key_decode_times[place]):
                container.seek(target, stream=stream, backward=True)
                packets = container.demux(stream)
                first = next(packets)
                landed = self.table.number_at(time_of(first))
                if landed is not None and landed <= self.table.keys[place]:
                    self._following = self._decode(first, packets, start=landed)
                    return
        if not fresh or place:
            self.close()
            container, stream = self._opened()
        packets = container.demux(stream)
        self._following = self._decode(next(packets), packets, start=0)

    def _opened(self) -> tuple[InputContainer, VideoStream]:
        self._container, self._stream = opened(self.path, threads=self._threads)
        return self._container, self._stream

    def _decode(self, first: VideoPacket, packets: Iterator[VideoPacket], *, start: int) -> Iterator[VideoFrame]:
        """Frames from number `start` on, in presentation order; `_position` is the number of the latest one."""
        self._position = start - 1
        return self._numbered(first, packets, start)

    def _numbered(self, first: VideoPacket, packets: Iterator[VideoPacket], start: int) -> Iterator[VideoFrame]:
        for frame in decoded(chain([first], packets)):
            number = self.table.number_at(time_of(frame)) if self.table else self._position + 1
            if number is None:
                raise DataError(f"{self.path}: a frame at time {frame.pts} is not in the file's own index")
            if number >= start:  # earlier ones are stored behind the key frame and lack what they refer to
                self._position = number
                yield frame
