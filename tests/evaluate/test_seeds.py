import numpy as np
import pytest
import torch

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.evaluate.seeds import difference


def hits(runs, videos, rate, seed):
    return torch.rand(runs, videos, generator=generator(seed)) < rate


def test_difference_is_that_of_the_means_over_runs_and_videos():
    ours, theirs = hits(3, 40, 0.7, "a"), hits(2, 40, 0.4, "b")
    found = difference(ours, theirs, [""] * 40, generator(0), draws=50)
    assert found.ours.value == pytest.approx(100 * ours.numpy().mean())
    assert found.gap.value == pytest.approx(100 * (ours.numpy().mean() - theirs.numpy().mean()))


def test_interval_is_that_of_a_bootstrap_in_loops():
    ours, theirs = hits(3, 30, 0.6, "a").numpy(), hits(2, 30, 0.3, "b").numpy()
    groups = [str(number // 5) for number in range(30)]  # six groups of five
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(4000):
        videos = np.concatenate([np.arange(30).reshape(6, 5)[group] for group in rng.integers(6, size=6)])
        mean = [
            np.mean([side[run, videos].mean() for run in rng.integers(len(side), size=len(side))])
            for side in (ours, theirs)
        ]
        gaps.append(100 * (mean[0] - mean[1]))
    found = difference(torch.tensor(ours), torch.tensor(theirs), groups, generator(0)).gap.interval()
    assert found == pytest.approx(tuple(np.quantile(gaps, [0.025, 0.975])), abs=2.0)  # of some 50 points wide


def test_videos_of_a_group_that_agree_widen_the_interval():
    ours = hits(1, 12, 0.5, "a").repeat_interleave(10, dim=1)
    theirs = torch.zeros(1, 120)
    looks = [str(number // 10) for number in range(120)]

    def width(groups):
        low, high = difference(ours, theirs, groups, generator(0), draws=2000).gap.interval()
        return high - low

    assert width(looks) > 2 * width([""] * 120)


def test_a_spread_of_seeds_widens_the_interval():
    same, spread = torch.full((4, 100), 0.5), torch.tensor([[0.2], [0.4], [0.6], [0.8]]).expand(4, 100)
    narrow, wide = (
        difference(ours, same, [""] * 100, generator(0), draws=2000).gap.interval() for ours in (same, spread)
    )
    assert narrow == (0, 0)
    assert wide[0] < -10 < 10 < wide[1]


def test_equal_runs_differ_by_nothing():
    ours = hits(1, 50, 0.5, "a")
    found = difference(ours, ours, [""] * 50, generator(0), draws=100).gap
    assert (found.value, found.interval()) == (0, (0, 0))


def test_runs_on_other_numbers_of_videos_are_refused():
    with pytest.raises(UsageError, match="40, 39 hits for 40 videos"):
        difference(hits(1, 40, 0.5, 0), hits(1, 39, 0.5, 0), [""] * 40, generator(0))
    with pytest.raises(UsageError, match="no runs to compare"):
        difference(torch.zeros(0, 40), hits(1, 40, 0.5, 0), [""] * 40, generator(0))
