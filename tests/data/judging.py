"""Whether a decoder reads a file rightly: its frames beside those of a plain decode, packet by packet from the start.

Importable, so that a file which crashes or hangs a decoder does it to a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import av
import torch
from torch import Tensor

from kinema.data.decode import DECODERS, open_video, why_not
from kinema.data.inspection import Inspection, inspect_file
from kinema.data.reader import UnsuitableFile
from kinema.data.survey import survey
from kinema.errors import DataError

ROUNDING = {"pyav": 0, "torchcodec": 4, "opencv": 4}
"""Grey levels by which a decoder's colours may differ."""


@dataclass(frozen=True)
class Verdict:
    """What one decoder makes of a file."""

    refused: str = ""
    """Why it cannot be opened; "" if it can."""
    unsuitable: bool = False
    """Whether that is this decoder's fault, and no other's."""
    frames: int = 0
    """How many it is said to have."""
    damaged: tuple[int, ...] = ()
    """Frames that were refused."""
    wrong: tuple[int, ...] = ()
    """Frames that were given and are not those of the plain decode."""
    reasons: tuple[str, ...] = ()
    """Everything that was said."""


@dataclass(frozen=True)
class Judgement:
    """What the check and each decoder make of a file."""

    check: Inspection
    verdicts: dict[str, Verdict]


def judged(path: str) -> Judgement:
    """Every decoder that works here on one file."""
    torch.set_num_threads(1)
    expected = cache(plain)
    names = [name for name in DECODERS if not why_not(name)]
    return Judgement(inspect_file(path), {name: verdict(Path(path), name, expected) for name in names})


def verdict(path: Path, decoder: str, sequence: Callable[[Path], plain]) -> Verdict:
    """Read a file as training does, and out of order, and compare."""
    try:
        with open_video(path, decoder) as reader:
            count = reader.num_frames
    except DataError as error:
        return Verdict(str(error), isinstance(error, UnsuitableFile), reasons=(str(error),))
    expected = sequence(path)
    damaged, wrong, reasons = set(), set(), []
    for indices in (range(count), *samples(count, str(path))):
        try:
            with open_video(path, decoder) as reader:
                found = [reader.at(indices)] if isinstance(indices, range) else [reader.at([i]) for i in indices]
        except DataError as error:
            reasons.append(str(error))
            damaged |= set(indices) if len(indices) == 1 else set()
            continue
        for index, frame in zip(indices, torch.cat(found), strict=True):
            if not any(alike(frame, other, ROUNDING[decoder]) for other in expected(index)):
                wrong.add(index)
    return Verdict(frames=count, damaged=tuple(sorted(damaged)), wrong=tuple(sorted(wrong)), reasons=tuple(reasons))


def samples(count: int, seed: str) -> Iterator[Sequence[int]]:
    """Single frames, each of a file opened anew, then some in any order from one opened once."""
    rng = Random(seed)
    for index in rng.sample(range(count), min(count, 6)):
        yield [index]
    yield rng.sample(range(count), min(count, 7))


def alike(frame: Tensor, other: Tensor, rounding: int) -> bool:
    return frame.shape == other.shape and int((frame.int() - other.int()).abs().max()) <= rounding


class plain:  # noqa: N801 - reads as a function
    """What a player that never seeks shows: a function from a frame's number to the frames that it may be.

    A frame that cannot be decoded is left out, and decoding goes on with the next packet.
    """

    def __init__(self, path: Path) -> None:
        table = survey(path).table
        self.frames: list[Tensor] = []
        self.by_time: dict[int | None, list[Tensor]] = {}
        self.times = None if table is None else table.times
        with av.open(str(path)) as container:
            stream = container.streams.best("video")
            for packet in container.demux(stream):
                for frame in decoded(packet):
                    pixels = torch.from_numpy(frame.reformat(format="rgb24", threads=1).to_ndarray())
                    self.frames.append(pixels.rot90({90: 1, 180: 2, -180: 2, -90: 3}.get(frame.rotation, 0)))
                    self.by_time.setdefault(frame.pts, []).append(self.frames[-1])

    def __call__(self, index: int) -> list[Tensor]:
        if self.times is None:
            return self.frames[index : index + 1]
        return self.by_time.get(self.times[index], [])


def decoded(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.FFmpegError:
        return []
