"""MCN's exact meta gradient: two forms of it, batch norm within them, and recomputed activations."""

import copy
from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build, step

from kinema.methods.mcn import MCN

FORMS = ["graph", "hvp"]
BATCH_NORM = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture
def double_precision(monkeypatch):
    """Runs the code as it is in float64: what it would take to float32 stays."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


def method_with(*, checkpoint=False, views=None, backbone=None, **meta):
    """The tiny MCN, of second order unless asked otherwise."""
    base = CASES["mcn"]
    settings = replace(
        base.method,
        meta=replace(base.method.meta, **{"order": 2} | meta),
        views=replace(base.method.views, **views or {}),
    )
    train = replace(base.train, checkpoint_activations=checkpoint)
    return build(replace(base, method=settings, train=train))


def in_double(method):
    given = batch(method.double())
    return method, replace(given, dice=given.dice.double())


def gradients_and_writes(method, given):
    outcome = method.loss(given, step())
    outcome.total.backward()
    gradients = {name: p.grad for name, p in method.named_parameters() if p.grad is not None}
    return gradients, {write.buffer: write.value for write in outcome.writes}, outcome


def assert_same(found, expected, tolerance=1e-10):
    """The same gradients, as one vector, for the same parameters."""
    assert set(found) == set(expected)
    a, b = (torch.cat([each[name].flatten() for name in expected]) for each in (found, expected))
    assert (a - b).norm() / b.norm() < tolerance


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"inner_weight_decay": 0.1, "support_loss_weight": 0.5},
        {"inner_parameters": "head"},
        {"inner_parameters": "head", "support_loss_weight": 1.0, "inner_lr": 0.3, "batch_norm": "query"},
        {"inner_lr": 0.0},
        {"views": {"statistics": "mixed", "projection": "linear_bn"}},
    ],
)
def test_forms_agree_on_loss_gradient_and_every_write(double_precision, options):
    (expected, writes, outcome), (found, other_writes, other) = (
        gradients_and_writes(*in_double(method_with(form=form, **options))) for form in FORMS
    )
    assert torch.equal(outcome.total, other.total)
    assert {name: float(value) for name, value in outcome.terms.items()} == {
        name: float(value) for name, value in other.terms.items()
    }
    assert_same(found, expected)
    assert [(w.buffer, w.rows is None) for w in outcome.writes] == [(w.buffer, w.rows is None) for w in other.writes]
    assert all(torch.equal(writes[name], other_writes[name]) for name in writes)


@pytest.mark.parametrize("options", [{"order": 0}, {"order": 1}, {"form": "graph"}, {"form": "hvp"}])
@pytest.mark.parametrize("views", [{}, {"statistics": "mixed"}, {"joint_batch_norm": True}])
def test_recomputed_activations_change_neither_gradients_nor_writes(double_precision, options, views):
    expected, writes, _ = gradients_and_writes(*in_double(method_with(**options, views=views)))
    method, given = in_double(method_with(**options, views=views, checkpoint=True))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    found, other_writes, _ = gradients_and_writes(method, given)
    assert method.backbone.recompute
    assert_same(found, expected)
    assert all(torch.equal(writes[name], other_writes[name]) for name in writes)
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_hvp_form_computes_the_support_loss_again_with_the_same_negatives(monkeypatch):
    method, totals = method_with(form="hvp"), []
    forward = MCN.forward

    def noted(self, given, at):
        outcome = forward(self, given, at)
        totals.append((at.stage, outcome.total.item()))
        return outcome

    monkeypatch.setattr(MCN, "forward", noted)
    torch.manual_seed(1)
    total = method.loss(batch(method), step(7)).total
    torch.manual_seed(2)
    total.backward()
    first, query, again = totals
    assert (first[0], query[0], again[0]) == ("support", "query", "support")
    assert first == again


def test_hvp_form_refuses_a_gradient_after_its_banks_were_written():
    method = method_with(form="hvp")
    outcome = method.loss(batch(method), step())
    method.commit(outcome.writes)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outcome.total.backward()


def test_gradients_of_two_batches_accumulate_in_both_forms(double_precision):
    found = []
    for form in FORMS:
        method, first = in_double(method_with(form=form))
        second = replace(first, clips=first.clips.flip(0), video=first.video.flip(0))
        for number, given in enumerate((first, second)):
            method.loss(given, step(number)).total.backward()
        found.append({name: p.grad for name, p in method.named_parameters()})
    assert_same(found[1], found[0])


def statistics(state):
    return {name: value for name, value in state.items() if name.endswith(BATCH_NORM)}


def after_stages_in_place(method, given, lr, *, support_moves):
    """Running statistics of a copy whose weights are really moved between two ordinary passes."""
    moved = copy.deepcopy(method)
    support, query = given.halves()
    before = {name: value.clone() for name, value in statistics(moved.state_dict()).items()}
    moved(support, step().at_stage("support")).total.backward()
    with torch.no_grad():
        for parameter in moved.parameters():
            parameter -= lr * parameter.grad
    if not support_moves:
        moved.load_state_dict(before, strict=False)
    moved(query, step().at_stage("query"))
    return statistics(moved.state_dict())


@pytest.mark.parametrize("options", [{"order": 1}, {"form": "graph"}, {"form": "hvp"}])
@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize("moving", ["both", "query"])
def test_running_statistics_are_moved_by_support_at_theta_and_then_query_at_theta_bar(options, checkpoint, moving):
    method = method_with(**options, batch_norm=moving, checkpoint=checkpoint)
    given = batch(method)
    expected = after_stages_in_place(method, given, 0.05, support_moves=moving == "both")
    outcome = method.loss(given, step())
    outcome.total.backward()
    method.commit(outcome.writes)
    found = statistics(method.state_dict())
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{"order": 1}, {"form": "graph"}, {"form": "hvp"}])
def test_both_stages_normalise_by_their_own_batch_whatever_the_running_statistics_are(options):
    method = method_with(**options)
    given = batch(method)
    expected, _, outcome = gradients_and_writes(method, given)
    other = copy.deepcopy(method)
    other.zero_grad()
    for module in other.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.fill_(7)
            module.running_var.fill_(99)
    found, _, moved = gradients_and_writes(other, given)
    assert torch.equal(outcome.total, moved.total)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("options", [{"order": 1}, {"form": "graph"}, {"form": "hvp"}])
@pytest.mark.parametrize(("inner", "adapted"), [("all", True), ("head", False)])
def test_batch_norms_scale_and_shift_are_adapted_like_any_weight_of_the_backbone(options, inner, adapted):
    method = method_with(**options, inner_parameters=inner)
    given = batch(method)
    theta = dict(method.named_parameters())
    _, moved, _ = method.adapted(theta, {}, given.halves()[0], step().at_stage("support"))
    affine = {
        f"{name}.{key}"
        for name, module in method.named_modules()
        if isinstance(module, torch.nn.BatchNorm3d)
        for key in ("weight", "bias")
    }
    assert affine
    assert {name for name in affine if name in moved and not torch.equal(moved[name], theta[name])} == (
        affine if adapted else set()
    )
    assert "projection.layers.0.weight" in moved


def test_whole_method_agrees_with_torchopt(double_precision):
    torchopt = pytest.importorskip("torchopt", reason="torchopt is not installed")
    method, given = in_double(method_with())
    parameters = dict(method.named_parameters())
    support, query = given.halves()
    torchopt.MetaSGD(method, lr=0.05).step(method(support, step().at_stage("support")).total)
    loss = method(query, step().at_stage("query")).total
    truth = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))
    for form in FORMS:
        for checkpoint in (False, True):
            found, _, outcome = gradients_and_writes(*in_double(method_with(form=form, checkpoint=checkpoint)))
            torch.testing.assert_close(outcome.total, loss)
            assert_same(found, truth)
