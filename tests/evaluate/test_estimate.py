import pytest
import torch

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.evaluate.estimate import Estimate, estimate, mean_estimate, score_from_estimates
from kinema.evaluate.statistics import bootstrap_interval


def rng() -> torch.Generator:
    return generator("bootstrap", 0)


def test_estimate_of_hits_has_the_interval_of_the_bootstrap():
    hits = torch.rand(60, generator=torch.Generator().manual_seed(0)) < 0.3
    found = estimate(hits, rng())
    assert found.value == pytest.approx(100 * hits.double().mean().item())
    assert found.interval() == pytest.approx(bootstrap_interval(hits))


def test_paired_difference_is_that_of_the_differences_and_narrower_than_of_unpaired_draws():
    hard = torch.rand(300, generator=torch.Generator().manual_seed(0))  # how hard each video is, for both networks
    one, other = hard, (hard - 0.05).clamp(min=0)
    paired = estimate(one, rng()).minus(estimate(other, rng()))
    of_differences = estimate(one - other, rng())
    assert paired.value == pytest.approx(of_differences.value)
    assert paired.interval() == pytest.approx(of_differences.interval())
    unpaired = estimate(one, rng()).minus(estimate(other, generator("another seed")))
    width = [high - low for low, high in (paired.interval(), unpaired.interval())]
    assert width[0] < 0.2 * width[1]


def test_estimates_with_other_numbers_of_resamples_do_not_pair():
    with pytest.raises(UsageError, match="10 and 20 resamples"):
        estimate(torch.ones(3), rng(), draws=10).minus(estimate(torch.ones(3), rng(), draws=20))


def test_mean_over_folds_gives_every_fold_the_same_weight():
    small, large = Estimate(10.0, torch.tensor([8.0, 12.0])), Estimate(40.0, torch.tensor([40.0, 50.0]))
    found = mean_estimate([small, large])
    assert found.value == 25
    assert found.draws.tolist() == [24, 31]
    with pytest.raises(UsageError, match="no folds"):
        mean_estimate([])


def test_resample_without_anything_to_measure_is_left_out_of_the_interval():
    draws = torch.cat([torch.linspace(0, 100, 101), torch.full((50,), torch.nan)]).double()
    assert Estimate(50.0, draws).interval() == pytest.approx((2.5, 97.5))


def test_score_has_the_first_figure_as_headline():
    score = score_from_estimates(
        {"index": Estimate(12.0, torch.tensor([10.0, 14.0])), "b": Estimate(1.0, torch.ones(2))}
    )
    assert (score.metric, score.value) == ("index", 12)
    assert list(score.intervals) == ["index", "b"]
    assert score.interval == score.intervals["index"] == pytest.approx((10.1, 13.9))
