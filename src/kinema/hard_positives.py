"""`kinema hardpositives` as a function: does the same action in another look rank above another action in the same?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from kinema.against import Comparison, Contender, compare, contenders
from kinema.batch import generator
from kinema.data import factors
from kinema.errors import UsageError
from kinema.evaluate.estimate import Estimate, mean_estimate
from kinema.evaluate.hard_positives import HardPositives, comparable
from kinema.evaluate.hard_positives import hard_positives as compare_pairs
from kinema.evaluate.settings import Candidates
from kinema.folds import Fold
from kinema.task import Task

FIGURE = "index"
MOST_VALUES = 12
"""Of a column that the index is broken down by: each needs enough queries of its own."""


def hard_positives(
    task: Task,
    against: Sequence[str | Path] = (),
    *,
    look: str | None = None,
    candidates: Candidates = "test",
    by: str | None = None,
    baseline: bool = True,
) -> Comparison:
    """The hard-positive index (see `kinema.evaluate.hard_positives`) of a run, random init and other runs.

    Args:
        task: the run, and the videos: every test video is a query.
        against: folders of the other runs.
        look: the column of meta.csv that says which videos look alike; if not given, the first of
            `kinema.data.lists.GROUP_COLUMNS` that is there.
        candidates: queries are compared with the other test videos, or with all other test and train videos.
        by: a column of meta.csv; the index is also given for the queries of each of its values.
        baseline: also measure random init.

    Raises:
        UsageError: meta.csv or a column of it is missing, no query can be compared, or the runs do not compare.
    """
    started = time.time()
    measured = contenders(task, against, baseline=baseline)
    rows = [factors.rows_of(fold.test.videos) for fold in task.folds]
    look = look or factors.look_column(rows[0])
    looks = [_looks(fold, look, candidates) for fold in task.folds]
    values = _values(rows, by) if by is not None else []
    found = {each.name: _measure(each, looks, candidates) for each in measured}
    folds = found[measured[-1].name]
    protocol = task.protocol(
        "hard_positives",
        distance=task.evaluation.metric,
        centred=task.evaluation.center,
        settings={"look": look, "candidates": candidates, "resampled": folds[0].resampled, "by": by},
        queries=sum(len(fold.rows) for fold in folds),
        **({} if candidates == "all" else {"gallery": 0, "train_list": ""}),
    )
    return compare(measured, protocol, {name: _figures(each, values, by) for name, each in found.items()}, started)


def _looks(fold: Fold, column: str, candidates: Candidates) -> tuple[list[str], list[str]]:
    """Of a fold's test videos, and of its train videos if they are candidates."""
    parts = [fold.test.videos, fold.train.videos if candidates == "all" else ()]
    test, train = (factors.values(factors.rows_of(videos), column) for videos in parts)
    for video, value in zip((video for part in parts for video in part), [*test, *train], strict=True):
        if not value:
            raise UsageError(f"{video.path}: meta.csv has nothing in column '{column}' for it: name another --look")
    comparable([video.label for part in parts for video in part], [*test, *train], len(test))  # refuses before the work
    return test, train


def _measure(
    contender: Contender, looks: Sequence[tuple[list[str], list[str]]], candidates: Candidates
) -> list[HardPositives]:
    """Fold by fold."""
    task, weights = contender.task, contender.weights
    found = []
    for fold, (test, train) in zip(task.folds, looks, strict=True):
        query = task.features_of(weights, fold.test)
        gallery = task.features_of(weights, fold.train) if candidates == "all" else None
        how = task.evaluation
        found.append(compare_pairs(query, test, gallery, train, metric=how.metric, center=how.center))
    return found


def _values(rows: Sequence[Sequence[factors.Row]], name: str) -> list[list[str]]:
    """A column of meta.csv with few values, for each fold's test videos."""
    columns = [factors.values(each, name) for each in rows]
    count = len({value for column in columns for value in column})
    if count > MOST_VALUES:
        raise UsageError(f"--by {name}: the column has {count} values; name one with at most {MOST_VALUES}")
    return columns


def _figures(folds: Sequence[HardPositives], values: Sequence[list[str]], name: str | None) -> dict[str, Estimate]:
    """The index, and that of the queries of each value, over the folds that have some."""
    figures = {FIGURE: _mean(folds, [torch.ones(len(fold.rows), dtype=torch.bool) for fold in folds])}
    for value in sorted({value for column in values for value in column}):
        kept = [
            torch.tensor([column[row] == value for row in fold.rows.tolist()])
            for fold, column in zip(folds, values, strict=True)
        ]
        some = [place for place, rows in enumerate(kept) if rows.any()]
        if some:
            figures[f"{name}={value or 'none'}"] = _mean([folds[at] for at in some], [kept[at] for at in some])
    return figures


def _mean(folds: Sequence[HardPositives], kept: Sequence[Tensor]) -> Estimate:
    """Over folds; the seed is the same for every network, so that their figures can be compared in pairs."""
    rng = generator("bootstrap", 0)
    return mean_estimate([fold.estimate(rng, among=rows) for fold, rows in zip(folds, kept, strict=True)])
