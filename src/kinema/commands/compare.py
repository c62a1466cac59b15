"""`kinema compare RUN... --against RUN...`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.console import Bars, say
from kinema.errors import UsageError
from kinema.evaluate.settings import Evaluation


@dataclass(frozen=True)
class Compare:
    """Is one recipe better than another? R@k of runs that differ in their seed, and the difference of the means.

    The interval is of other test videos and of other seeds: both are drawn again.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Folders of the runs of one recipe."""
    against: tuple[str, ...]
    """Folders of the runs of the other."""
    data: str | None = None
    """A data set with a train and a test part; without it, the one that the runs were trained on."""
    split: int | None = None
    """Which of the official splits of --data, where it has several; 1 unless said."""
    train: tuple[str, ...] = ()
    """A list of train videos; several lists are folds, one for each --test list."""
    test: tuple[str, ...] = ()
    """A list of test videos for each --train list; results are the mean over the folds."""
    view: Literal["auto", "rgb", "residual", "both", "flow", "rgb+flow"] = "auto"
    """What the networks are shown; `both` (RGB and residual) and `rgb+flow` put two unit-length features side by side;
    `auto` is RGB, or flow for networks that were trained on flow alone."""
    flow: str | None = None
    """For views with flow: the folder that `kinema data flow` made, of the train and test videos."""
    evaluation: Evaluation = field(default_factory=Evaluation)
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


def main(verb: str, argv: list[str]) -> int:
    """Measure, print the table, and say where the result is."""
    flags = parse(Compare, argv, prog=f"kinema {verb}")
    for side, runs in (("before --against", flags.runs), ("after --against", flags.against)):
        if not runs:
            raise UsageError(f"there is no run {side}: give kinema compare RUN... --against RUN...")

    from kinema.comparing import compare, same_task
    from kinema.task import open_task

    with Bars() as bars:
        tasks = [
            open_task(
                run,
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
            for run in (*flags.runs, *flags.against)
        ]
        for task in tasks[1:]:
            same_task(tasks[0], task)
        found = compare(tasks[: len(flags.runs)], tasks[len(flags.runs) :])
    Console().print(found.table().rich())
    how = found.result.protocol.settings
    for line in tasks[0].notes:
        say(line)
    say(f"95 % intervals from drawing {how['resampled']} again; written to {tasks[0].run.results}")
    return 0
