import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, batch, build, step
from hypothesis import given as drawn
from hypothesis import strategies as st
from learning import LEARNING, moving_shapes, term_on, trained

from kinema import losses, sampler
from kinema.data.shapes import MOTIONS
from kinema.engine.optim import optimizer
from kinema.engine.train import gradient, update
from kinema.methods.two_clips import clips
from kinema.recipes import tiny_momentum
from kinema.settings import Meta
from reference import prototypes as reference


def recipe(**changes):
    return replace(CASES["swav"], method=replace(CASES["swav"].method, **changes))


def projected(method, given):
    with torch.no_grad():
        return [method.embed(clip)[1].numpy() for clip in clips(given, method.recipe)]


# ---- the assignment ----


@drawn(videos=st.integers(1, 9), prototypes=st.integers(2, 9), iterations=st.integers(1, 5), seed=st.integers(0, 99))
def test_assignment_is_sinkhorns_and_sums_to_one_for_each_video(videos, prototypes, iterations, seed):
    scores = 2 * torch.rand(videos, prototypes, generator=torch.Generator().manual_seed(seed)) - 1
    found = losses.sinkhorn(scores, 0.2, iterations)
    np.testing.assert_allclose(
        found, reference.sinkhorn(scores.double().numpy(), 0.2, iterations), rtol=1e-3, atol=1e-7
    )
    torch.testing.assert_close(found.sum(dim=1), torch.ones(videos))


def test_every_prototype_gets_the_same_share_in_the_end():
    scores = 0.3 * torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(losses.sinkhorn(scores, 0.05, 200).sum(dim=0), torch.full((4,), 3.0), rtol=1e-3, atol=0)
    unbalanced = torch.zeros(12, 4)
    unbalanced[:, 0] = 1.0  # all would choose the first
    torch.testing.assert_close(losses.sinkhorn(unbalanced, 0.05, 3), torch.full((12, 4), 0.25))


def test_assignment_stays_finite_where_its_exponential_would_not():
    scores = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    torch.testing.assert_close(losses.sinkhorn(scores, 0.001, 3), torch.eye(2))


# ---- the loss ----


def test_loss_is_the_cross_entropy_of_swapped_assignments():
    method = build(recipe())
    given = batch(method)
    np.testing.assert_allclose([np.linalg.norm(z, axis=1) for z in projected(method, given)], 1, rtol=1e-5)
    expected = reference.swapped(*projected(method, given), method.prototypes.weight.detach().numpy(), 0.1, 0.05, 3)
    assert method.loss(given, step()).total.item() == pytest.approx(expected, rel=1e-3)


def test_features_that_favour_no_prototype_lose_as_much_as_chance_says():
    method = build(recipe())
    with torch.no_grad():
        method.prototypes.weight.copy_(method.prototypes.weight[:1].expand(6, 16))
    assert method.loss(batch(method), step()).total.item() == pytest.approx(math.log(6), rel=1e-5)
    assert method.chance()["swapped"] == pytest.approx(math.log(6))


def test_swapping_the_clips_leaves_the_loss():
    method = build(recipe())
    given = batch(method)
    swapped = replace(given, clips=given.clips.flip(1), dice=given.dice.flip(1))
    torch.testing.assert_close(method.loss(swapped, step()).total, method.loss(given, step()).total)


def test_no_gradient_reaches_an_assignment():
    method = build(recipe())
    scores = torch.randn(4, 6, requires_grad=True)
    others = torch.randn(4, 6, requires_grad=True)
    method.swapped(scores, others).backward()
    assert scores.grad is None
    assert others.grad.abs().sum() > 0


def test_clips_are_of_windows_of_their_own():
    assert isinstance(build(recipe()).draw, sampler.RandomClips)


def test_the_projection_has_batch_norm_before_its_relu():
    layers = [type(layer).__name__ for layer in build(recipe()).projection]
    assert layers == ["Linear", "BatchNorm1d", "ReLU", "Linear"]


# ---- the prototypes ----


def test_prototypes_have_unit_length_before_and_after_every_step():
    method = build(recipe(frozen_epochs=0))
    torch.testing.assert_close(method.prototypes.weight.norm(dim=1), torch.ones(6))
    optim = optimizer(method.parameters(), method.recipe.optim)
    before = method.prototypes.weight.detach().clone()
    outcome = method.loss(batch(method), step())
    gradient(method, optim, outcome, None)
    optim.step()
    moved = method.prototypes.weight.detach().clone()
    assert not torch.allclose(moved.norm(dim=1), torch.ones(6))
    method.commit(outcome.writes)
    torch.testing.assert_close(method.prototypes.weight, moved / moved.norm(dim=1, keepdim=True))
    assert not torch.allclose(method.prototypes.weight, before)


@pytest.mark.parametrize("name", ["sgd", "lars", "adam", "adamw"])
def test_prototypes_stand_still_in_the_first_epoch_whatever_the_optimiser(name):
    method = build(recipe())
    optim = optimizer(method.parameters(), replace(method.recipe.optim, name=name))
    before = method.prototypes.weight.detach().clone()
    weight = method.projection[0].weight.detach().clone()
    for number, epoch in enumerate((0, 0, 1)):
        outcome = method.loss(batch(method, seed=number), step(number, epoch=epoch))
        gradient(method, optim, outcome, None)
        update(method, optim, outcome, 0.05)
        assert torch.allclose(method.prototypes.weight, before, atol=1e-6) == (epoch == 0)
    assert not torch.allclose(method.projection[0].weight, weight)


# ---- MCN over it ----


def test_pairs_are_of_both_clips():
    method = build(recipe(alpha=0.2))
    found = method.contrast(batch(method), step())
    binary, _ = method.same_video(found.features)
    torch.testing.assert_close(method(batch(method), step()).total, 0.2 * binary + 0.8 * found.loss)
    for z, expected in zip(found.features[2:], projected(method, batch(method)), strict=True):
        np.testing.assert_allclose(z.detach(), expected, rtol=1e-4, atol=1e-6)


def test_both_forms_of_the_exact_second_order_agree(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    found = []
    for form in ("graph", "hvp"):  # assignments are constants, so that finite differences would not be the gradient
        method = build(recipe(alpha=0.2, frozen_epochs=0, meta=Meta(order=2, form=form))).double()
        given = batch(method)
        method.loss(replace(given, dice=given.dice.double()), step()).total.backward()
        found.append(torch.cat([p.grad.flatten() for p in method.parameters()]))
    assert (found[0] - found[1]).norm() < 1e-9 * found[0].norm()


@pytest.mark.slow
def test_it_learns_to_assign_both_clips_of_a_video_alike():
    chosen = replace(LEARNING, method=tiny_momentum.tiny_swav().method)
    seen, unseen = moving_shapes(MOTIONS[:4], range(24)), moving_shapes(MOTIONS[:4], range(24, 40))
    method = trained(chosen, seen, 16)
    chance = method.chance()["swapped"]
    assert term_on(trained(chosen, seen, 0), unseen, "swapped") > chance
    assert term_on(method, unseen, "swapped") < 0.85 * chance
