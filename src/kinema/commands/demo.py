"""`kinema demo`: the whole of kinema on videos that it makes itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from kinema import recipes
from kinema.cli import parse
from kinema.commands.data import print_report
from kinema.console import Bars, say
from kinema.errors import DataError

if TYPE_CHECKING:
    from kinema.evaluate.protocol import Result


@dataclass(frozen=True)
class Demo:
    """Make synthetic videos, check them, train MCN and the CMC baseline, evaluate both, and write a report."""

    out: str = "demo"
    """The folder for videos and runs."""
    overwrite: bool = False
    """Train anew if there are runs in it already; they are renamed, not deleted."""


def main(verb: str, argv: list[str]) -> int:
    """Run it all; the table at the end is of test videos whose looks do not occur in training."""
    flags = parse(Demo, argv, prog="kinema demo")
    started = time.monotonic()
    out = Path(flags.out)
    videos = make_videos(out / "videos")
    results: list[Result] = []
    for method in ("cmc", "mcn"):
        run = train(f"demo_{method}", videos, out / method, overwrite=flags.overwrite)
        results += measure(run, baseline=method == "mcn")  # the run whose report it stands in

    from kinema.evaluate.table import comparison
    from kinema.reporting import report

    with Bars() as bars:
        page = report(out / "mcn", progress=bars.show)
    Console().print(comparison(results).rich())
    minutes = (time.monotonic() - started) / 60
    say(
        "R@1: the training video most like a test video shows the same motion; chance is 12.5 %. Shapes, textures and "
        "colours of the test videos do not occur in training."
    )
    print(f"report: {page}  ({minutes:.1f} minutes in all)")
    return 0


def make_videos(folder: Path) -> Path:
    """Synthetic clips, made once and checked."""
    from kinema.data.check import check
    from kinema.data.sources import read_source
    from kinema.data.synthetic import make
    from kinema.machine import pick_workers

    with Bars() as bars:
        make(folder, workers=pick_workers(None), progress=lambda done, total: bars.show("clips made", done, total))
        source = read_source(folder)
        found = check(
            source.sides(),
            frames_needed=recipes.get("demo_mcn").clip.span,
            workers=pick_workers(None),
            progress=lambda done, total: bars.show("clips checked", done, total),
        )
    print_report(found, source.name)
    if not found.ok:
        raise DataError(f"{folder} has problems (above): delete it, and the demo makes it anew")
    return folder


def train(recipe: str, videos: Path, out: Path, *, overwrite: bool) -> Path:
    """Pre-train by a recipe; a run that is there already goes on, or is kept if it is finished."""
    from kinema.pretraining import pretrain

    resume = (out / "recipe.json").is_file() and not overwrite
    with Bars() as bars:
        run, trained = pretrain(
            recipe, data=videos, out=out, resume=resume, overwrite=overwrite, report=bars.training, say=say
        )
    if trained.stopped_by is not None:
        say("stopped with a checkpoint: the same command goes on")
        raise KeyboardInterrupt
    return run.folder


def measure(run: Path, *, baseline: bool) -> list[Result]:
    """Retrieval of the test videos, random init first if it is wanted."""
    from kinema import evaluation
    from kinema.task import open_task

    with Bars() as bars:
        return evaluation.retrieve(open_task(run, progress=bars.show), baseline=baseline)
