"""`kinema data VERB`: a data set checked or made here, or prepared (`kinema.commands.prepare`)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kinema.atomic import require_place
from kinema.cli import parse
from kinema.commands.prepare import flow, over, pack
from kinema.console import Bars, say
from kinema.errors import DataError, UsageError, nearest
from kinema.ranges import at_least

if TYPE_CHECKING:
    from kinema.data.check import Report

SHOWN = 20
"""Problems of one kind that are printed; --json has all."""


@dataclass(frozen=True)
class Check:
    """Read every video from end to end, and find what would break or distort training."""

    data: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA")]
    """A list, a folder of videos, or the folder of a known data set."""
    split: int = 1
    """For data sets that come in several official splits."""
    frames: int = 32
    """Frames that a clip spans; shorter videos are listed, since their first frame will be repeated."""
    bad: str | None = None
    """Write the videos that cannot be used into this file, for `kinema pretrain --skip`."""
    json: str | None = None
    """Write the whole report into this file."""
    workers: int | None = None
    """Processes, or files that a cluster works on at a time; one a core unless said, up to 8 here."""
    ray: str | None = None
    """HOST:PORT of a Ray cluster whose nodes do the work, or auto for the one that this machine belongs to."""
    file_seconds: int | None = None
    """A file that takes longer is listed as too slow; 0 for no limit; $KINEMA_FILE_SECONDS or 300 unless said. Films of
    hours need more."""


@dataclass(frozen=True)
class Synthetic:
    """Make real video files of moving textured shapes: motion is the class, appearance is independent of it."""

    folder: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FOLDER")]
    """Where to; gets train.csv, test.csv, classes.txt and meta.csv."""
    train: int = 384
    """Training clips."""
    test: int = 160
    """Test clips; their shapes, textures and backgrounds do not occur in training."""
    frames: int = 32
    """Of a clip."""
    size: int = 80
    """Height and width in pixels."""
    motions: int = 8
    """Classes: 2 to 10."""
    train_looks: int = 48
    """Looks of the training clips; each occurs equally often with every motion."""
    test_looks: int = 20
    """Other looks, of the test clips."""
    seed: int = 0
    """Draws the looks, and where shapes are."""


def main(verb: str, argv: list[str]) -> int:
    """Dispatch on the second word."""
    jobs = {"check": check, "flow": flow, "pack": pack, "synthetic": synthetic}
    if not argv or argv[0] in ("-h", "--help"):
        print(
            "usage: kinema data check DATA [flags]             find broken, duplicate and leaking videos\n"
            "       kinema data flow DATA --out DIR [flags]    compute optical flow\n"
            "       kinema data pack DATA --out DIR [flags]    make the videos small and quick to read\n"
            "       kinema data synthetic FOLDER [flags]       make videos of moving shapes"
        )
        return 0
    if argv[0] not in jobs:
        raise UsageError(f"unknown verb 'data {argv[0]}': {nearest(argv[0], list(jobs))}")
    return jobs[argv[0]](argv[1:])


def check(argv: list[str]) -> int:
    """Print what was found; 3 if anything but warnings was."""
    flags = parse(Check, argv, prog="kinema data check")

    from kinema.data.check import check as inspect
    from kinema.data.limit import seconds_allowed
    from kinema.data.sources import read_source
    from kinema.machine import pick_workers

    at_least("file-seconds", flags.file_seconds or 0, 0)
    for asked in (flags.json, flags.bad):
        if asked is not None:
            require_place(asked)
    seconds = seconds_allowed() if flags.file_seconds is None else flags.file_seconds
    source = read_source(flags.data, split=flags.split, allow_missing=True)
    with Bars() as bars, over(flags.ray, flags.workers, flags.data) as spread:
        report = inspect(
            source.sides(),
            frames_needed=flags.frames,
            workers=pick_workers(flags.workers),
            spread=spread,
            seconds=seconds,
            progress=lambda done, total: bars.show("videos checked", done, total),
        )
    print_report(report, source.name)
    if flags.json is not None:
        with writing(flags.json):
            Path(flags.json).write_text(json.dumps(report.to_json(), indent=2) + "\n")
    if flags.bad is not None:
        with writing(flags.bad):
            count = report.write_skip(flags.bad)
        what = "bad video" if count == 1 else "bad videos"
        say(f"{count} {what} written to {flags.bad}: pass it to kinema pretrain, embed or data pack by --skip")
    return 0 if report.ok else DataError.exit_code


@contextmanager
def writing(path: str) -> Iterator[None]:
    """Makes the folder of what was asked for; turns a failure to write it into one line for the user."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as problem:
        raise UsageError(f"{path}: cannot be written ({problem.strerror}); give another file") from problem


def print_report(report: Report, name: str) -> None:
    """Sizes and lengths of each side, then the problems by kind."""
    console = Console()
    table = Table(title=Text(f"{name}: what is there"), caption="frames: shortest-median-longest")
    for column in ("", "videos", "read", "classes", "frames", "minutes", "MB", "mostly"):
        table.add_column(column, justify="right" if column else "left")
    for side, found in report.sides.items():
        lengths = f"{found.frames_shortest}-{found.frames_median:g}-{found.frames_longest}"
        size = next(iter(found.sizes), "-")
        row = (found.videos, found.readable, found.classes, lengths, round(found.seconds / 60, 1))
        table.add_row(side, *map(str, row), f"{found.num_bytes / 1e6:.1f}", size)
    console.print(table)
    counts = Counter(problem.kind for problem in report.problems)
    if not counts:
        console.print("no problems found")
        return
    problems = Table(title="problems")
    for column in ("kind", "video", "what"):
        problems.add_column(column, overflow="fold")
    for kind, count in counts.items():
        those = [problem for problem in report.problems if problem.kind == kind]
        for problem in those[:SHOWN]:
            detail = problem.detail.removeprefix(f"{problem.path}: ")
            problems.add_row(kind, Text(problem.path), Text(detail))  # [...] is no markup
        if count > SHOWN:
            problems.add_row(kind, f"and {count - SHOWN} more", "--json FILE has all")
    console.print(problems)


def synthetic(argv: list[str]) -> int:
    """Make the clips."""
    flags = parse(Synthetic, argv, prog="kinema data synthetic")

    from kinema.data.synthetic import make
    from kinema.machine import pick_workers

    with Bars() as bars:
        folder = make(
            Path(flags.folder),
            train=flags.train,
            test=flags.test,
            frames=flags.frames,
            size=flags.size,
            seed=flags.seed,
            motions=flags.motions,
            train_looks=flags.train_looks,
            test_looks=flags.test_looks,
            workers=pick_workers(None),
            progress=lambda done, total: bars.show("clips made", done, total),
        )
    say(f"made {flags.train} train and {flags.test} test clips in {folder}")
    return 0
