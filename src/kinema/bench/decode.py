"""Random windows of 32 frames, the file opened for each: by kinema, by the decoders' own loops, and out of stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import torch

from kinema.batch import generator
from kinema.bench.clips import FRAMES, like_kinetics, like_ucf101, moving_picture
from kinema.bench.measure import Contestant, Progress, Row, by_clock, race
from kinema.data.decode import open_video, why_not
from kinema.packing import pack

WINDOW = 32
Read = Callable[[Path, int], object]
"""Reads the window of a file that begins at a frame."""
PACKED: dict[str, dict[str, Any]] = {
    "packed jpeg": {"kind": "jpeg"},
    "packed jpeg, quality 90": {"kind": "jpeg", "quality": 90},
    "packed raw": {"kind": "raw"},
}
"""Stores, and how `kinema.packing.pack` makes them."""


def decode(
    source: Path | None = None, *, windows: int = 20, rounds: int = 5, progress: Progress | None = None
) -> list[Row]:
    """Clips a CPU second on one thread, of 300 frames made of `source`."""
    torch.set_num_threads(1)
    starts = torch.randint(FRAMES - WINDOW, (windows,), generator=generator("bench", "decode")).tolist()
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "videos").mkdir()
        frames = moving_picture(source)
        avi, mp4 = like_ucf101(folder / "a", frames), like_kinetics(folder / "videos" / "a", frames)
        for name, how in PACKED.items():
            pack(folder / "videos", out=folder / name, workers=0, **how)

        def entrant(name: str, path: Path, read: Read, against: dict[str, float] | None = None) -> Contestant:
            def run() -> float:
                return sum(read(path, start) is not None for start in starts)

            return Contestant(name, by_clock("cpu", run), against or {})

        entrants = []
        for kind, path in (("AVI", avi), ("H.264", mp4)):
            peer = f"{kind}, PyAV's to_ndarray"
            entrants.append(entrant(peer, path, by_pyav))
            entrants.append(entrant(f"{kind}, kinema by pyav", path, by_kinema("pyav"), {peer: 1.6}))
            if not why_not("torchcodec"):
                peer = f"{kind}, torchcodec's own"
                entrants.append(entrant(peer, path, by_torchcodec))
                entrants.append(entrant(f"{kind}, kinema by torchcodec", path, by_kinema("torchcodec"), {peer: 0.9}))
        unpacked = [f"H.264, kinema by {name}" for name in ("pyav", "torchcodec")]
        for name, how in PACKED.items():
            against = dict.fromkeys(unpacked, 50.0 if how["kind"] == "raw" else 8.0)
            entrants.append(entrant(name, folder / name / "a.mp4", by_kinema("auto"), against))
        return race(entrants, rounds=rounds, progress=progress)


def by_kinema(decoder: str) -> Read:
    """`open_video(...).at(...)`."""

    def read(path: Path, start: int) -> object:
        with open_video(path, decoder) as reader:
            return reader.at(range(start, start + WINDOW))

    return read


def by_pyav(path: Path, start: int) -> object:
    """The loop that people write: seek, decode, convert each frame with `to_ndarray`."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None and stream.average_rate is not None
        container.seek(int(start / stream.average_rate / stream.time_base), stream=stream)
        frames = []
        for frame in container.decode(stream):
            if frame.pts is not None and round(frame.pts * stream.time_base * stream.average_rate) >= start:
                frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == WINDOW:
                break
        return torch.from_numpy(np.stack(frames))


def by_torchcodec(path: Path, start: int) -> object:
    """torchcodec's own call for a range of frames."""
    from torchcodec.decoders import VideoDecoder

    decoder = VideoDecoder(path, num_ffmpeg_threads=1, dimension_order="NHWC")
    return decoder.get_frames_in_range(start, start + WINDOW).data
