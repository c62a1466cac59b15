import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, VIDEOS, batch, build, step
from torch.utils.flop_counter import FlopCounterMode

from kinema import heads, sampler
from kinema.errors import UsageError
from kinema.methods import two_views
from kinema.settings import CMC, Meta, Pairs, Views
from reference.pairs import binary_cross_entropy, cross_view_loss


def recipe(batch_size=4, **changes):
    """The tiny MCN with other settings; those of Meta are given as `meta={...}`, and so on."""
    base = CASES["mcn"]
    method = base.method
    for name, value in changes.items():
        method = replace(
            method, **{name: replace(getattr(method, name), **value) if isinstance(value, dict) else value}
        )
    return replace(base, method=method, train=replace(base.train, batch_size=batch_size))


def gradients(method, outcome):
    method.zero_grad()
    outcome.total.backward()
    return {name: p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}


def test_without_stages_and_pairs_it_is_cmc():
    mcn = build(recipe(alpha=0.0, meta={"order": 0}))
    cmc = build(replace(CASES["mcn"], method=cmc_of(mcn)))
    given = batch(cmc)
    ours, baseline = mcn.loss(given, step(3)), cmc.loss(given, step(3))
    assert torch.equal(ours.total, baseline.total)
    expected = gradients(cmc, baseline)
    for name, value in gradients(mcn, ours).items():
        assert torch.equal(value, expected[name]) if name in expected else value.abs().max() == 0
    written = {write.buffer: write.value for write in ours.writes}
    assert all(torch.equal(written[write.buffer], write.value) for write in baseline.writes)


def cmc_of(mcn):
    return CMC(contrast=mcn.config.contrast, views=mcn.config.views)


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_total_is_equation_5(alpha):
    method = build(recipe(alpha=alpha, meta={"order": 0}))
    outcome = method.loss(batch(method), step())
    expected = alpha * outcome.terms.get("binary", 0) + (1 - alpha) * outcome.terms["contrast"]
    torch.testing.assert_close(outcome.total, expected)


def embedded(method, given):
    rgb, residual = two_views.clips(given, method.recipe, method.config.views)
    return two_views.embed(
        method.backbone, method.projection, method.residual_statistics, rgb, residual, method.config.views
    )


@pytest.mark.parametrize("groups", ["all", "one"])
@pytest.mark.parametrize("feature", ["projected", "backbone"])
def test_binary_loss_is_equation_4_within_groups_of_four(groups, feature):
    method = build(recipe(batch_size=12, meta={"order": 0}, pairs={"groups": groups, "feature": feature}))
    given = batch(method)
    outcome = method.loss(given, step())
    with torch.no_grad():
        features = embedded(method, given)
        a, b = (features.z1, features.z2) if feature == "projected" else (features.h1, features.h2)
        groups_of_4 = [
            cross_view_loss(lambda x, y: float(method.pair_score(x[None], y[None])), a[i : i + 4], b[i : i + 4])
            for i in range(0, 12, 4)
        ]
    expected = np.mean(groups_of_4) if groups == "all" else groups_of_4[0]
    assert float(outcome.terms["binary"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("grid", ["cross_view", "balanced", "all_unordered", "all_ordered"])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_chance_of_the_binary_loss_is_that_of_its_grids_prior(grid, reduction):
    method = build(recipe(pairs={"grid": grid, "reduction": reduction}))
    _, _, same = heads.group_pairs(grid)
    prior = float(same.float().mean())
    single = binary_cross_entropy([math.log(prior / (1 - prior))] * len(same), same.tolist())
    expected = single.sum() if reduction == "sum" else single.mean()
    assert method.chance()["binary"] == pytest.approx(expected, rel=1e-6)


def test_papers_grid_has_the_papers_chance():
    assert build(recipe()).chance()["binary"] == pytest.approx(8.9974, abs=1e-4)


def test_without_an_inner_rate_it_is_the_plain_loss_of_the_query_half():
    for changes, rate in (({}, 0.0), ({"meta": {"inner_lr": 0.0}}, 0.05)):
        method = build(recipe(**changes))
        given = batch(method)
        staged = method.loss(given, step(lr=rate))
        plain = copy.deepcopy(method)(given.halves()[1], step(lr=rate).at_stage("query"))
        assert torch.equal(staged.total, plain.total)
        expected = gradients(
            plain_copy := copy.deepcopy(method), plain_copy(given.halves()[1], step().at_stage("query"))
        )
        for name, value in gradients(method, staged).items():
            torch.testing.assert_close(value, expected[name])


def two_stages_in_place(method, given, lr, *, head_only=False, weight_decay=0.0):
    """The same two stages on a copy whose weights are really moved; the gradient is left on the copy."""
    moved = copy.deepcopy(method)
    support, query = given.halves()
    moved(support, step().at_stage("support")).total.backward()
    with torch.no_grad():
        for name, parameter in moved.named_parameters():
            if not (head_only and name.startswith("backbone.")):
                parameter -= lr * (parameter.grad + weight_decay * parameter)
    moved.zero_grad()
    outer = moved(query, step().at_stage("query"))
    return outer.total.detach(), gradients(moved, outer)


@pytest.mark.parametrize(
    ("meta", "lr", "options"),
    [
        ({}, 0.05, {}),
        ({"inner_lr": 0.2}, 0.2, {}),
        ({"inner_parameters": "head"}, 0.05, {"head_only": True}),
        ({"inner_weight_decay": 0.1}, 0.05, {"weight_decay": 0.1}),
    ],
)
def test_first_order_is_the_query_gradient_at_really_moved_weights(meta, lr, options):
    method = build(recipe(meta=meta))
    given = batch(method)
    total, expected = two_stages_in_place(method, given, lr, **options)
    outcome = method.loss(given, step())
    torch.testing.assert_close(outcome.total.detach(), total)
    for name, value in gradients(method, outcome).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-5)


def test_inner_step_matters():
    method = build(recipe())
    given = batch(method)
    totals = [method.loss(given, step(lr=lr)).total.item() for lr in (0.0, 0.05)]
    assert abs(totals[0] - totals[1]) > 1e-3


@pytest.fixture
def double_precision(monkeypatch):
    """Runs the code as it is in float64: what it would take to float32 stays."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"meta": {"inner_weight_decay": 0.1, "support_loss_weight": 0.5}},
        {"meta": {"inner_parameters": "head"}, "views": {"projection": "linear_bn", "joint_batch_norm": True}},
    ],
)
def test_second_order_is_the_gradient_of_the_whole_two_stage_loss(double_precision, changes):
    settings = changes | {"meta": changes.get("meta", {}) | {"order": 2}}
    method = build(recipe(**settings)).double()
    given = batch(method)
    given = replace(given, dice=given.dice.double())
    second = gradients(method, method.loss(given, step()))
    first = copy.deepcopy(method)
    first.config = replace(method.config, meta=replace(method.config.meta, order=1))
    first = gradients(first, first.loss(given, step()))

    rng = torch.Generator().manual_seed(0)
    for _ in range(2):
        direction = {
            name: torch.randn(p.shape, generator=rng, dtype=torch.float64) for name, p in method.named_parameters()
        }
        eps, values = 1e-8, []  # small, since ReLU bends the loss every 1e-7 or so
        for sign in (1, -1):
            there = copy.deepcopy(method)
            with torch.no_grad():
                for name, parameter in there.named_parameters():
                    parameter += sign * eps * direction[name]
            values.append(there.loss(given, step()).total.item())
        truth = (values[0] - values[1]) / (2 * eps)
        slopes = [sum(float((grad[name] * direction[name]).sum()) for name in grad) for grad in (second, first)]
        assert slopes[0] == pytest.approx(truth, rel=1e-6)
        assert abs(slopes[1] - truth) > 1e-3 * abs(truth)


def test_orders_agree_on_the_loss():
    first, second = (build(recipe(meta={"order": order})) for order in (1, 2))
    given = batch(first)
    torch.testing.assert_close(first.loss(given, step()).total, second.loss(given, step()).total)


def test_support_loss_joins_the_objective_by_its_weight():
    plain, weighted = build(recipe()), build(recipe(meta={"support_loss_weight": 0.5}))
    given = batch(plain)
    without, with_it = plain.loss(given, step()), weighted.loss(given, step())
    support = 0.2 * without.terms["support_binary"] + 0.8 * without.terms["support_contrast"]
    torch.testing.assert_close(with_it.total, without.total + 0.5 * support)


def test_support_loss_costs_no_second_pass_through_the_network():
    """At order 1 its gradient is known from the inner step."""
    work = []
    for weight in (0.0, 1.0):
        method = build(recipe(meta={"support_loss_weight": weight}))
        with FlopCounterMode(display=False) as counter:
            method.loss(batch(method), step()).total.backward()
        work.append(counter.get_total_flops())
    assert work[1] == work[0] > 0


@pytest.mark.parametrize(("update", "rows"), [("both", slice(0, 8)), ("support", slice(0, 4)), ("query", slice(4, 8))])
def test_bank_rows_of_the_stages_that_refresh_it_are_written(update, rows):
    method = build(recipe(meta={"bank_update": update}))
    given, before = batch(method), method.banks.rgb.clone()
    method.commit(method.loss(given, step()).writes)
    moved = (before != method.banks.rgb).any(dim=1).nonzero()[:, 0]
    assert moved.tolist() == sorted(given.video[rows].tolist())


@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({"meta": {"batch_norm": "both"}}, 2),
        ({"meta": {"batch_norm": "query"}}, 1),
        ({"meta": {"order": 0}}, 1),
        ({"views": {"statistics": "both"}}, 4),
        ({"views": {"joint_batch_norm": True}}, 2),
    ],
)
def test_batch_norm_counts_the_passes_whose_statistics_are_kept(changes, passes):
    method = build(recipe(**changes))
    method.commit(method.loss(batch(method), step()).writes)
    assert int(method.backbone.bn1.num_batches_tracked) == passes


def test_negatives_of_the_own_half_are_the_videos_that_the_stage_reads():
    method = build(recipe(meta={"negatives": "own_half", "resplit": "epoch"}))
    for epoch in (0, 1):
        halves = sampler.support_query(VIDEOS, method.split, seed=0, epoch=epoch)
        batches = sampler.epoch_batches(VIDEOS, 4, seed=0, epoch=epoch, split=method.split)
        for stage, half, read in zip(("support", "query"), halves, batches.split(4, dim=1), strict=True):
            pool = method.negative_pool(step(epoch=epoch).at_stage(stage))
            assert sorted(pool.tolist()) == sorted(half.tolist())
            assert set(read.flatten().tolist()) <= set(pool.tolist())


def test_negatives_are_of_all_videos_unless_asked_otherwise():
    assert build(recipe()).negative_pool(step().at_stage("query")) is None
    assert build(recipe(meta={"order": 0, "negatives": "own_half"})).negative_pool(step()) is None


def test_negatives_of_halves_that_do_not_last_are_refused():
    with pytest.raises(UsageError, match="own_half needs halves that last"):
        build(recipe(meta={"negatives": "own_half", "resplit": "iteration"}))


def test_stages_draw_their_own_negatives():
    method = build(recipe())
    video = torch.arange(4)
    support, query = (method.banks.draw(video, step().at_stage(name).rng(), None) for name in ("support", "query"))
    assert not torch.equal(support, query)


def test_split_is_the_one_asked_for_and_absent_without_stages():
    assert build(recipe(meta={"support_fraction": 0.7, "resplit": "epoch"})).split == sampler.Split(0.7, "epoch")
    assert build(recipe(meta={"order": 0})).split is None


@pytest.mark.parametrize("alpha", [-0.1, 1.1, float("nan")])
def test_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(UsageError, match=rf"^--method.alpha is {alpha:g}: give a number from 0 to 1$"):
        build(recipe(alpha=alpha))


@pytest.mark.parametrize("size", [3, 6, 30])
def test_batch_that_groups_of_four_do_not_fill_is_refused(size):
    with pytest.raises(UsageError, match=f"a batch of {size} videos does not divide into groups of 4"):
        build(recipe(batch_size=size), videos=100)


def test_defaults_are_the_papers():
    method = CASES["mcn"].method
    assert (method.alpha, method.meta, method.pairs) == (0.2, Meta(), Pairs())
    assert replace(method.views, dim=128) == Views()
