import math

import numpy as np
import pytest
import torch

from kinema.errors import UsageError
from kinema.evaluate.score import score_from_folds, score_from_hits
from kinema.evaluate.statistics import (
    bootstrap_interval,
    mean_over_folds,
    top_k_accuracy,
    top_k_hits,
)

PUBLISHED = {"rgb": (51.4, 49.2, 48.6, 49.7), "flow": (59.0, 59.7, 60.6, 59.8), "combined": (66.7, 66.5, 66.3, 66.5)}


@pytest.mark.parametrize("stream", PUBLISHED)
def test_released_logits_on_hmdb51_give_the_published_accuracies(real_data, stream):
    arrays = np.load(real_data("hmdb51_actionvlad_logits/logits.npz"), allow_pickle=False)
    folds = []
    for split in (1, 2, 3):
        rgb, flow = (torch.from_numpy(arrays[f"{name}_{split}"]) for name in ("rgb", "flow"))
        logits = {"rgb": rgb, "flow": flow, "combined": 0.333 * rgb + 0.667 * flow}[stream]
        labels = torch.from_numpy(arrays[f"label_{split}"]).long()
        accuracy = top_k_accuracy(logits, labels)
        # The split's 58.95 is printed as 59.0.
        assert accuracy == pytest.approx(PUBLISHED[stream][split - 1], abs=0.0501)
        folds.append(top_k_hits(logits, labels, 1))
    assert mean_over_folds(folds, draws=10).mean == pytest.approx(PUBLISHED[stream][3], abs=0.0501)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_interval_equals_the_quantiles_of_the_binomial_law(share):
    hits = torch.arange(400) < 400 * share
    low, high = bootstrap_interval(hits)
    drawn = np.random.default_rng(0).binomial(400, share, size=200_000) / 4
    assert (low, high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.3)


def test_interval_of_fractions_equals_a_numpy_bootstrap():
    values = np.random.default_rng(3).random(150)
    picks = np.random.default_rng(4).integers(0, 150, (20_000, 150))
    expected = 100 * np.quantile(values[picks].mean(1), [0.05, 0.95])
    assert bootstrap_interval(torch.from_numpy(values), level=0.9) == pytest.approx(tuple(expected), abs=0.15)


def test_interval_depends_on_its_seed_alone():
    hits = torch.arange(90) % 3 == 0
    torch.manual_seed(1)
    first = bootstrap_interval(hits, seed=5)
    torch.manual_seed(2)
    assert bootstrap_interval(hits, seed=5) == first
    assert bootstrap_interval(hits, seed=6, draws=999) != first


def test_all_hits_leave_no_doubt_and_none_is_an_error():
    assert bootstrap_interval(torch.ones(30, dtype=torch.bool)) == (100.0, 100.0)
    with pytest.raises(UsageError, match="no queries"):
        bootstrap_interval(torch.ones(0))


def test_top_k_prefers_the_lower_class_among_equals():
    logits = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]])
    assert top_k_hits(logits, torch.tensor([0, 1]), 1).tolist() == [True, True]
    assert top_k_hits(logits, torch.tensor([1, 2]), 1).tolist() == [False, False]
    assert top_k_hits(logits, torch.tensor([1, 2]), 2).tolist() == [True, True]
    assert top_k_accuracy(logits, torch.tensor([2, 0]), 2) == 0.0
    assert top_k_accuracy(logits, torch.tensor([2, 0]), 5) == 100.0


def test_folds_weigh_the_same_whatever_their_size():
    folds = [torch.ones(10, dtype=torch.bool), torch.zeros(90, dtype=torch.bool), torch.arange(50) < 25]
    mean = mean_over_folds(folds)
    assert mean.mean == 50.0
    assert mean.folds == (100.0, 0.0, 50.0)
    assert mean.std == pytest.approx(50.0)
    # Only the third fold varies; a third of its binomial deviation is 100 * sqrt(.25 / 50) / 3.
    half_width = 1.96 * 100 * math.sqrt(0.25 / 50) / 3
    assert mean.interval == pytest.approx((50 - half_width, 50 + half_width), abs=0.7)


def test_scores_carry_an_interval_for_every_figure():
    hits = {"top1": torch.arange(100) < 40, "top5": torch.arange(100) < 80}
    score = score_from_hits(hits, chosen={"lr": 0.1})
    assert (score.metric, score.value) == ("top1", pytest.approx(40.0))
    assert score.values == {"top1": pytest.approx(40.0), "top5": pytest.approx(80.0)}
    assert set(score.intervals) == {"top1", "top5"}
    assert score.interval == score.intervals["top1"]
    assert score.interval[0] < 40 < score.interval[1]
    folds = score_from_folds([hits, {name: ~of for name, of in hits.items()}])
    assert folds.values == {"top1": pytest.approx(50.0), "top5": pytest.approx(50.0)}
