"""`kinema retrieve | knn | linear | fewshot | finetune RUN`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.console import Bars, say
from kinema.errors import UsageError
from kinema.evaluate.settings import KNN, Evaluation, FewShot, Finetune, LinearProbe

if TYPE_CHECKING:
    from kinema.task import Task


@dataclass(frozen=True)
class Common:
    """What every verb that measures takes."""

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    data: str | None = None
    """A data set with a train and a test part; without it, the one that the run was trained on."""
    split: int | None = None
    """Which of the official splits of --data, where it has several; 1 unless said."""
    train: tuple[str, ...] = ()
    """A list of train videos; several lists are folds, one for each --test list."""
    test: tuple[str, ...] = ()
    """A list of test videos for each --train list; results are the mean over the folds."""
    view: Literal["auto", "rgb", "residual", "both", "flow", "rgb+flow"] = "auto"
    """What the network is shown; `both` (RGB and residual) and `rgb+flow` put two unit-length features side by side;
    `auto` is RGB, or flow for a network that was trained on flow alone."""
    flow: str | None = None
    """For views with flow: the folder that `kinema data flow` made, of the train and test videos."""
    evaluation: Evaluation = field(default_factory=Evaluation)
    random_init: bool = True
    """Also measure the same network before training, for the row beside."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


@dataclass(frozen=True)
class Retrieve(Common):
    """R@k: is the class of a test video among its k nearest train videos?"""

    grid: str | None = None
    """Also draw a few random test videos with their nearest train videos, wrong ones framed in red, into this PNG."""
    grid_seed: int = 0
    """Draws the test videos of --grid."""
    against: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """For --grid: another run to show above this one; may be given several times. Without any, random init is shown."""


@dataclass(frozen=True)
class Vote(Common):
    """Classify test videos by a weighted vote of the nearest train videos."""

    knn: KNN = field(default_factory=KNN)


@dataclass(frozen=True)
class Probe(Common):
    """Train a linear classifier on frozen features; its settings are chosen on held-out train videos."""

    linear: LinearProbe = field(default_factory=LinearProbe)


@dataclass(frozen=True)
class Episodes(Common):
    """Name the classes of test videos from a few labelled videos a class, over many small draws (episodes)."""

    fewshot: FewShot = field(default_factory=FewShot)


@dataclass(frozen=True)
class Tune(Common):
    """Train the whole network with labels; the random-init row is training from scratch."""

    finetune: Finetune = field(default_factory=Finetune)


FLAGS: dict[str, type[Common]] = {
    "retrieve": Retrieve,
    "knn": Vote,
    "linear": Probe,
    "fewshot": Episodes,
    "finetune": Tune,
}


def main(verb: str, argv: list[str]) -> int:
    """Measure a run, print the table, and say where the results are."""
    flags = parse(FLAGS[verb], argv, prog=f"kinema {verb}")

    from kinema import evaluation
    from kinema.evaluate.table import comparison
    from kinema.neighbours import neighbours

    if isinstance(flags, Retrieve) and flags.against and flags.grid is None:
        raise UsageError(f"--against {flags.against[0]} is shown in the picture of --grid: give --grid FILE.png too")
    if isinstance(flags, Retrieve) and flags.grid_seed != Retrieve.grid_seed and flags.grid is None:
        raise UsageError(f"--grid-seed {flags.grid_seed} is for the picture of --grid: give --grid FILE.png too")
    with Bars() as bars:
        task = open_measured(flags, bars)
        if verb == "retrieve":
            say_where_all_are_looked_at(task)
        own: dict[str, Any] = {} if verb == "retrieve" else {"settings": getattr(flags, verb)}
        if isinstance(flags, Retrieve) and flags.grid is not None:
            say(f"neighbours drawn in {neighbours(task, flags.grid, flags.against, seed=flags.grid_seed)}")
        results = getattr(evaluation, verb)(task, baseline=flags.random_init, **own)
    Console().print(comparison(results).rich())
    for line in task.notes:
        say(line)
    say(f"written to {task.run.results}")
    return 0


def open_measured(flags: Common, bars: Bars) -> Task:
    """What the flags ask to be measured; says so if the run is unfinished, or test videos are train videos too."""
    from kinema.task import open_task

    task = open_task(
        flags.run,
        data=flags.data,
        split=flags.split,
        train=flags.train,
        test=flags.test,
        view=None if flags.view == "auto" else flags.view,
        flow=flags.flow,
        evaluation=flags.evaluation,
        device=flags.device,
        progress=bars.show,
    )
    elsewhere = task.run.converted
    if elsewhere is not None and elsewhere.left:
        left = len(elsewhere.left)
        say(f"{task.run.folder}: {left} tensors were left out in conversion and are as in a fresh network")
    elif elsewhere is None and task.epoch < task.run.recipe.train.epochs:
        say(f"{task.run.folder} is unfinished: {task.epoch} of {task.run.recipe.train.epochs} epochs")
    for fold in task.folds:
        if both := fold.on_both_sides():
            say(
                f"{both} of {len(fold.test)} test videos of {fold.test.name} are train videos too: figures are too high"
            )
    return task


def say_where_all_are_looked_at(task: Task) -> None:
    """Point out each k beyond the train videos: its R@k says no more than which classes they have."""
    size = min(len(fold.train) for fold in task.folds)
    if beyond := [f"R@{k}" for k in task.evaluation.ks if k > size]:
        say(f"there are {size} train videos: for {' and '.join(beyond)} all of them are looked at")
