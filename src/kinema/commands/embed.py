"""`kinema embed RUN VIDEOS --out DIR`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import tyro

from kinema.cli import parse
from kinema.commands.prepare import over
from kinema.console import Bars, say
from kinema.errors import UsageError
from kinema.ranges import at_least, positive


@dataclass(frozen=True)
class Embed:
    """A vector of unit length for each video, or for each window of it, in Parquet files; the same command goes on."""

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """The folder of a run, or a checkpoint."""
    videos: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="VIDEOS")]
    """A video, a folder, a list, a known data set, or - for paths on standard input, one a line."""
    out: str
    """The folder of vectors; made if it is not there."""
    window: float | None = None
    """Cut videos into windows of this many seconds; without it each video is one."""
    hop: float | None = None
    """Seconds from the start of a window to that of the next; without it they lie end to end."""
    clips: int | None = None
    """Evenly spaced clips of a window, whose features are averaged; 10 of a whole video, 1 of a window."""
    view: Literal["auto", "rgb", "residual", "both"] = "auto"
    """What the network is shown; `both` puts RGB and residual features side by side."""
    skip: str | None = None
    """A file of videos to leave out, as `kinema data check --bad` writes it."""
    allow_short: bool = False
    """Take windows that are shorter than a clip of the network, which then repeats their first frame."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """What the network computes in: float32, or bf16, which is quicker where a GPU or CPU has it."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    workers: int | None = None
    """Processes that read video, or videos that a cluster works on at a time; one a core unless said, up to 8 here."""
    ray: str | None = None
    """HOST:PORT of a Ray cluster whose nodes do the work, or auto for the one that this machine belongs to."""


def main(verb: str, argv: list[str]) -> int:
    """Embed, and say where the vectors are."""
    flags = parse(Embed, argv, prog="kinema embed")
    for name in ("window", "hop"):
        if (value := getattr(flags, name)) is not None:
            positive(name, value)
    if flags.hop is not None and flags.window is None:
        raise UsageError(f"--hop {flags.hop:g} is from window to window: give --window SECONDS")
    clips = flags.clips if flags.clips is not None else 10 if flags.window is None else 1
    at_least("clips", clips, 1)
    at_least("workers", flags.workers or 0, 0)

    from kinema.data.windows import Windows
    from kinema.embedding import embed

    videos = [line.strip() for line in sys.stdin if line.strip()] if flags.videos == "-" else flags.videos
    seen = [path for path in (flags.run, flags.videos) if path != "-"]
    with Bars() as bars, over(flags.ray, flags.workers, *seen) as spread:
        folder = embed(
            flags.run,
            videos,
            flags.out,
            windows=Windows(flags.window, flags.hop, clips),
            view=None if flags.view == "auto" else flags.view,
            skip=flags.skip,
            allow_short=flags.allow_short,
            precision=flags.precision,
            device=flags.device,
            workers=flags.workers,
            spread=spread,
            progress=partial(bars.show, "embedding"),
            say=say,
        )
    print(f"vectors are in {folder}")
    return 0
