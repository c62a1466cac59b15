"""A figure together with what it would have been on other test videos like these, so that networks compare in pairs.

Networks that are measured on the same test videos are resampled alike, so the difference of two figures has an
interval of its own, which is narrower than the two intervals suggest: what makes a video hard for one network often
makes it hard for the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.protocol import Score
from kinema.evaluate.statistics import DRAWS, Interval, percent, resampled_means


@dataclass(frozen=True)
class Estimate:
    """A figure in percent, or a difference in points."""

    value: float
    draws: Tensor
    """float64 [draws]: the same on each resample of the test videos; NaN where a resample leaves nothing to measure.
    Draw i of two estimates made from generators in the same state is of the same videos."""

    def interval(self, level: float = 0.95) -> Interval:
        """Percentile bootstrap."""
        tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=self.draws.dtype)
        low, high = torch.nanquantile(self.draws, tails).tolist()
        return low, high

    def minus(self, other: Estimate) -> Estimate:
        """The paired difference of two figures of the same videos.

        Raises:
            UsageError: they have different numbers of resamples.
        """
        if len(self.draws) != len(other.draws):
            raise UsageError(f"{len(self.draws)} and {len(other.draws)} resamples do not pair: draw both alike")
        return Estimate(self.value - other.value, self.draws - other.draws)


def estimate(values: Tensor, rng: torch.Generator, *, draws: int = DRAWS) -> Estimate:
    """The mean of values [Q] (bool or float, in [0, 1] for percent) over Q test videos, which are drawn again."""
    return Estimate(percent(values), 100 * resampled_means(values, draws, rng))


def mean_estimate(folds: Sequence[Estimate]) -> Estimate:
    """The mean over folds, every fold with the same weight and drawn again within itself."""
    if not folds:
        raise UsageError("no folds to average: give at least one")
    return Estimate(sum(fold.value for fold in folds) / len(folds), torch.stack([fold.draws for fold in folds]).mean(0))


def score_from_estimates(estimates: Mapping[str, Estimate]) -> Score:
    """A score with an interval for each named figure; the first is the headline."""
    metric = next(iter(estimates))
    values = {name: each.value for name, each in estimates.items()}
    intervals = {name: each.interval() for name, each in estimates.items()}
    return Score(metric, values[metric], intervals[metric], values, intervals, {})
