"""`kinema pretrain RECIPE --data DATA --out RUN`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

import tyro

from kinema import recipes
from kinema.cli import parse
from kinema.commands.listing import recipe_lines
from kinema.console import Bars, say
from kinema.errors import Stopped, UsageError
from kinema.settings import MCN, AnyMethod, Augment, Backbone, Clip, Converted, Optim, Recipe, Train

if TYPE_CHECKING:
    from kinema.engine.train import Trained


@dataclass(frozen=True)
class Pretrain:
    """Learn a representation from videos without labels."""

    data: str
    """A list (csv, tsv, txt), a folder of videos, or the folder of UCF101, HMDB51 or Kinetics."""
    out: str
    """The run's folder; made if it is not there."""
    split: int = 1
    """For data sets that come in several official splits."""
    skip: str | None = None
    """A file of videos to leave out, as `kinema data check --bad` writes it."""
    flow: str | None = None
    """The videos' optical flow, as `kinema data flow` makes it; its vertical part becomes the second view or stream."""
    resume: bool = False
    """Go on exactly where the run in --out stopped."""
    init_from: str | None = None
    """Begin with the backbone of another run or checkpoint, and CoCLR with its projection; the rest starts anew."""
    overwrite: bool = False
    """Replace the run in --out; the old one is renamed, not deleted."""
    method: Annotated[AnyMethod, tyro.conf.AvoidSubcommands] = field(default_factory=MCN)
    clip: Clip = field(default_factory=Clip)
    augment: Augment = field(default_factory=Augment)
    backbone: Backbone = field(default_factory=Backbone)
    optim: Optim = field(default_factory=Optim)
    train: Train = field(default_factory=Train)


def main(verb: str, argv: list[str]) -> int:
    """Train; 75 (SIGTERM, SIGUSR1) or 130 (Ctrl-C) if a signal ended it after a checkpoint."""
    if argv and argv[0] in ("-h", "--help"):
        print(overview())
        return 0
    if not argv or argv[0].startswith("-"):
        raise UsageError("kinema pretrain needs a recipe first, such as tiny_mcn: `kinema list recipes` has all")
    recipe = recipes.get(argv[0])
    if {"-h", "--help"} & {*argv[1:]}:
        print(f"{recipes.said(argv[0])}\n")
    flags = parse(Pretrain, argv[1:], prog=f"kinema pretrain {argv[0]}", default=defaults(recipe))
    recipe = replace(
        recipe,
        method=flags.method,
        clip=flags.clip,
        augment=flags.augment,
        backbone=flags.backbone,
        optim=flags.optim,
        train=flags.train,
    )

    with stopped_outside_training(flags.out), Bars() as bars:
        from kinema.distributed import place
        from kinema.pretraining import pretrain

        run, trained = pretrain(
            recipe,
            data=flags.data,
            out=flags.out,
            split=flags.split,
            skip=flags.skip,
            flow=flags.flow,
            resume=flags.resume,
            init_from=flags.init_from,
            overwrite=flags.overwrite,
            report=bars.training,
            progress=bars.show,
            say=say,
        )
    if place().rank > 0:
        return code(trained)
    if trained.stopped_by is not None:
        say(f"stopped at step {trained.step} with a checkpoint: the same command with --resume goes on")
        return code(trained)
    say(
        f"trained {trained.step} steps; next: kinema retrieve {run.folder}  where videos have labels,  "
        f"kinema embed {run.folder} {flags.data} --out vectors  or  kinema report {run.folder}"
    )
    return code(trained)


def code(trained: Trained) -> int:
    """The exit code: 0, or what stopped it, an interrupt or a request to end."""
    if trained.stopped_by is None:
        return 0
    return 130 if trained.stopped_by == signal.SIGINT else 75


@contextmanager
def stopped_outside_training(out: str) -> Iterator[None]:
    """Within it, what asks training to end ends also what comes before and after the steps, with the same exit code.

    Raises:
        Stopped: a signal came while videos were listed or results written; training itself ends after its step.
    """

    def stop(number: int, frame: object) -> None:
        name = signal.Signals(number).name
        raise Stopped(
            f"stopped by {name} before or after its steps: the same command goes on, with --resume if {out} is there"
        )

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def defaults(recipe: Recipe) -> Pretrain:
    """The flags that a recipe stands for; data and out have to be given."""
    assert not isinstance(recipe.method, Converted)  # nothing is trained by it, so no recipe is of it
    return Pretrain(
        data=tyro.MISSING,
        out=tyro.MISSING,
        method=recipe.method,
        clip=recipe.clip,
        augment=recipe.augment,
        backbone=recipe.backbone,
        optim=recipe.optim,
        train=recipe.train,
    )


def overview() -> str:
    """What `kinema pretrain --help` prints: the recipes, since the flags' defaults are theirs."""
    return (
        "usage: kinema pretrain RECIPE --data DATA --out RUN [--skip FILE] [--split N]\n"
        "                       [--flow DIR] [--resume | [--init-from RUN] [--overwrite]] [--train.epochs N ...]\n\n"
        "Learn a representation from videos without labels.\n\n"
        f"recipes:\n{recipe_lines()}\n\n"
        "Every setting of a recipe is a flag: kinema pretrain RECIPE --help"
    )
