"""Moving pictures as GIF or MP4. Letters: T frames of H x W pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
from PIL import Image
from torch import Tensor

_H264 = {"crf": "18", "x264-params": "log=-1"}  # no statistics on the terminal when the encoder is gone
_FINEST = 100  # GIF counts time in hundredths of a second


def gif_bytes(frames: Tensor, *, fps: float) -> bytes:
    """A GIF of uint8 [T, H, W, 3] that repeats for ever, at most 50 frames a second; one palette for all frames."""
    stacked = Image.fromarray(frames.flatten(0, 1).numpy())
    palette = stacked.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    pictures = [Image.fromarray(frame.numpy()).quantize(palette=palette) for frame in frames]
    buffer = io.BytesIO()
    pause = 10 * max(2, round(_FINEST / fps))  # viewers slow down what is quicker than two hundredths
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=pause, loop=0, optimize=False)
    return buffer.getvalue()


def mp4_bytes(frames: Tensor, *, fps: float) -> bytes:
    """An H.264 MP4 of uint8 [T, H, W, 3], H and W even, that browsers play."""
    buffer = io.BytesIO()
    with _quiet(), av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options=_H264)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return buffer.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """No description of the encoder on the terminal when it is opened; FFmpeg's level is INFO otherwise."""
    av.logging.set_libav_level(av.logging.ERROR)
    try:
        yield
    finally:
        av.logging.set_libav_level(av.logging.INFO)
