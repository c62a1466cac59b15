"""Accuracies from logits, and how sure a percentage over few queries is. All figures are in percent.

Letters: Q queries (videos), C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.batch import generator
from kinema.errors import UsageError

Interval = tuple[float, float]

DRAWS = 10_000
"""Resamples that an interval is taken from."""
_BLOCK = 1 << 22  # numbers drawn at once: 32 MB of indices


def percent(hits: Tensor) -> float:
    """The mean of hits (bool or float, any shape), in percent."""
    return 100 * float(hits.double().mean())


def top_k_hits(logits: Tensor, labels: Tensor, k: int) -> Tensor:
    """bool [Q]: the label is among the k highest logits [Q, C]; of equal logits the lower class counts as higher."""
    order = logits.argsort(dim=1, descending=True, stable=True)[:, :k]
    return (order == labels.unsqueeze(1)).any(1)


def top_k_accuracy(logits: Tensor, labels: Tensor, k: int = 1) -> float:
    """Percentage of the Q videos whose label is among the k highest logits [Q, C]."""
    return percent(top_k_hits(logits, labels, k))


def bootstrap_interval(hits: Tensor, *, level: float = 0.95, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Percentile bootstrap of the mean over queries, as (low, high); the same arguments give the same interval.

    `hits` is [Q], bool or float. It speaks of other test videos like these, not of other training runs; videos cut
    from one film are no independent draws, and with them the interval is too narrow.
    """
    return _interval(resampled_means(hits, draws, generator("bootstrap", seed)), level)


@dataclass(frozen=True)
class FoldMean:
    """An accuracy over several train/test splits of one data set."""

    mean: float
    """The folds' accuracies averaged, every fold with the same weight."""
    std: float
    """Standard deviation of the folds' accuracies (n - 1); 0 for one fold."""
    interval: Interval
    """Percentile bootstrap, queries redrawn within each fold."""
    folds: tuple[float, ...]


def mean_over_folds(folds: Sequence[Tensor], *, draws: int = DRAWS) -> FoldMean:
    """The mean accuracy over folds, each given as its hits [Q_i], bool or float."""
    if not folds:
        raise UsageError("no folds to average: give at least one")
    rng = generator("bootstrap", 0)
    values = torch.tensor([percent(hits) for hits in folds], dtype=torch.float64)
    means = torch.stack([resampled_means(hits, draws, rng) for hits in folds]).mean(0)
    std = float(values.std()) if len(folds) > 1 else 0.0
    return FoldMean(float(values.mean()), std, _interval(means, 0.95), tuple(values.tolist()))


def resampled_means(hits: Tensor, draws: int, rng: torch.Generator) -> Tensor:
    """float64 [draws]: the mean of as many queries, drawn with replacement, each time."""
    if not len(hits):
        raise UsageError("no queries to resample: the test list is empty")
    values = hits.detach().cpu().float()
    means = []
    block = max(1, _BLOCK // len(values))
    for start in range(0, draws, block):
        picks = torch.randint(len(values), (min(block, draws - start), len(values)), generator=rng)
        means.append(values[picks].double().mean(1))
    return torch.cat(means)


def _interval(means: Tensor, level: float) -> Interval:
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=means.dtype)
    low, high = (100 * torch.quantile(means, tails)).tolist()
    return low, high
