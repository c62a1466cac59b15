"""Small real video files whose frames carry their own number, so that a wrong frame cannot pass for the right one.

+-------+-------+     A frame is 80 x 48 pixels. The upper third is red and blue, which tells RGB from BGR and
|  red  |  blue |     the right way up from every other; below are ten squares, black for 0 and white for 1:
+---+---+---+---+     the frame's number in binary, the lowest bit first.
| 0 | 1 | 2 | 3 | 4 |
| 5 | 6 | 7 | 8 | 9 |
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from torch import Tensor

SIDE, COLUMNS, ROWS = 16, 5, 2
WIDTH, HEIGHT = SIDE * COLUMNS, SIDE * (ROWS + 1)


def picture(number: int) -> np.ndarray:
    """The frame with this number, uint8 [48, 80, 3]."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    frame[:SIDE, : WIDTH // 2, 0] = 200
    frame[:SIDE, WIDTH // 2 :, 2] = 200
    for bit in range(ROWS * COLUMNS):
        top, left = SIDE * (1 + bit // COLUMNS), SIDE * (bit % COLUMNS)
        frame[top : top + SIDE, left : left + SIDE] = 235 * (number >> bit & 1) + 10
    return frame


def number_in(frame: Tensor) -> int:
    """The number that a decoded frame carries; fails if its colours or its upright position are lost."""
    pixels = frame.float()
    red, blue = pixels[4:12, 8:32].mean((0, 1)), pixels[4:12, 48:72].mean((0, 1))
    assert red[0] > 120 > 80 > red[2], f"the upper left is not red: {red.tolist()}"
    assert blue[2] > 120 > 80 > blue[0], f"the upper right is not blue: {blue.tolist()}"
    total = 0
    for bit in range(ROWS * COLUMNS):
        top, left = SIDE * (1 + bit // COLUMNS), SIDE * (bit % COLUMNS)
        square = pixels[top + 4 : top + 12, left + 4 : left + 12].mean()
        total |= int(square > 128) << bit
    return total


def numbers_in(frames: Tensor) -> list[int]:
    """The numbers that several frames carry."""
    return [number_in(frame) for frame in frames]


def write_video(
    path: Path,
    num_frames: int = 40,
    *,
    codec: str = "libx264",
    times: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    first: int = 0,
    pixels: str = "yuv420p",
) -> Path:
    """Encode frames `first` to `first + num_frames - 1` at 25 per second, or at `times` in milliseconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(num_frames):
            frame = av.VideoFrame.from_ndarray(picture(first + number), format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, 25) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_frames(folder: Path, num_frames: int = 12, *, suffix: str = ".png", digits: int = 0) -> Path:
    """A folder of frames, `img_1.png` and so on; `digits` pads the numbers with zeros."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_frames):
        Image.fromarray(picture(number)).save(folder / f"img_{number + 1:0{digits}d}{suffix}", quality=95)
    return folder


def write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        silence = np.zeros((1, 1024), np.float32)
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def rotate(path: Path, degrees: int) -> None:
    """Make an MP4 ask players to turn it clockwise, by the display matrix in its `tkhd` box."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = [cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version 0: 40 bytes between the name and the matrix
    data[start : start + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(data)
