"""The figures of a result from what each test video got."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from kinema.evaluate.protocol import Score
from kinema.evaluate.retrieval import Retrieval
from kinema.evaluate.statistics import bootstrap_interval, mean_over_folds, percent


def score_from_hits(hits: Mapping[str, Tensor], *, chosen: Mapping[str, float] | None = None) -> Score:
    """A score with an interval for each named tensor of hits [Q]; the first is the headline.

    `chosen` is as in `Score`.
    """
    values = {name: percent(of) for name, of in hits.items()}
    intervals = {name: bootstrap_interval(of) for name, of in hits.items()}
    metric = next(iter(hits))
    return Score(metric, values[metric], intervals[metric], values, intervals, dict(chosen or {}))


def score_from_folds(folds: Sequence[Mapping[str, Tensor]]) -> Score:
    """A score averaged over folds, every fold with the same weight; what was chosen differs by fold and is left out."""
    means = {name: mean_over_folds([fold[name] for fold in folds]) for name in folds[0]}
    values = {name: mean.mean for name, mean in means.items()}
    intervals = {name: mean.interval for name, mean in means.items()}
    metric = next(iter(means))
    return Score(metric, values[metric], intervals[metric], values, intervals, {})


def retrieval_hits(found: Retrieval) -> dict[str, Tensor]:
    """R@k by name to hits [Q], in the order they were asked for."""
    return {f"R@{k}": found.hits[:, column] for column, k in enumerate(found.recall)}
