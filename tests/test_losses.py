import math

import numpy as np
import pytest
import torch

from kinema.losses import (
    info_nce,
    noise_contrast,
    nt_xent,
    pair_classification,
    partner_found,
    rank_violation,
    softmax_contrast,
)
from reference import contrast, dualvar, pairs

TAU = 0.07


def features(anchors=5, negatives=7, dim=6):
    rng = np.random.default_rng(0)
    unit = [rng.normal(size=shape) for shape in ((anchors, dim), (anchors, negatives + 1, dim))]
    return [values / np.linalg.norm(values, axis=-1, keepdims=True) for values in unit]


def scores(anchors, rows):
    return torch.einsum("bd,bkd->bk", torch.tensor(anchors), torch.tensor(rows)) / TAU


def test_softmax_contrast_is_equation_2():
    anchors, rows = features()
    expected = contrast.softmax_contrast(anchors, rows, TAU)
    assert float(softmax_contrast(scores(anchors, rows))) == pytest.approx(expected, rel=1e-9)


def test_softmax_contrast_with_all_others_of_the_batch_is_nt_xent():
    view1, view2 = (values[:6] for values in (features(6)[0], features(7)[0]))
    own_first = np.stack([[view2[i], *(view2[j] for j in range(6) if j != i)] for i in range(6)])
    expected = contrast.in_batch(view1, view2, TAU)
    assert float(softmax_contrast(scores(view1, own_first))) == pytest.approx(expected, rel=1e-9)


def test_noise_contrast_is_cmcs_estimate_with_a_constant_z():
    anchors, rows = features()
    for z in (contrast.nce_constant(anchors, rows, TAU, 40), 3.0):
        expected = contrast.noise_contrast(anchors, rows, TAU, z, 40)
        found = noise_contrast(scores(anchors, rows), torch.tensor(z, dtype=torch.float64), 40)
        assert float(found) == pytest.approx(expected, rel=1e-9)


def test_scores_that_know_nothing_give_the_logarithm_of_the_choices():
    assert float(softmax_contrast(torch.zeros(3, 1025))) == pytest.approx(math.log(1025), rel=1e-6)


def test_contrast_falls_when_the_positive_rises():
    known = torch.zeros(3, 9)
    known[:, 0] = 5
    assert softmax_contrast(known) < softmax_contrast(torch.zeros(3, 9))
    z = torch.tensor(9.0)
    assert noise_contrast(known, z, 9) < noise_contrast(torch.zeros(3, 9), z, 9)


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_pair_classification_is_equation_4_summed_in_groups_and_averaged_over_them(weight):
    rng = np.random.default_rng(1)
    logits, same = rng.normal(size=32) * 3, rng.random(32) < 0.25
    single = pairs.binary_cross_entropy(logits, same, weight)
    for reduction, expected in (("sum", single.sum() / 2), ("mean", single.mean())):
        found = pair_classification(
            torch.tensor(logits), torch.tensor(same), groups=2, reduction=reduction, weight=weight
        )
        assert float(found) == pytest.approx(expected, rel=1e-9)


def test_the_prior_of_the_grid_gives_the_papers_chance():
    same = torch.eye(4, dtype=torch.bool).flatten()
    prior = torch.full((16,), math.log(1 / 3))
    loss = pair_classification(prior, same, groups=1, reduction="sum", weight=1.0)
    assert float(loss) == pytest.approx(4 * math.log(4) + 12 * math.log(4 / 3), abs=1e-5)
    assert float(loss) == pytest.approx(8.9974, abs=1e-4)


def test_info_nce_is_the_share_of_all_positives():
    rng = np.random.default_rng(2)
    table, positive = rng.normal(size=(5, 9)), rng.random((5, 9)) < 0.3
    positive[:, 0] = True
    found = info_nce(torch.tensor(table), torch.tensor(positive))
    assert float(found) == pytest.approx(contrast.info_nce(table, positive), rel=1e-9)
    one = torch.zeros(5, 9, dtype=torch.bool)
    one[:, 0] = True
    torch.testing.assert_close(info_nce(torch.tensor(table), one), softmax_contrast(torch.tensor(table)))


def test_nt_xent_has_each_feature_against_all_others():
    rng = np.random.default_rng(3)
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in rng.normal(size=(2, 6, 4)))
    found = nt_xent(torch.tensor(z1), torch.tensor(z2), 0.1)
    assert float(found) == pytest.approx(contrast.nt_xent(z1, z2, 0.1), rel=1e-5)
    assert float(nt_xent(torch.ones(6, 4), torch.ones(6, 4), 0.1)) == pytest.approx(math.log(11), rel=1e-6)


def test_partner_is_found_where_nothing_else_is_as_near():
    corners = torch.eye(4)
    assert float(partner_found(corners, corners)) == 1
    assert float(partner_found(corners, corners.roll(1, 0))) == 0
    swapped = corners[[1, 0, 2, 3]]
    assert float(partner_found(corners, swapped)) == 0.5


@pytest.mark.parametrize("segments", [2, 3])
@pytest.mark.parametrize("limit", [math.inf, 5.0])
def test_rank_violation_is_that_of_each_segment_against_the_others(segments, limit):
    rng = np.random.default_rng(4)
    one, other = (x / np.linalg.norm(x, axis=2, keepdims=True) for x in rng.normal(size=(2, 5, segments, 4)))
    found = rank_violation(torch.tensor(one), torch.tensor(other), 0.05, limit)
    assert float(found) == pytest.approx(dualvar.shuffle_rank(one, other, 0.05, limit), rel=1e-5)
    alike = torch.ones(5, segments, 4)
    assert float(rank_violation(alike, alike, 0.05, limit)) == pytest.approx(math.log(2), rel=1e-6)


def test_violations_beyond_the_limit_have_no_gradient():
    one = torch.eye(2)[None].requires_grad_()
    opposite = -one.detach()  # a segment is farther from itself than from any other
    for limit, reach in ((5.0, False), (math.inf, True)):
        gradient = torch.autograd.grad(rank_violation(one, opposite, 0.05, limit), one)[0]
        assert bool(gradient.abs().max() > 1e-3) == reach
