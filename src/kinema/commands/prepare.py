"""`kinema data flow DATA` and `kinema data pack DATA`: what is made of a data set once, and read in every epoch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from kinema.cli import parse
from kinema.console import Bars, say

if TYPE_CHECKING:
    from kinema.data.spread import Spread


@dataclass(frozen=True)
class Flow:
    """Compute the optical flow (TV-L1) of every video; the same command goes on where it was stopped."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A list, a folder of videos, or the folder of a known data set."""
    out: str
    """The folder of flow; made if it is not there."""
    split: int = 1
    """For data sets that come in several official splits."""
    skip: str | None = None
    """A file of videos to leave out, as `kinema data check --bad` writes it."""
    short_side: int = 128
    """Shorter side, in pixels, of the frames that the flow is taken from; time and disk grow with its square."""
    bound: float = 20.0
    """Flow beyond this many of those pixels is clipped (IIC)."""
    workers: int | None = None
    """Processes, or files that a cluster works on at a time; one a core unless said, up to 8 here."""
    ray: str | None = None
    """HOST:PORT of a Ray cluster whose nodes do the work, or auto for the one that this machine belongs to."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


@dataclass(frozen=True)
class Pack:
    """Put the frames of all videos, small, into a few files that are read many times as fast as video.

    The folder that it makes is given as --data in place of the videos. The same command goes on where it was stopped.
    """

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A list, a folder of videos, or the folder of a known data set."""
    out: str
    """The folder of packed frames; made if it is not there."""
    kind: Literal["jpeg", "raw"] = "jpeg"
    """raw frames take about twelve times the space of jpeg, lose nothing, and are read several times as fast."""
    short_side: int = 128
    """Shorter side of the frames in pixels: the --clip.short-side of what is trained on them, or more."""
    quality: int | None = None
    """Of the JPEGs, 1 to 100; 75 unless said, or what the store has that is there already."""
    split: int | None = None
    """Keep the lists of one official split; those of all unless said."""
    skip: str | None = None
    """A file of videos to leave out, as `kinema data check --bad` writes it."""
    workers: int | None = None
    """Processes, or files that a cluster works on at a time; one a core unless said, up to 8 here."""
    ray: str | None = None
    """HOST:PORT of a Ray cluster whose nodes do the work, or auto for the one that this machine belongs to."""


def flow(argv: list[str]) -> int:
    """Compute the flow and say where it is."""
    flags = parse(Flow, argv, prog="kinema data flow")

    from kinema.flow_making import make_flow

    with Bars() as bars, over(flags.ray, flags.workers, flags.data, flags.out) as spread:
        made = make_flow(
            flags.data,
            out=flags.out,
            split=flags.split,
            skip=flags.skip,
            short_side=flags.short_side,
            bound=flags.bound,
            workers=flags.workers,
            spread=spread,
            device=flags.device,
            progress=lambda done, total: bars.show("videos with flow", done, total),
            say=say,
        )
    say(
        f"flow of {made.finished()} videos is in {made.folder}: pass it to kinema pretrain or kinema retrieve as --flow"
    )
    return 0


def pack(argv: list[str]) -> int:
    """Pack the videos and say how large they have become."""
    flags = parse(Pack, argv, prog="kinema data pack")

    from kinema.packing import pack as pack_videos

    with Bars() as bars, over(flags.ray, flags.workers, flags.data, flags.out) as spread:
        store = pack_videos(
            flags.data,
            out=flags.out,
            kind=flags.kind,
            short_side=flags.short_side,
            quality=flags.quality,
            split=flags.split,
            skip=flags.skip,
            workers=flags.workers,
            spread=spread,
            progress=lambda done, total: bars.show("videos packed", done, total),
            say=say,
        )
    packed, before = (int(store.videos[column].sum()) for column in ("size", "source_bytes"))
    say(
        f"{len(store.videos)} videos of {before / 1e6:,.1f} MB are {packed / 1e6:,.1f} MB in {store.folder}: give that "
        f"as --data; kinema data check {store.folder} compares every frame with its checksum"
    )
    return 0


@contextmanager
def over(ray: str | None, workers: int | None, *shared: str) -> Iterator[Spread | None]:
    """Who does the work instead of processes here: the nodes of a Ray cluster, if one is given.

    Ray tells of lost nodes on standard output, which is for results; within, that goes to standard error.
    """
    if ray is None:
        yield None
        return
    from kinema.data.on_ray import OnRay

    with redirect_stdout(sys.stderr):
        yield OnRay(ray, shared, at_once=workers or None)
