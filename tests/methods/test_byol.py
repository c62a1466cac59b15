from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, batch_of, moving_shapes, trained
from second_order import slope_and_differences

from kinema import losses, sampler
from kinema.batch import generator
from kinema.data.shapes import MOTIONS
from kinema.methods.two_clips import clips
from kinema.momentum import rising
from kinema.recipes import tiny_momentum
from kinema.settings import Meta
from reference.contrast import direction_distance


def recipe(**changes):
    return replace(CASES["byol"], method=replace(CASES["byol"].method, **changes))


def twice_the_same(given):
    """A batch whose two clips are one."""
    return replace(given, clips=given.clips[:, [0, 0]], dice=given.dice[:, [0, 0]])


def test_distance_of_directions_is_that_of_unit_vectors():
    a, b = torch.randn(5, 3), 7 * torch.randn(5, 3)
    assert losses.direction_distance(a, b).item() == pytest.approx(direction_distance(a.numpy(), b.numpy()), rel=1e-5)
    assert losses.direction_distance(a, 3 * a).item() == pytest.approx(0, abs=1e-6)
    assert losses.direction_distance(a, -a).item() == pytest.approx(4)


def test_loss_is_the_distance_of_each_clips_prediction_to_the_others_target():
    method = build(recipe())
    given = batch(method)
    with torch.no_grad():
        for weight in method.target_backbone.weights().values():
            weight *= 0.9  # so that targets are not what the network gives
        first, second = clips(given, method.recipe)
        predicted = [method.predictor(method.projection(method.backbone(clip))).numpy() for clip in (first, second)]
        targets = [method.target(clip).numpy() for clip in (first, second)]
    expected = direction_distance(predicted[0], targets[1]) + direction_distance(predicted[1], targets[0])
    assert method.loss(given, step()).total.item() == pytest.approx(expected, rel=1e-4)


def test_equal_networks_without_a_predictor_agree_on_equal_clips():
    method = build(recipe())
    method.predictor = torch.nn.Identity()
    outcome = method.loss(twice_the_same(batch(method)), step())
    assert outcome.total.item() == pytest.approx(0, abs=1e-5)
    assert outcome.terms["cosine"].item() == pytest.approx(1)


def test_swapping_the_clips_leaves_the_loss():
    method = build(recipe())
    given = batch(method)
    swapped = replace(given, clips=given.clips.flip(1), dice=given.dice.flip(1))
    torch.testing.assert_close(method.loss(swapped, step()).total, method.loss(given, step()).total)


def test_no_gradient_reaches_a_target():
    method = build(recipe())
    first, _ = clips(batch(method), method.recipe)
    assert not method.target(first).requires_grad


@pytest.mark.parametrize("head", ["projection", "predictor"])
def test_heads_have_batch_norm_before_their_relu(head):
    """Which keeps features apart, where nothing else does."""
    assert [type(layer).__name__ for layer in getattr(build(recipe()), head)] == [
        "Linear",
        "BatchNorm1d",
        "ReLU",
        "Linear",
    ]


@pytest.mark.parametrize("progress", [0.0, 0.5, 0.9])
def test_copies_follow_by_a_momentum_that_rises_to_one(progress):
    method = build(recipe(momentum=0.9))
    before = {name: value.clone() for name, value in method.target_projection.weights().items()}
    outcome = method.loss(batch(method), step(progress=progress))
    with torch.no_grad():
        for parameter in method.parameters():
            parameter += 1
    method.commit(outcome.writes)
    for name, value in method.target_projection.weights().items():
        torch.testing.assert_close(value, before[name] + 1 - rising(0.9, progress))


def test_clips_are_of_windows_of_their_own():
    assert isinstance(build(recipe()).draw, sampler.RandomClips)


def test_pairs_are_of_both_clips_as_the_network_itself_projects_them():
    method = build(recipe(alpha=0.2))
    found = method.contrast(batch(method), step())
    assert all(feature.requires_grad for feature in found.features)
    torch.testing.assert_close(found.features.z1.norm(dim=1), torch.ones(4))
    binary, _ = method.same_video(found.features)
    torch.testing.assert_close(method(batch(method), step()).total, 0.2 * binary + 0.8 * found.loss)


def test_second_order_is_the_gradient_of_its_two_stage_loss(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    method = build(recipe(alpha=0.2, meta=Meta(order=2)))
    for second, first, truth in slope_and_differences(method, eps=1e-9):  # its heads have batch norm: it is steep
        assert second == pytest.approx(truth, rel=2e-6)
        assert abs(first - truth) > 1e-3 * abs(truth)


@pytest.mark.slow
def test_it_learns_to_predict_the_other_clip_and_keeps_videos_apart():
    chosen = replace(LEARNING, method=tiny_momentum.tiny_byol().method)
    seen, unseen = moving_shapes(MOTIONS[:4], range(24)), moving_shapes(MOTIONS[:4], range(24, 32))
    before, after = (found(trained(chosen, seen, epochs), unseen) for epochs in (0, 24))
    assert after[0] > before[0] + 0.4
    assert before[1] < 2 / 32
    assert after[1] > 4 / 32  # chance is 1 in 32


@torch.no_grad()
def found(method, videos):
    """How near predictions are to their targets, and how often a clip's nearest target is that of its own video."""
    method.eval()
    numbers = torch.randperm(len(videos), generator=generator("found")).tolist()
    first, second = clips(batch_of(method, videos, numbers, 1000), method.recipe)
    predicted = torch.nn.functional.normalize(method.predictor(method.projection(method.backbone(first))), dim=1)
    scores = predicted @ torch.nn.functional.normalize(method.target(second), dim=1).T
    return scores.diagonal().mean().item(), (scores.argmax(dim=1) == torch.arange(len(videos))).float().mean().item()
