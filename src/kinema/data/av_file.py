"""A video file in PyAV's hands: opened, decoded, and its errors said as kinema says them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from kinema.data.container import is_cut
from kinema.data.reader import TruncatedFile
from kinema.errors import DataError

# PyAV's own log callback takes a lock, which a reading process forked at the wrong moment would wait for without end.
av.logging.restore_default_callback()
av.logging.set_libav_level(av.logging.FATAL)  # what is wrong with a file is said in an error, once

VideoPacket: TypeAlias = "Packet[VideoStream]"

PLAYLISTS = frozenset({"concat", "dash", "hls", "imf", "rtsp", "sdp"})
"""FFmpeg's formats that are text naming other files or machines."""
CAREFUL = {"err_detect": "explode", "max_pixels": str(2**26)}
"""Damage is an error and not painted over, and so is a frame of more than twice as many pixels as 8K has."""


def opened(path: Path, *, threads: int) -> tuple[InputContainer, VideoStream]:
    """The file and its best video stream; close it after use."""
    container: InputContainer = av.open(str(path.absolute()), metadata_errors="replace")  # pipe:0 is a file's name too
    try:
        return container, _stream(path, container, threads)
    except DataError:
        container.close()  # or it would stay until Python looks for circles
        raise


def _stream(path: Path, container: InputContainer, threads: int) -> VideoStream:
    if PLAYLISTS & set(container.format.name.split(",")):
        raise unreadable(path, f"a list of other files ({container.format.name}), not a video")
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:  # an album cover
        sound = " (audio only)" if container.streams.audio else ""
        raise unreadable(path, f"no video stream{sound}")
    codec = stream.codec_context
    if codec is None:
        raise unreadable(path, "its codec is unknown")
    codec.options = CAREFUL
    codec.thread_count = threads
    codec.thread_type = "NONE" if threads == 1 else "AUTO"
    return stream


def demuxed(container: InputContainer, stream: VideoStream) -> Generator[VideoPacket]:
    """The packets of a stream from where the file stands. Close it after use: left half read and not closed, it would
    keep what PyAV allocated for good."""
    packets = container.demux(stream)
    assert isinstance(packets, Generator)  # its stubs say less
    return packets


def decoded(packets: Iterator[VideoPacket]) -> Iterator[VideoFrame]:
    """The frames of packets."""
    for packet in packets:
        yield from packet.decode()


def time_of(timed: VideoFrame | VideoPacket) -> int:
    """A presentation time; one that no table holds where there is none."""
    return -(1 << 63) if timed.pts is None else timed.pts


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Says of what FFmpeg cannot read which file it is."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise unreadable(path, f"cannot be decoded as a video ({error.strerror or error})") from error


def unreadable(path: Path, reason: str) -> DataError:
    """The error about a file; that it is cut off, if it is."""
    if is_cut(path):
        return TruncatedFile(f"{path}: truncated (its end is missing)")
    return DataError(f"{path}: {reason}")
