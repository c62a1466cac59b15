"""Videos to be measured on: the same moving picture in the two forms in which the field's data sets come."""

from __future__ import annotations

from pathlib import Path

import av
import torch
import torch.nn.functional as F
from torch import Tensor

from kinema.batch import generator
from kinema.data.decode import open_video

FRAMES = 300
"""Ten seconds at 30 a second, as Kinetics has."""


def moving_picture(source: Path | None) -> Tensor:
    """uint8 [n, H, W, 3]: frames of a video, or a smooth random picture that slides, if none is given."""
    if source is not None:
        with open_video(source) as reader:
            return reader.at(range(min(reader.num_frames, FRAMES)))
    noise = torch.rand(1, 3, 40, 60, generator=generator("bench", "picture"))
    wide = F.interpolate(noise, size=(400, 600), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
    wide = (wide + 0.08 * torch.rand(wide.shape, generator=generator("bench", "grain"))).clamp(0, 1)
    return torch.stack([wide[number : number + 256, 2 * number :][:, :340] for number in range(100)]).mul(255).byte()


def like_ucf101(path: Path, frames: Tensor) -> Path:
    """MPEG-4 in AVI, 320 x 240, a key frame every 12."""
    return encode(path.with_suffix(".avi"), frames, "mpeg4", (320, 240), key_every=12, options={"b": "700000"})


def like_kinetics(path: Path, frames: Tensor) -> Path:
    """H.264 in MP4, 340 x 256, a key frame every 250."""
    return encode(path.with_suffix(".mp4"), frames, "libx264", (340, 256), key_every=250, options={"crf": "23"})


def encode(
    path: Path, frames: Tensor, codec: str, size: tuple[int, int], *, key_every: int, options: dict[str, str]
) -> Path:
    """A video of `FRAMES` frames: those given, to and fro."""
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt, stream.gop_size = "yuv420p", key_every
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(frames[there_and_back[number % len(there_and_back)]].numpy(), "rgb24")
            for packet in stream.encode(frame.reformat(*size, format="yuv420p")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
