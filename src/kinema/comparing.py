"""`kinema compare` as a function: several runs of one recipe against several of another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kinema.against import require_same_clip, run_names
from kinema.batch import generator
from kinema.errors import UsageError
from kinema.evaluate import retrieval
from kinema.evaluate.estimate import Estimate, mean_estimate, score_from_estimates
from kinema.evaluate.protocol import Result
from kinema.evaluate.seeds import difference, resampled
from kinema.evaluate.table import Table, cell, title
from kinema.evaluation import retrieval_protocol
from kinema.task import Task


@dataclass(frozen=True)
class Compared:
    """What was found: a line for each run, and the difference of the means."""

    names: tuple[str, ...]
    """Of all runs, ours first."""
    values: tuple[tuple[float, ...], ...]
    """R@k of each run, in the order of the evaluation's ks."""
    result: Result
    """Ours minus theirs; written into the folder of our first run."""

    def table(self) -> Table:
        """A row a run, and the difference with its interval below."""
        figures = list(self.result.score.values)
        rows = [
            (name, *(f"{value:.1f}" for value in values)) for name, values in zip(self.names, self.values, strict=True)
        ]
        rows.append(("difference of means", *(cell(self.result, figure) for figure in figures)))
        return Table(title(self.result.protocol), ("", *figures), tuple(rows))


def compare(ours: Sequence[Task], theirs: Sequence[Task]) -> Compared:
    """R@k of two sets of runs on the same videos, and the difference of their means.

    Test videos are drawn again whole group by whole group where the list has groups (see `kinema.evaluate.seeds`), and
    runs are drawn again on either side.

    Raises:
        UsageError: a run is there twice, or runs are shown other clips.
    """
    started = time.time()
    tasks = [*ours, *theirs]
    names = run_names([task.run.folder for task in tasks])
    for task in tasks[1:]:
        require_same_clip(tasks[0].run.folder, tasks[0].run.recipe.clip, task.run.folder, task.run.recipe.clip)
    hits = [_hits(task) for task in tasks]  # of each run, of each fold: [Q, ks]
    how, folds = tasks[0].evaluation, tasks[0].folds
    groups = [[video.group for video in fold.test.videos] for fold in folds]
    gaps: dict[str, Estimate] = {}
    for column, k in enumerate(how.ks):
        rng = generator("bootstrap", 0)
        parts = [
            difference(
                torch.stack([run[place][:, column] for run in hits[: len(ours)]]),
                torch.stack([run[place][:, column] for run in hits[len(ours) :]]),
                groups[place],
                rng,
            ).gap
            for place in range(len(folds))
        ]
        gaps[f"R@{k}"] = mean_estimate(parts)
    settings = {"runs": ", ".join(names[: len(ours)]), "against": ", ".join(names[len(ours) :])}
    protocol = retrieval_protocol(tasks[0])
    protocol = replace(
        protocol, settings=protocol.settings | settings | {"resampled": f"{resampled(groups[0])} and runs"}
    )
    result = tasks[0].record(score_from_estimates(gaps), protocol, tasks[0].subject("pretrained"), started)
    values = [
        tuple(
            100 * float(sum(fold[:, column].double().mean() for fold in run)) / len(run)
            for column in range(len(how.ks))
        )
        for run in hits
    ]
    return Compared(tuple(names), tuple(values), result)


def _hits(task: Task) -> list[Tensor]:
    """bool [Q, ks] of each fold."""
    how = task.evaluation
    found = []
    for fold in task.folds:
        gallery, query = task.features("pretrained", fold)
        found.append(retrieval.retrieve(query, gallery, ks=how.ks, metric=how.metric, center=how.center).hits)
    return found


def same_task(task: Task, other: Task) -> None:
    """Raise UsageError unless both tasks are of the same videos."""
    if [fold.test.videos for fold in task.folds] != [fold.test.videos for fold in other.folds]:
        raise UsageError(
            f"{task.run.folder} and {other.run.folder} have different test videos: give --data, or --train and --test"
        )
