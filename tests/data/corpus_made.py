"""The ordinary videos that `corpus` spoils, and ways to make others.

Each is encoded here with PyAV, so that they exist where no real clips do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from video_files import rotate, write_video

Make = Callable[[Path], object]
B_FRAMES = {"g": "12", "bf": "2", "sc_threshold": "0", "threads": "1"}
OPEN_GOP = {"x264-params": "keyint=12:min-keyint=12:scenecut=0:bframes=3:b-pyramid=2:open-gop=1:threads=1"}
FAST_START = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
X265 = {"x265-params": "keyint=12:bframes=2:log-level=none:pools=none:frame-threads=1"}

ORDINARY: dict[str, Make] = {
    "h264.mp4": lambda at: write_video(at, options=B_FRAMES),
    "fast start.mp4": lambda at: write_video(at, options=B_FRAMES, container_options=FAST_START),
    "fragmented.mp4": lambda at: write_video(at, options=B_FRAMES, container_options=FRAGMENTED),
    "open gop.mp4": lambda at: write_video(at, options=OPEN_GOP, container_options=FAST_START),
    "h264.mkv": lambda at: write_video(at, options=B_FRAMES),
    "mpeg4.avi": lambda at: write_video(at, codec="mpeg4", options={"g": "12"}),
    "b-frames.avi": lambda at: write_video(at, codec="mpeg4", options={"g": "12", "bf": "2"}),
    "mpeg1.mpg": lambda at: write_video(at, codec="mpeg1video", options={"g": "12"}),
    "h264.ts": lambda at: write_video(at, options=B_FRAMES),
    "raw.h264": lambda at: write_video(at, options=B_FRAMES),
    "vp9.webm": lambda at: write_video(at, 24, codec="libvpx-vp9", options={"g": "12", "cpu-used": "8"}),
    "hevc.mp4": lambda at: write_video(at, 24, codec="libx265", options=X265),
    "mjpeg.avi": lambda at: write_video(at, 20, codec="mjpeg", pixels="yuvj420p"),
    "sorenson.flv": lambda at: write_video(at, codec="flv", options={"g": "12"}),
    "wmv2.wmv": lambda at: write_video(at, codec="wmv2", options={"g": "12"}),
}
"""One of each sort that data sets consist of; each with 20 to 40 frames."""


def encode(
    path: Path,
    pictures: Sequence[np.ndarray],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Encode pictures [H, W, 3] of any size, 25 a second; none at all make a file with a header and no frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {"threads": "1"})
        stream.height, stream.width = pictures[0].shape[:2] if pictures else (32, 48)
        stream.pix_fmt = pixels
        container.start_encoding()
        for number, pixel in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixel, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def plain(height: int, width: int, count: int = 8) -> list[np.ndarray]:
    """Pictures of one grey each, lighter and lighter."""
    return [np.full((height, width, 3), 20 + 200 * number // count, np.uint8) for number in range(count)]


def remuxed(path: Path, change: Callable[[list[av.Packet]], list[av.Packet]], make: Make) -> None:
    """A file made of another one's packets, changed; its name's ending says which container."""
    source = path.with_name(f"{path.stem} source.mkv")
    make(source)
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in change([packet for packet in old.demux(video=0) if packet.size]):
            packet.stream = stream
            new.mux_one(packet)
    source.unlink()


def second_key(parts: list[av.Packet]) -> int:
    """Where the second key frame is."""
    return [number for number, packet in enumerate(parts) if packet.is_keyframe][1]


def retimed(times: Callable[[int, av.Packet], tuple[int, int]]) -> Callable[[list[av.Packet]], list[av.Packet]]:
    """Sets each packet's (presentation, decoding) time in milliseconds."""

    def change(all_packets: list[av.Packet]) -> list[av.Packet]:
        for number, packet in enumerate(all_packets):
            packet.pts, packet.dts = times(number, packet)
        return all_packets

    return change


def joined(path: Path, *parts: Make) -> None:
    """Files one behind the other: streams without a header may change their size like that."""
    data = b""
    for part in parts:
        part(path)
        data += path.read_bytes()
    path.write_bytes(data)


def turned(degrees: int) -> Make:
    """A phone's clip."""

    def make(at: Path) -> None:
        write_video(at, 10, options=B_FRAMES)
        rotate(at, degrees)

    return make


def with_cover(path: Path) -> None:
    """Sound with an album's cover, which is a video stream of one picture."""
    cover = path.with_suffix(".png")
    encode(cover, plain(32, 32, 1), "png", "rgb24", {})
    with av.open(str(cover)) as old:
        (data,) = [bytes(packet) for packet in old.demux() if packet.size]
    cover.unlink()
    with av.open(str(path), "w", format="mp4") as new:
        sound = new.add_stream("aac", rate=16000, layout="mono")
        picture_stream = new.add_stream("png", rate=25)
        picture_stream.width = picture_stream.height = 32
        picture_stream.pix_fmt = "rgb24"
        picture_stream.disposition = av.stream.Disposition.attached_pic
        new.start_encoding()
        packet = av.Packet(data)
        packet.stream, packet.pts, packet.dts, packet.time_base = picture_stream, 0, 0, Fraction(1, 25)
        new.mux_one(packet)
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * number
            new.mux(sound.encode(frame))
        new.mux(sound.encode())


def small(at: Path) -> Path:
    return encode(at, plain(32, 48), options=B_FRAMES)


def one_way(at: Path) -> Path:
    """A key frame every 12, the others predicted from the one before."""
    return write_video(at, options={"g": "12", "bf": "0"})


def both_ways(at: Path) -> Path:
    return write_video(at, options=B_FRAMES)


def open_gop(at: Path) -> Path:
    return write_video(at, options=OPEN_GOP)


def gigantic_picture(path: Path) -> None:
    """Motion JPEG whose pictures say that they have 30,000 x 30,000 pixels."""
    write_video(path, 6, codec="mjpeg", pixels="yuvj420p")
    parts = path.read_bytes().split(b"\xff\xc0")
    path.write_bytes(
        b"\xff\xc0".join([parts[0], *(part[:3] + struct.pack(">HH", 30_000, 30_000) + part[7:] for part in parts[1:])])
    )


def blank_chunks(path: Path) -> None:
    """AVI as screen recorders write it: a chunk of no bytes shows the picture before once more."""
    write_video(path, codec="mjpeg", pixels="yuvj420p", num_frames=12)
    data = path.read_bytes()
    movi, index = data.index(b"movi"), data.index(b"idx1") + 8
    chunks, at = [], movi + 4
    while at < index - 8:
        (size,) = struct.unpack_from("<I", data, at + 4)
        keep = size if len(chunks) not in (3, 7, 11) else 0
        chunks.append(data[at : at + 4] + struct.pack("<I", keep) + data[at + 8 : at + 8 + keep + keep % 2])
        at += 8 + size + size % 2
    entries, place = b"", 4
    for number, chunk in enumerate(chunks):
        entries += data[index + 16 * number : index + 16 * number + 8] + struct.pack("<I", place) + chunk[4:8]
        place += len(chunk)
    pictures = b"movi" + b"".join(chunks)
    rest = struct.pack("<I", len(pictures)) + pictures + b"idx1" + struct.pack("<I", len(entries)) + entries
    path.write_bytes(b"RIFF" + struct.pack("<I", movi - 4 + len(rest) - 8) + data[8 : movi - 4] + rest)
