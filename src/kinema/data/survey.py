"""What PyAV finds out about a video file by looking through its packets: how many frames, where each is, which way up.

It takes about as long as decoding ten frames, so a process remembers the files that it has surveyed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kinema.data.av_file import VideoPacket, decoded, demuxed, errors, opened, time_of, unreadable
from kinema.data.container import is_cut
from kinema.data.reader import TruncatedFile
from kinema.errors import DataError

TIMED = frozenset({"mov", "matroska", "webm", "avi"})
REMEMBERED = 2**22
"""Frames of the files whose surveys a process keeps: 17 bytes each."""


@dataclass(frozen=True)
class Table:
    """Where each frame of a file is, in presentation order."""

    times: array[int]
    """Presentation times in units of the stream's time base; strictly ascending."""
    keys: tuple[int, ...]
    """Frames at which decoding can start, ascending; 0 is always one."""
    key_decode_times: tuple[int, ...]
    """For each key frame its decoding time; a container's seeking goes by one time or the other."""
    places: array[int]
    """Where in the file each frame is, in bytes from its start: it tells when a wrong index has misled a seek."""

    ahead: array[int]
    """How many of the frames behind each are decoded before it, as B-frames are predicted from some of them; 255 for
    more."""

    def number_at(self, time: int) -> int | None:
        """The frame at a presentation time."""
        at = bisect_left(self.times, time)
        return at if at < len(self.times) and self.times[at] == time else None

    def key_before(self, index: int) -> int:
        """The key frame at or before a frame, its place among `keys`."""
        return bisect_right(self.keys, index) - 1


@dataclass(frozen=True)
class Survey:
    """What is known of a file."""

    path: Path
    num_frames: int
    fps: float
    stream_index: int
    time_base: Fraction | None
    coded_size: tuple[int, int]
    """Width and height of the frames as they are in the file."""
    turns: int
    """Quarter turns, against the clock, that set them upright."""
    table: Table | None
    """None where timestamps do not name the frames one by one: AVI with B-frames (as some of UCF101 and HMDB51), raw
    streams, program streams."""

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width of the frames as a player shows them."""
        width, height = self.coded_size
        return (height, width) if self.turns % 2 == 0 else (width, height)

    def seconds(self) -> list[float] | None:
        """Each frame's presentation time; None where `table` is."""
        if self.table is None or self.time_base is None:
            return None
        up, down = (
            self.time_base.numerator,
            self.time_base.denominator,
        )  # a fraction's own product takes a hundred times
        return [time * up / down for time in self.table.times]

    def check(self, frame: VideoFrame, number: int) -> None:
        """Raise DataError if a frame is damaged or of another size than the first."""
        if frame.is_corrupt:
            raise DataError(f"{self.path}: frame {number} is damaged")
        if (frame.width, frame.height) != self.coded_size:
            width, height = self.coded_size
            size = f"{frame.width}x{frame.height}"
            raise DataError(f"{self.path}: frame {number} has {size} pixels, the first {width}x{height}")


class Memory:
    """The surveys of the files last asked for, by path, time of change and size: of so many frames in all."""

    def __init__(self, frames: int) -> None:
        self.limit = frames
        self.frames = 0
        self.known: OrderedDict[tuple[str, int, int], Survey] = OrderedDict()

    def survey(self, path: Path) -> Survey:
        """The survey of a file, made if it is not remembered."""
        status = path.stat()
        key = (str(path), status.st_mtime_ns, status.st_size)
        if key not in self.known:
            self.known[key] = made = survey_anew(path)
            self.frames += made.num_frames
            while self.frames > self.limit:
                self.frames -= self.known.popitem(last=False)[1].num_frames
            return made
        self.known.move_to_end(key)
        return self.known[key]


_MEMORY = Memory(REMEMBERED)


def survey(path: Path) -> Survey:
    """The survey of a file as it is now.

    Raises:
        DataError: it is no video, or damaged.
    """
    try:
        return _MEMORY.survey(path)
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror})") from problem


def survey_anew(path: Path) -> Survey:
    """Look through a file's packets, and decode its first frame; all of them where packets do not name frames."""
    with errors(path):
        container, stream = opened(path, threads=1)
        with container, closing(demuxed(container, stream)) as every:
            packets = [packet for packet in every if packet.size]
            refuse_truncated(path, container, stream, packets)
            table = tabulate(container, stream, packets)
        container, stream = opened(path, threads=1)
        with container, closing(demuxed(container, stream)) as rest:
            following = decoded(rest)
            first = next(following, None)
            if first is None:
                raise unreadable(path, "no frame can be decoded")
            found = Survey(
                path,
                num_frames=len(table.times) if table else 1,
                fps=average_rate(stream, table),
                stream_index=stream.index,
                time_base=stream.time_base,
                coded_size=(first.width, first.height),
                turns=quarter_turns(first.rotation),
                table=table,
            )
            if table is not None:
                return found
            count = 1
            for frame in following:
                found.check(frame, count)
                count += 1
            return replace(found, num_frames=count)


def quarter_turns(degrees: int) -> int:
    """0 to 3 turns against the clock; none where FFmpeg makes no angle of what the file says."""
    return round(degrees / 90) % 4 if abs(degrees) <= 360 else 0


def refuse_truncated(path: Path, container: InputContainer, stream: VideoStream, packets: list[VideoPacket]) -> None:
    """Raise TruncatedFile where less is there than the container promises."""
    promised, there = stream.frames, len(packets)
    if there == 0:
        raise unreadable(path, "the video stream is empty")
    short = there < promised and "mov" in container.format.name.split(",")  # AVI counts frames of no bytes too
    if short or any(packet.is_corrupt for packet in packets) or (is_cut(path) and not 0 < promised <= there):
        known = f"the file promises {promised} frames, {there} are there" if promised > there else "its end is missing"
        raise TruncatedFile(f"{path}: truncated ({known})")


def tabulate(container: InputContainer, stream: VideoStream, packets: list[VideoPacket]) -> Table | None:
    """The table of a file's frames; None where packets do not name them."""
    shown = [packet for packet in packets if not packet.is_discard]
    times = {packet.pts for packet in shown if packet.pts is not None}
    if len(times) < len(shown) or not times_name_frames(container, stream):
        return None
    ordered = sorted(times)
    number = {time: index for index, time in enumerate(ordered)}
    starts = sorted(
        (number[time_of(key)], time_of(key) if key.dts is None else key.dts) for key in shown if key.is_keyframe
    )
    if not starts or starts[0][0] != 0:
        return None
    keys, decode_times = zip(*starts, strict=True)
    place = {time_of(packet): place_of(packet) for packet in shown}
    stored = [number[time_of(packet)] for packet in shown]
    ahead = array("B", bytes(len(ordered)))
    for each, latest in zip(stored, accumulate(stored, max), strict=True):
        ahead[each] = min(latest - each, 255)
    return Table(array("q", ordered), keys, decode_times, array("q", [place[time] for time in ordered]), ahead)


def place_of(packet: VideoPacket) -> int:
    """Where a packet is in its file, in bytes; -1 where the container does not say."""
    return -1 if packet.pos is None else packet.pos


def times_name_frames(container: InputContainer, stream: VideoStream) -> bool:
    """AVI stores no presentation times, and MPEG-4 may pack two frames into one packet ("packed B-frames")."""
    formats, codec = set(container.format.name.split(",")), stream.codec_context
    reorders = codec.has_b_frames and ("avi" in formats or codec.name == "mpeg4")
    return bool(formats & TIMED) and not reorders


def average_rate(stream: VideoStream, table: Table | None) -> float:
    """Frames a second; 0 where nothing tells."""
    if table and stream.time_base and len(table.times) > 1:
        return float((len(table.times) - 1) / ((table.times[-1] - table.times[0]) * stream.time_base))
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else 0.0
