"""Reading with PyAV, the decoder that is always there and that the others are measured by."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import av
import torch
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from torch import Tensor

from kinema.data.container import is_cut
from kinema.data.reader import Reader, TruncatedFile
from kinema.errors import DataError

# PyAV's own log callback takes a lock, which a reading process forked at the wrong moment would wait for without end.
av.logging.restore_default_callback()


VideoPacket: TypeAlias = "Packet[VideoStream]"

_TIMED = frozenset({"mov", "matroska", "webm", "avi"})


@dataclass(frozen=True)
class Table:
    """Where each frame of a file is, in presentation order."""

    times: tuple[int, ...]
    """Presentation times in units of the stream's time base; strictly ascending."""
    keys: tuple[int, ...]
    """Frames at which decoding can start, ascending; 0 is always one."""
    key_decode_times: tuple[int, ...]
    """For each key frame its decoding time; a container's seeking goes by one time or the other."""


class PyAVReader(Reader):
    """Seeks to the key frame at or before a wanted one and decodes forward to exactly the wanted time.

    A file whose timestamps do not name its frames one by one (AVI with B-frames, as some of UCF101 and HMDB51; raw
    streams; program streams) is decoded from its start and counted instead; `table` is None for these. `peculiar` says
    why a file should be left to PyAV, and is "" for most.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self._threads = threads
        self._reformatter = VideoReformatter()
        self._open()
        try:
            with self._errors():
                self._survey()
        except DataError:
            self.close()
            raise

    def seconds(self) -> list[float] | None:
        """Each frame's presentation time; None where `table` is."""
        base = self._stream.time_base
        return [float(time * base) for time in self.table.times] if self.table and base else None

    def verify(self) -> None:
        """Decode every frame, without converting it to RGB; raises DataError at the first that fails."""
        with self._errors():
            for index in range(self.num_frames):
                self._check(self._frame(index))

    def close(self) -> None:
        """Release the file."""
        self._container.close()

    def _open(self) -> None:
        with self._errors():
            self._container: InputContainer = av.open(str(self.path), metadata_errors="replace")
            self._stream = self._find_stream()
            codec = self._stream.codec_context
            codec.thread_count = self._threads
            codec.thread_type = "NONE" if self._threads == 1 else "AUTO"

    def _find_stream(self) -> VideoStream:
        stream = self._container.streams.best("video")
        if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:  # an album cover
            sound = " (audio only)" if self._container.streams.audio else ""
            raise self._unreadable(f"no video stream{sound}")
        if stream.codec_context is None:
            raise self._unreadable("its codec is unknown")
        return stream

    def _survey(self) -> None:
        packets = [packet for packet in self._container.demux(self._stream) if packet.size]
        self._refuse_truncated(packets)
        self.table = self._tabulate(packets)
        self._number_at = {time: number for number, time in enumerate(self.table.times)} if self.table else {}
        self.stream_index = self._stream.index
        self.fps = self._average_rate()
        self._restart()
        first = next(self._following, None)
        if first is None:
            raise self._unreadable("no frame can be decoded")
        self._raw_size = (first.width, first.height)
        self._turns = round(first.rotation / 90) % 4
        self.peculiar = self._peculiarity(first)
        self.width, self.height = self._raw_size if self._turns % 2 == 0 else self._raw_size[::-1]
        self.num_frames = len(self.table.times) if self.table else 1 + self._count_following()

    def _average_rate(self) -> float:
        base = self._stream.time_base
        if self.table and base and len(self.table.times) > 1:
            return float((len(self.table.times) - 1) / ((self.table.times[-1] - self.table.times[0]) * base))
        rate = self._stream.average_rate or self._stream.guessed_rate
        return float(rate) if rate else 0.0

    def _peculiarity(self, first: VideoFrame) -> str:
        """What about this file other decoders get wrong or convert differently; "" for most files."""
        if self.table is None:
            return "its timestamps do not tell its frames apart"
        if first.interlaced_frame:
            return "it is interlaced"
        deepest = max(component.bits for component in first.format.components)
        return f"it has {deepest} bits per colour" if deepest > 8 else ""

    def _refuse_truncated(self, packets: list[VideoPacket]) -> None:
        promised, there = self._stream.frames, len(packets)
        if there == 0:
            raise self._unreadable("the video stream is empty")
        if any(packet.is_corrupt for packet in packets) or (is_cut(self.path) and not 0 < promised <= there):
            known = (
                f"the file promises {promised} frames, {there} are there" if promised > there else "its end is missing"
            )
            raise TruncatedFile(f"{self.path}: truncated ({known})")

    def _tabulate(self, packets: list[VideoPacket]) -> Table | None:
        shown = [packet for packet in packets if not packet.is_discard]
        times = {packet.pts for packet in shown if packet.pts is not None}
        if len(times) < len(shown) or not self._times_name_frames():
            return None
        ordered = tuple(sorted(times))
        number = {time: index for index, time in enumerate(ordered)}
        starts = sorted(
            (number[_time(key)], _time(key) if key.dts is None else key.dts) for key in shown if key.is_keyframe
        )
        if not starts or starts[0][0] != 0:
            return None
        keys, decode_times = zip(*starts, strict=True)
        return Table(ordered, keys, decode_times)

    def _times_name_frames(self) -> bool:
        """AVI stores no presentation times, and MPEG-4 may pack two frames into one packet ("packed B-frames")."""
        formats = set(self._container.format.name.split(","))
        codec = self._stream.codec_context
        reorders = codec.has_b_frames and ("avi" in formats or codec.name == "mpeg4")
        return bool(formats & _TIMED) and not reorders

    def _count_following(self) -> int:
        count = 0
        for frame in self._following:
            self._check(frame)
            count += 1
        return count

    def _read(self, ascending: list[int]) -> Tensor:
        out = torch.empty(len(ascending), self.height, self.width, 3, dtype=torch.uint8)
        with self._errors():
            for row, index in enumerate(ascending):
                out[row] = self._pixels(self._frame(index))
        return out

    def _pixels(self, frame: VideoFrame) -> Tensor:
        self._check(frame)
        pixels = torch.from_numpy(self._reformatter.reformat(frame, format="rgb24").to_ndarray())
        return pixels.rot90(self._turns) if self._turns else pixels

    def _check(self, frame: VideoFrame) -> None:
        if frame.is_corrupt:
            raise DataError(f"{self.path}: frame {self._position} is damaged")
        if (frame.width, frame.height) != self._raw_size:
            width, height = self._raw_size
            size = f"{frame.width}x{frame.height}"
            raise DataError(f"{self.path}: frame {self._position} has {size} pixels, the first {width}x{height}")

    def _frame(self, index: int) -> VideoFrame:
        key = self._key_before(index)
        if not key - 1 <= self._position < index:
            self._go_to(key)
        for frame in self._following:
            if self._position == index:
                return frame
            if self._position > index:
                break
        raise DataError(f"{self.path}: frame {index} of {self.num_frames} cannot be decoded")

    def _key_before(self, index: int) -> int:
        return self.table.keys[bisect_right(self.table.keys, index) - 1] if self.table else 0

    def _go_to(self, key: int) -> None:
        """Make `key`, or an earlier key frame, the next frame to be decoded."""
        if key == 0 or self.table is None:
            self._restart()
            return
        for target in (self.table.times[key], self.table.key_decode_times[self.table.keys.index(key)]):
            self._container.seek(target, stream=self._stream, backward=True)
            packets = self._container.demux(self._stream)
            first = next(packets)
            landed = self._number_at.get(_time(first), self.num_frames)
            if landed <= key:
                self._following = self._decode(first, packets, start=landed)
                return
        self._restart()

    def _restart(self) -> None:
        self.close()
        self._open()
        packets = self._container.demux(self._stream)
        self._following = self._decode(next(packets), packets, start=0)

    def _decode(self, first: VideoPacket, packets: Iterator[VideoPacket], *, start: int) -> Iterator[VideoFrame]:
        """Frames from number `start` on, in presentation order; `_position` is the number of the latest one."""
        self._position = start - 1
        return self._numbered(first, packets, start)

    def _numbered(self, first: VideoPacket, packets: Iterator[VideoPacket], start: int) -> Iterator[VideoFrame]:
        for frame in _frames(first, packets):
            number = self._number_at.get(_time(frame)) if self.table else self._position + 1
            if number is None:
                raise DataError(f"{self.path}: a frame at time {frame.pts} is not in the file's own index")
            if number >= start:  # earlier ones are stored behind the key frame and lack what they refer to
                self._position = number
                yield frame

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except av.error.FFmpegError as error:
            raise self._unreadable(f"cannot be decoded as a video ({error.strerror or error})") from error

    def _unreadable(self, reason: str) -> DataError:
        if is_cut(self.path):
            return TruncatedFile(f"{self.path}: truncated (its end is missing)")
        return DataError(f"{self.path}: {reason}")


def _frames(first: VideoPacket, packets: Iterator[VideoPacket]) -> Iterator[VideoFrame]:
    yield from first.decode()
    for packet in packets:
        yield from packet.decode()


def _time(timed: VideoFrame | VideoPacket) -> int:
    """A presentation time; one that no table holds where there is none."""
    return -(1 << 63) if timed.pts is None else timed.pts
