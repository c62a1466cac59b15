from dataclasses import replace

import pytest
import torch
from cases import CASES, VIDEOS, batch, build, step

from kinema.methods import two_views
from kinema.settings import Augment, Views
from reference.contrast import softmax_contrast
from reference.residual import residual

STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)


def recipe(augment=STILL, **views):
    base = CASES["cmc"]
    method = replace(base.method, views=replace(base.method.views, **views))
    return replace(base, method=method, augment=augment)


def views_of(method, given):
    return two_views.clips(given, method.recipe, method.config.views)


def embedded(method, given):
    rgb, residual = views_of(method, given)
    return two_views.embed(
        method.backbone, method.projection, method.residual_statistics, rgb, residual, method.config.views
    )


def test_loss_is_equation_2_in_both_directions_on_the_features_of_both_views():
    method = build(CASES["cmc"])
    given = batch(method)
    loss = method.loss(given, step(2)).total.item()
    indices = method.banks.draw(given.video, step(2).rng(), None)
    with torch.no_grad():
        features = embedded(method, given)
    expected = sum(
        softmax_contrast(anchor.numpy(), bank[indices].numpy(), 0.07)
        for anchor, bank in ((features.z1, method.banks.residual), (features.z2, method.banks.rgb))
    )
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("last", ["repeat", "wrap", "zero", "extra_frame"])
def test_residual_view_is_taken_from_the_augmented_rgb_view(last):
    method = build(recipe(augment=Augment(), last_residual=last))
    given = batch(method)
    rgb, other = views_of(method, given)
    assert rgb.shape == other.shape == (4, 3, 4, 16, 16)
    for clip, own in zip(rgb, other, strict=True):
        expected = torch.tensor(residual(clip.transpose(0, 1).numpy(), last)).transpose(0, 1)
        torch.testing.assert_close(own[:, : expected.shape[1]], expected)
    assert other[:, :, -1].abs().max() > 0 or last == "zero"


def test_extra_frame_is_read_and_seen_by_the_residual_view_alone():
    method = build(recipe(last_residual="extra_frame"))
    given = batch(method)
    assert given.clips.shape[2] == 5
    black = replace(given, clips=given.clips.clone())
    black.clips[:, :, 4] = 0
    (rgb, other), (rgb_black, other_black) = views_of(method, given), views_of(method, black)
    torch.testing.assert_close(rgb, rgb_black)
    torch.testing.assert_close(other[:, :, :3], other_black[:, :, :3])
    assert (other[:, :, 3] - other_black[:, :, 3]).abs().max() > 0.1


def test_views_augmented_apart_have_dice_of_their_own_and_the_same_frames():
    method = build(recipe(augment=Augment(), independent_augment=True))
    drawn = method.draw(40, step().rng()).indices
    assert drawn.shape == (2, 4)
    assert torch.equal(drawn[0], drawn[1])
    given = batch(method)
    _, other = views_of(method, given)
    rolled = given.dice.clone()
    rolled[:, 0] = 0.5
    rgb_moved, other_same = views_of(method, replace(given, dice=rolled))
    assert torch.equal(other, other_same)
    assert not torch.equal(rgb_moved, views_of(method, given)[0])


def test_imagenet_normalisation_is_for_the_rgb_view_alone():
    plain, normalised = build(recipe()), build(recipe(normalise="imagenet"))
    given = batch(plain)
    (rgb, residuals), (rgb_normalised, residuals_same) = views_of(plain, given), views_of(normalised, given)
    assert torch.equal(residuals, residuals_same)
    assert rgb_normalised.min() < -1
    assert rgb.min() >= 0


def test_features_have_unit_length_unless_asked_otherwise():
    for unit in (True, False):
        method = build(recipe(unit_length=unit))
        given = batch(method)
        features = embedded(method, given)
        lengths = torch.stack([features.z1.norm(dim=1), features.z2.norm(dim=1)])
        assert torch.allclose(lengths, torch.ones(2, 4)) == unit


def test_bank_without_projection_is_as_wide_as_the_backbones_feature():
    method = build(recipe(projection="none"))
    assert method.banks.rgb.shape == (VIDEOS, method.backbone.feature_dim)


def test_views_have_a_projection_each_when_it_is_not_shared():
    shared, apart = build(recipe()), build(recipe(shared_projection=False))
    h = torch.rand(4, shared.backbone.feature_dim)
    assert torch.equal(*shared.projection(h, h))
    assert not torch.equal(*apart.projection(h, h))
    assert len(list(apart.projection.parameters())) == 2 * len(list(shared.projection.parameters()))


def test_joint_batch_norm_normalises_both_views_together():
    apart, joint = build(recipe()), build(recipe(joint_batch_norm=True))
    rgb, other = views_of(apart, batch(apart))
    h1, h2 = apart.backbone(rgb), apart.backbone(other)
    together = joint.backbone(torch.cat([rgb, other]))
    found = two_views.embed(joint.backbone, joint.projection, None, rgb, other, joint.config.views)
    torch.testing.assert_close(torch.cat([found.h1, found.h2]), together)
    assert not torch.allclose(torch.cat([h1, h2]), together, atol=1e-3)


def test_its_defaults_are_mcns():
    assert replace(CASES["cmc"].method.views, dim=128) == Views()
    assert CASES["cmc"].method.views == CASES["mcn"].method.views
    assert CASES["cmc"].method.contrast == CASES["mcn"].method.contrast


@pytest.mark.parametrize(("statistics", "same"), [("each", True), ("mixed", False)])
def test_running_statistics_are_those_of_the_rgb_view_unless_they_are_to_be_mixed(statistics, same):
    method = build(recipe(statistics=statistics))
    given = batch(method)
    rgb, _ = two_views.clips(given, method.recipe, method.config.views)
    method.commit(method.loss(given, step()).writes)
    alone = build(recipe()).backbone
    alone(rgb)
    moved, expected = method.backbone.state_dict(), alone.state_dict()
    names = [name for name in moved if name.endswith(("running_mean", "running_var"))]
    assert names
    assert all(torch.allclose(moved[name], expected[name]) for name in names) == same


def test_the_residual_view_has_running_statistics_of_its_own_which_are_as_if_it_had_been_alone():
    method = build(recipe())
    alone = build(recipe()).backbone
    for number in range(2):
        given = batch(method, seed=number)
        _, residual = two_views.clips(given, method.recipe, method.config.views)
        method.commit(method.loss(given, step(number)).writes)
        alone(residual)
    expected = alone.state_dict()
    kept = method.residual_statistics.state()
    assert kept
    assert all(torch.allclose(value, expected[name]) for name, value in kept.items())


@pytest.mark.parametrize("changes", [{"statistics": "mixed"}, {"joint_batch_norm": True}])
def test_views_that_share_statistics_keep_no_others(changes):
    method = build(recipe(**changes))
    assert method.residual_statistics is None
    method.commit(method.loss(batch(method), step()).writes)
