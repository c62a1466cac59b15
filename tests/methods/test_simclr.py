import math
from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build, step
from contrasting import contrast_over
from learning import LEARNING, moving_shapes, trained
from second_order import slope_and_differences

from kinema.data.shapes import MOTIONS
from kinema.methods.two_clips import clips
from kinema.sampler.pairs import NearbyClips
from kinema.settings import Augment, Meta, SimCLR
from reference.contrast import nt_xent

STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)


def recipe(augment=None, **changes):
    base = CASES["simclr"]
    return replace(base, method=replace(base.method, **changes), augment=augment or base.augment)


def features(method, given):
    with torch.no_grad():
        return method.embed(*clips(given, method.recipe))


def test_loss_is_nt_xent_of_the_two_clips():
    method = build(recipe(temperature=0.3))
    given = batch(method)
    z1, z2 = (z.numpy().astype(float) for z in features(method, given)[2:])
    assert method.loss(given, step()).total.item() == pytest.approx(nt_xent(z1, z2, 0.3), rel=1e-5)


def test_swapping_the_clips_leaves_the_loss():
    method = build(recipe())
    given = batch(method)
    swapped = replace(given, clips=given.clips.flip(1), dice=given.dice.flip(1))
    torch.testing.assert_close(method.loss(swapped, step()).total, method.loss(given, step()).total)


def test_order_of_the_videos_leaves_the_loss():
    method = build(recipe())
    given = batch(method)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = given.each(lambda rows: rows[order])
    torch.testing.assert_close(method.loss(shuffled, step()).total, method.loss(given, step()).total)


def test_clips_have_dice_of_their_own_and_one_law_for_all_their_frames():
    method = build(recipe())
    given = batch(method)
    still = replace(given, clips=given.clips[:, :1, :1].expand_as(given.clips))
    one, other = clips(still, method.recipe)
    assert (one - other).abs().max() > 0.1
    torch.testing.assert_close(one, one[:, :, :1].expand_as(one))


def test_two_clips_are_drawn_near_in_time():
    assert build(recipe()).draw == NearbyClips(CASES["simclr"].clip.frames, CASES["simclr"].clip.stride)


def test_features_that_are_all_one_lose_as_much_as_chance_says():
    method = build(recipe(augment=STILL))
    given = batch(method)
    alike = replace(given, clips=torch.zeros_like(given.clips), extent=given.extent[:1].expand(4, 2))
    assert method.loss(alike, step()).total.item() == pytest.approx(method.chance()["contrast"], rel=1e-4)
    assert method.chance()["contrast"] == pytest.approx(math.log(7))


def test_with_mcns_parts_it_has_two_stages_and_pairs_of_its_clips():
    method = build(recipe(alpha=0.2, meta=Meta(order=1)))
    given = batch(method)
    assert len(given) == 8
    terms = method.loss(given, step()).terms
    assert {"contrast", "binary", "support_contrast", "support_binary"} <= set(terms)
    query = given.halves()[1]
    group = features(method, query)
    score = method.same_video(group)[0].item()
    assert method(query, step()).total.item() == pytest.approx(
        0.2 * score + 0.8 * nt_xent(group.z1.double().numpy(), group.z2.double().numpy(), 0.1), rel=1e-4
    )


def test_second_order_is_the_gradient_of_its_two_stage_loss(monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    method = build(recipe(alpha=0.2, meta=Meta(order=2)))
    for second, first, truth in slope_and_differences(method):
        assert second == pytest.approx(truth, rel=1e-6)
        assert abs(first - truth) > 1e-3 * abs(truth)


@pytest.mark.slow
def test_it_learns_to_tell_clips_of_new_looks_apart_at_half_the_loss_of_a_fresh_network():
    recipe = replace(LEARNING, method=SimCLR(projection="linear_bn"))
    seen, unseen = moving_shapes(MOTIONS[:2], range(32)), moving_shapes(MOTIONS[:2], range(50, 66))
    fresh, learnt = (contrast_over(trained(recipe, seen, epochs), unseen) for epochs in (0, 25))
    assert learnt < 0.5 * fresh < 0.5 * build(recipe).chance()["contrast"]
