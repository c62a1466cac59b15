import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, moving_shapes, term_on, trained

from kinema import backbones, recipes
from kinema.augment import augment
from kinema.errors import UsageError
from kinema.methods.prp import mean_error, motion_attention, upsampling, weighed_errors
from kinema.settings import PRP
from reference.classes import cross_entropy
from reference.playback import motion_attention as attention_by_pixel
from reference.playback import reconstruction

CASE = CASES["prp"]
RATES = CASE.method.rates


def weights_by_pixel(stills, low, high):
    """[B, 3, R, S, S] of stills [B, 3, 4 R, S, S]."""
    stills = stills.double().numpy().reshape(*stills.shape[:2], -1, 4, *stills.shape[3:])
    return np.stack([[[attention_by_pixel(s, low, high) for s in channel] for channel in clip] for clip in stills])


def test_attention_is_the_scaled_mean_difference_of_each_stretch_and_channel():
    stills = torch.rand(2, 3, 8, 32, 32)
    found = motion_attention(stills, 0.8, 2.0)
    np.testing.assert_allclose(found, weights_by_pixel(stills, 0.8, 2.0), atol=1e-4)
    assert found.min() >= 0.8 - 1e-6
    assert found.max() <= 2.0 + 1e-6


def test_attention_is_highest_where_something_moves_and_one_where_nothing_does():
    stills = torch.zeros(1, 3, 8, 32, 32)
    stills[:, 0, 1, 20:28, 4:12] = 1  # in one channel of the first stretch
    found = motion_attention(stills, 0.8, 2.0)
    row, column = divmod(int(found[0, 0, 0].argmax()), 32)
    assert 20 <= row < 28 and 4 <= column < 12
    assert found[0, 0, 0, 4, 28] == pytest.approx(0.8)
    assert (found[0, 1:] == 1).all()
    assert (found[0, :, 1] == 1).all()


@pytest.mark.parametrize("attention", [(0.8, 2.0), (1.0, 1.0)])
def test_loss_is_the_weighed_error_of_the_frames_there_are_and_a_tenth_of_the_rates_cross_entropy(attention):
    method = build(replace(CASE, method=replace(CASE.method, attention=attention)))
    for seed in range(3):
        given = batch(method, seed)
        outcome = method.loss(given, step())
        with torch.no_grad():
            shown = augment(given.clips[:, 0], given.extent, given.dice[:, 0], CASE.augment, 16)
            maps = method.backbone.maps(shown[:, :, [0, 2, 4, 6]])
            made = method.make(maps)[:, :, :8].numpy()
            logits = method.classify(method.perceive(maps).mean(dim=(2, 3, 4))).tolist()
        rates = [RATES[target] for target in given.target]
        weights = weights_by_pixel(shown[:, :, 8:], *attention)
        expected = reconstruction(made, shown[:, :, :8].numpy(), weights, rates)
        assert outcome.terms["reconstruction"].item() == pytest.approx(expected, rel=1e-3)
        rate = cross_entropy(logits, given.target.tolist())
        assert outcome.total.item() == pytest.approx(expected + 0.1 * rate, rel=1e-3)
        hits = np.argmax(logits, axis=1) == given.target.numpy()
        assert outcome.terms["rate_acc"].item() == pytest.approx(hits.mean())


def test_network_sees_nothing_of_the_frames_between():
    method = build(CASE)
    given = batch(method)
    other = given.clips.clone()
    other[:, :, 1:8:2] = 255 - other[:, :, 1:8:2]
    still = replace(CASE.augment, jitter=0)
    method.recipe = replace(CASE, augment=still)
    first, second = (method.loss(replace(given, clips=clips), step()).terms for clips in (given.clips, other))
    assert torch.equal(first["rate"], second["rate"])
    assert not torch.equal(first["reconstruction"], second["reconstruction"])
    slow = replace(given, target=torch.zeros_like(given.target))  # at rate 1 there is nothing between
    first, second = (method.loss(replace(slow, clips=clips), step()).terms for clips in (given.clips, other))
    assert torch.equal(first["reconstruction"], second["reconstruction"])


@pytest.mark.parametrize("name", backbones.BACKBONES)
@pytest.mark.parametrize(("frames", "size"), [(16, 112), (8, 56)])
def test_frames_are_made_for_the_map_of_every_backbone(name, frames, size):
    backbone = backbones.build(name, 1 / 16).eval()
    make = torch.nn.Sequential(*upsampling(backbone.feature_dim, backbone.stride)).eval()
    with torch.no_grad():
        maps = backbone.maps(torch.rand(1, 3, frames, size, size))
        made = make(maps)
    cells = [cell * stride for cell, stride in zip(maps.shape[2:], backbone.stride, strict=True)]
    assert made.shape == (1, 3, 2 * cells[0], *cells[1:])
    assert made.min() >= 0
    missing = [edge - cell for edge, cell in zip((frames, size, size), cells, strict=True)]
    assert all(edge < stride for edge, stride in zip(missing, backbone.stride, strict=True))


@pytest.mark.parametrize("size", [4, 8, 12])
def test_frames_are_judged_where_they_and_the_true_ones_both_are(size):
    whole, weight, made = torch.rand(2, 3, 8, 8, 8), torch.rand(2, 3, 8, 8, 8), torch.rand(2, 3, size, size, size)
    found = mean_error(weighed_errors(made, whole, weight), torch.tensor([1, 4]))
    both = (..., *[slice(min(size, 8))] * 3)
    error = (weight[both] * (made[both] - whole[both]) ** 2).numpy()
    judged = [error[0, :, 0::2], error[1, :, 0::2], error[1, :, 1::2]]
    assert found.item() == pytest.approx(np.mean(judged), rel=1e-4)


def test_layers_widths_are_the_released_codes():
    convolutions = [stage[0] for stage in upsampling(512, (8, 16, 16)) if isinstance(stage, torch.nn.Sequential)]
    assert [conv.out_channels for conv in convolutions] == [256, 128, 64, 3]


def test_a_convolution_of_its_own_stands_before_each_branch():
    method = build(CASE)
    width = method.backbone.feature_dim
    for branch in (method.perceive, method.make[0]):
        assert (branch[0].in_channels, branch[0].out_channels, branch[0].kernel_size) == (width, width, (3, 3, 3))
        assert [type(layer).__name__ for layer in branch] == ["Conv3d", "BatchNorm3d", "ReLU"]


@pytest.mark.parametrize("alone", [{"rate_weight": 0.0}, {"attention": (0.0, 0.0)}])
def test_the_backbone_learns_from_either_branch_without_the_other(alone):
    method = build(replace(CASE, method=replace(CASE.method, **alone)))
    method.loss(batch(method), step()).total.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in method.backbone.parameters())


def test_chance_is_the_logarithm_of_the_number_of_rates():
    assert build(CASE).chance() == {"rate": math.log(3)}


def test_tiny_recipes_fastest_clip_takes_the_shortest_videos_of_asl18():
    tiny = recipes.get("tiny_prp")
    assert tiny.clip.frames * max(tiny.method.rates) == 32


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ((4,), "--method.rates is 4: give two or more"),
        ((2, 1), "--method.rates is 2 1: give two or more, from the slowest"),
        ((1, 3), "--method.rates is 1 3: give 1 or even numbers"),
        ((2, 4, 6), "--method.rates is 2 4 6: give 1 or even numbers that divide the last"),
        ((0, 2), "--method.rates is 0: give 1 or more"),
    ],
)
def test_impossible_rates_are_refused(rates, message):
    with pytest.raises(UsageError, match=message):
        PRP(rates=rates)


@pytest.mark.slow
def test_rate_is_learnt_from_moving_shapes():
    """Chance is 1/2; 8 in 10 are asked for, on looks never seen.

    The rate weighs as much as the frames made, and clips are not cropped: at a tenth it takes far more steps.
    """
    plain = replace(LEARNING.augment, crop_area=(1.0, 1.0), jitter=0.0)
    recipe = replace(LEARNING, augment=plain, method=PRP(rates=(1, 4), rate_weight=1.0))
    method = trained(recipe, moving_shapes(["rise"], range(96)), epochs=35)
    assert term_on(method, moving_shapes(["rise"], range(100, 116)), "rate_acc") > 0.8
