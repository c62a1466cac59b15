"""Is one recipe better than another? Several runs of each, which differ in their seed, on the same test videos.

Two things were drawn: the videos that happened to be in the test set, and the seeds that happened to be run. Both are
drawn again here, so that an interval that leaves out zero speaks of other videos and other runs.

Letters: R runs, Q test videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinema.errors import UsageError
from kinema.evaluate.estimate import Estimate
from kinema.evaluate.statistics import DRAWS

FEWEST_GROUPS = 5
"""Of fewer groups a resample says nothing, and videos are drawn again instead."""


@dataclass(frozen=True)
class Difference:
    """Means over runs, in percent, and their difference in points."""

    ours: Estimate
    theirs: Estimate

    @property
    def gap(self) -> Estimate:
        """Ours minus theirs, on the same resamples of the videos."""
        return self.ours.minus(self.theirs)


def difference(
    ours: Tensor, theirs: Tensor, groups: Sequence[str], rng: torch.Generator, *, draws: int = DRAWS
) -> Difference:
    """The mean of hits over runs and videos, of two sets of runs.

    Args:
        ours: bool or float [R, Q], the runs of one recipe.
        theirs: the same of another, perhaps of another number of runs.
        groups: of each video; videos of a group (a look, a person) are no independent draws, and are drawn together.
            Where fewer than `FEWEST_GROUPS` differ, videos are drawn one by one.
        rng: decides the resamples.
        draws: how many.

    With few runs a side the seeds' part of the interval is too narrow, by sqrt((R - 1) / R) of a standard deviation.

    Raises:
        UsageError: no runs, or another number of videos in one of them.
    """
    count = len(groups)
    if not len(ours) or not len(theirs):
        raise UsageError("no runs to compare: give at least one on each side")
    if ours.shape[1] != count or theirs.shape[1] != count:
        raise UsageError(f"{ours.shape[1]}, {theirs.shape[1]} hits for {count} videos: measure all on the same list")
    weights = _weights(groups, rng, draws)  # [draws, Q]
    found = []
    for hits in (ours, theirs):
        means = 100 * (weights @ hits.double().T) / weights.sum(1, keepdim=True)  # [draws, R]
        picks = torch.randint(len(hits), (draws, len(hits)), generator=rng)
        found.append(Estimate(100 * float(hits.double().mean()), means.gather(1, picks).mean(1)))
    return Difference(*found)


def resampled(groups: Sequence[str]) -> str:
    """What `difference` draws again besides seeds: "groups" or "videos"."""
    return "groups" if len(set(groups)) >= FEWEST_GROUPS else "videos"


def _weights(groups: Sequence[str], rng: torch.Generator, draws: int) -> Tensor:
    """float64 [draws, Q]: how often each video is drawn."""
    count = len(groups)
    if resampled(groups) == "videos":
        of = torch.arange(count)
    else:
        number = {name: place for place, name in enumerate(dict.fromkeys(groups))}
        of = torch.tensor([number[name] for name in groups])
    kinds = int(of.max()) + 1
    picks = torch.randint(kinds, (draws, kinds), generator=rng)
    times = torch.zeros(draws, kinds, dtype=torch.float64)
    return times.scatter_add_(1, picks, torch.ones_like(picks, dtype=torch.float64))[:, of]
