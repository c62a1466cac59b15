"""Reading with PyAV, the decoder that is always there and that the others are measured by."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path

import torch
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor

from kinema.data.av_file import VideoPacket, decoded, demuxed, errors, opened, time_of
from kinema.data.reader import Reader
from kinema.data.survey import place_of, survey
from kinema.errors import DataError

STRICT = frozenset({"h264"})
"""Codecs in which no frame is ever predicted from one that is marked as not for that."""


class PyAVReader(Reader):
    """Seeks to the key frame at or before a wanted one and decodes forward to exactly the wanted time.

    A file whose timestamps do not name its frames one by one is decoded from its start and counted instead. The file
    is surveyed at once, and opened when the first frame is wanted.

    On the way to a wanted frame, those that no other is predicted from are not decoded. Where that fails, all are.
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
        self._start = 0
        self._wanted = 0
        self._may_skip, self._skipped = self.table is not None, False
        self._packets: Generator[VideoPacket] | None = None
        self._following: Iterator[tuple[int, VideoFrame]] = iter(())
        self._waiting: deque[tuple[int, VideoFrame]] = deque()

    def verify(self) -> None:
        """Decode every frame, without converting it to RGB; raises DataError at the first that fails."""
        for _ in self.frames():
            pass

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame as it is decoded; raises DataError at the first that fails."""
        with errors(self.path):
            for index in range(self.num_frames):
                frame = self._frame(index)
                self.survey.check(frame, index)
                yield frame

    def seeks(self) -> bool:
        """Whether seeking finds every key frame, or the one before it; True where nothing is looked for by seeking."""
        with errors(self.path):
            return all(map(self._seek, range(1, len(self.table.keys) if self.table else 0)))

    def close(self) -> None:
        """Release the file, and what is decoded of it: generators would keep both until Python looks for circles."""
        self._following = iter(())
        self._waiting.clear()
        if self._packets is not None:
            self._packets.close()
            self._packets = None
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
        """The frame with this number; every one from the file's start is decoded where its key frames, or the marks
        by which frames are left out, are not what they claim."""
        place = self.table.key_before(index) if self.table else 0
        key = self.table.keys[place] if self.table else 0
        try:
            if self._container is None or not key - 1 <= self._position < index:
                self._go_to(place)
            return self._ahead(index)
        except (DataError, FFmpegError):
            self.close()
            if self._start == 0 and not self._skipped:
                raise
        self._may_skip = False
        try:
            self._go_to(0)
            return self._ahead(index)
        except (DataError, FFmpegError):
            self.close()
            raise

    def _ahead(self, index: int) -> VideoFrame:
        """A frame further on. No frame decoded until then may be damaged, as others are predicted from it.

        Some of those are shown later: they wait until they are asked for.
        """
        self._wanted = index
        last = index + (self.table.ahead[index] if self.table else 0)
        while not self._waiting or self._waiting[-1][0] < last:
            number, frame = next(self._following, (self.num_frames, None))
            if frame is None:
                raise DataError(f"{self.path}: frame {index} of {self.num_frames} cannot be decoded")
            if frame.is_corrupt:
                raise DataError(f"{self.path}: frame {number} is damaged")
            self._waiting.append((number, frame))
        while self._waiting[0][0] < index:
            self._waiting.popleft()
        self._position, frame = self._waiting.popleft()
        if self._position != index:
            raise DataError(f"{self.path}: frame {index} of {self.num_frames} cannot be decoded")
        return frame

    def _go_to(self, place: int) -> None:
        """Make the key frame at a place of the table, or an earlier one, the next frame to be decoded."""
        fresh = self._container is None
        self._start = 0
        if place and self._seek(place):
            return
        if not fresh or place:
            self.close()
        container, stream = self._file()
        packets = self._demuxed(container, stream)
        self._following = self._decode(next(packets), packets, start=0)

    def _seek(self, place: int) -> bool:
        """Go to the key frame at a place, or an earlier one; False where the file's index does not lead there."""
        assert self.table is not None
        container, stream = self._file()
        self._start = key = self.table.keys[place]
        for target in (self.table.times[key], self.table.key_decode_times[place]):
            try:
                container.seek(target, stream=stream, backward=True)
            except FFmpegError:
                continue
            packets = self._demuxed(container, stream)
            first = next(packets)
            landed = self.table.number_at(time_of(first))
            if landed is not None and landed <= key and self.table.places[landed] == place_of(first):
                self._following = self._decode(first, packets, start=landed)
                return True
        return False

    def _file(self) -> tuple[InputContainer, VideoStream]:
        if self._container is None:
            self._container, self._stream = opened(self.path, threads=self._threads)
        return self._container, self._stream

    def _demuxed(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
        """The packets from where the file stands, in place of those before."""
        if self._packets is not None:
            self._packets.close()
        self._packets = demuxed(container, stream)
        return self._packets

    def _decode(
        self, first: VideoPacket, packets: Iterator[VideoPacket], *, start: int
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Frames from number `start` on, in presentation order, with their numbers."""
        self._position, self._start, self._skipped = start - 1, start, False
        self._waiting.clear()
        return self._numbered(first, packets, start)

    def _numbered(
        self, first: VideoPacket, packets: Iterator[VideoPacket], start: int
    ) -> Iterator[tuple[int, VideoFrame]]:
        for count, frame in enumerate(decoded(self._needed(chain([first], packets))), start):
            number = self.table.number_at(time_of(frame)) if self.table else count
            if number is None:
                raise DataError(f"{self.path}: a frame at time {frame.pts} is not in the file's own index")
            if number == start > 0 and not frame.key_frame:
                raise DataError(f"{self.path}: frame {number} is said to be a key frame and is none")
            if number >= start:  # earlier ones are stored behind the key frame and lack what they refer to
                yield number, frame

    def _needed(self, packets: Iterator[VideoPacket]) -> Iterator[VideoPacket]:
        """The packets, the decoder told before each whether it may leave out a frame that no other needs."""
        codec = self._stream.codec_context
        for packet in packets:
            if self.table and self._may_skip and codec.name in STRICT:
                number = self.table.number_at(time_of(packet))
                skip = number is not None and number < self._wanted
                codec.skip_frame = "NONREF" if skip else "DEFAULT"
                self._skipped |= skip
            yield packet
