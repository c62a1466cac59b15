import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from kinema import augment as module
from kinema.augment import augment, blur_sigmas, colour_matrix, counted, crop_boxes, cropping, gaussian, resample
from kinema.batch import DICE
from kinema.settings import Augment
from reference.crops import random_crop

LUMA = np.array([0.299, 0.587, 0.114])
STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)
"""No change but the resize, for square frames."""


def clip(height=20, width=20, frames=3, clips=1, seed=0, low=0, high=256):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (clips, frames, height, width, 3), generator=rng, dtype=torch.uint8)


def dice(clips=1, seed=0, **fixed):
    """Uniform dice; `fixed` sets one by its name, such as FLIP=0.0."""
    rolled = torch.rand(clips, DICE, generator=torch.Generator().manual_seed(seed))
    for name, value in fixed.items():
        rolled[:, getattr(module, name)] = value
    return rolled


def whole(clips):
    return torch.tensor([clips.shape[2:4]] * len(clips))


def run(clips, settings, rolled=None, size=16):
    return augment(clips, whole(clips), dice(len(clips)) if rolled is None else rolled, settings, size)


def only(**changes):
    """Settings with only the changes given; a probability of 1 for what is named."""

    return replace(STILL, jitter=1.0, **{"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0} | changes)


@pytest.mark.parametrize(("height", "width", "size"), [(30, 30, 16), (20, 20, 20), (12, 12, 40), (24, 32, 16)])
def test_without_random_changes_it_is_torchs_antialiased_resize(height, width, size):

    settings = replace(STILL, crop_aspect=(width / height, width / height))
    frames = clip(height, width)
    expected = F.interpolate(
        frames[0].permute(0, 3, 1, 2).float() / 255, size=(size, size), mode="bilinear", antialias=True
    )
    out = run(frames, settings, size=size)
    assert out.shape == (1, 3, 3, size, size)
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out[0].transpose(0, 1), expected, atol=2e-5)


def test_crop_of_whole_pixels_is_a_slice():
    frames = clip(20, 20)
    quarter = Augment(crop_area=(0.25, 0.25), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)
    out = run(frames, quarter, dice(TOP=0.3, LEFT=0.6), size=10)  # of the 10 pixels that are free: 3 and 6
    expected = frames[0, :, 3:13, 6:16].permute(3, 0, 1, 2).float() / 255
    np.testing.assert_allclose(out[0], expected, atol=1e-5)


def test_every_frame_of_a_clip_gets_the_same_change():
    still = clip(frames=1, clips=6).expand(6, 5, 20, 20, 3)
    out = run(still, Augment())
    assert (out - out[:, :, :1]).abs().max() < 1e-5
    assert (out[0] - out[1]).abs().max() > 0.05


def test_a_frame_is_changed_as_it_would_be_alone():

    frames = clip(frames=4, clips=3)
    settings = replace(Augment(), contrast=0)  # contrast is about the clip's mean, so it is not a frame's own
    together = run(frames, settings)
    alone = torch.cat([run(frames[:, t : t + 1], settings) for t in range(4)], dim=2)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_clip_is_changed_as_it_would_be_in_any_batch():
    frames, rolled = clip(clips=5), dice(5)
    together = run(frames, Augment(), rolled)
    alone = torch.cat([run(frames[i : i + 1], Augment(), rolled[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(20, 24), (20, 220), (220, 230)])
def test_what_a_crop_leaves_out_may_be_left_out_of_the_sums(height, width):
    frames = clip(height, width, clips=6)
    for seed in range(4):
        rolled = dice(6, seed=seed)
        rows, columns = cropping(frames, whole(frames), rolled, Augment(), 16)
        flat = frames.double() / 255
        wanted = torch.einsum("msh,mthwc,mxw->mtsxc", rows.double(), flat, columns.double())
        np.testing.assert_allclose(resample(frames, rows, columns), wanted, atol=2e-6)


def test_the_pixels_of_a_crop_are_counted_from_the_first_to_the_last_that_has_weight():
    matrix = torch.zeros(4, 30)
    matrix[1, 7], matrix[0, 12] = 0.5, 0.1
    assert counted(matrix) == slice(7, 13)
    assert counted(torch.ones(4, 30)) == slice(0, 30)


def test_dice_decide_everything():
    frames, before = clip(clips=4), torch.get_rng_state()
    first = run(frames, Augment(), dice(4))
    assert torch.equal(first, run(frames, Augment(), dice(4)))
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, run(frames, Augment(), dice(4, seed=1)))


def test_pixels_stay_in_range_and_the_clip_as_it_is():
    frames = clip(clips=8)
    copy = frames.clone()
    out = run(frames, Augment(brightness=0.9, contrast=0.9, saturation=0.9, hue=0.5, jitter=1))
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(frames, copy)


def test_flip_mirrors_columns_with_its_probability():
    frames = clip(clips=400, frames=1, height=8, width=8)
    rolled = dice(400)

    plain = run(frames, STILL, rolled, size=8)
    out = run(frames, replace(STILL, flip=0.5), rolled, size=8)
    mirrored = torch.tensor([torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(out, plain, strict=True)])
    same = torch.tensor([torch.allclose(a, b, atol=1e-5) for a, b in zip(out, plain, strict=True)])
    assert (mirrored ^ same).all()
    assert 0.42 < mirrored.float().mean() < 0.58


@pytest.mark.parametrize("size", [8, 16, 40])
def test_padding_beyond_the_frame_never_shows(size):
    extent = torch.tensor([[20, 14], [9, 20], [20, 20]])
    black, noise = clip(clips=3), clip(clips=3, seed=1)
    for number, (height, width) in enumerate(extent.tolist()):
        black[number, :, height:], black[number, :, :, width:] = 0, 0
        noise[number, :, :height, :width] = black[number, :, :height, :width]
    for seed in range(10):
        rolled = dice(3, seed=seed)
        assert torch.equal(
            augment(black, extent, rolled, Augment(), size), augment(noise, extent, rolled, Augment(), size)
        )


def field_jitter(pixels, brightness, contrast, saturation):
    """One operation after the other, as torchvision and Pillow define them; pixels [C, T, H, W]."""
    pixels = pixels * brightness
    grey = np.tensordot(LUMA, pixels, 1)
    pixels = contrast * pixels + (1 - contrast) * grey.mean()
    grey = np.tensordot(LUMA, pixels, 1)
    return np.clip(saturation * pixels + (1 - saturation) * grey, 0, 1)


@pytest.mark.parametrize("seed", range(4))
def test_jitter_is_brightness_then_contrast_then_saturation(seed):
    frames = clip(low=90, high=150, seed=seed)  # of middling grey, so that nothing is clipped half way
    rolled = dice(seed=seed)
    plain = run(frames, STILL)[0].numpy().astype(float)
    drawn = [
        1 + 0.4 * (2 * float(rolled[0, which]) - 1) for which in (module.BRIGHTNESS, module.CONTRAST, module.SATURATION)
    ]
    out = run(frames, only(brightness=0.4, contrast=0.4, saturation=0.4), rolled)[0]
    np.testing.assert_allclose(out, field_jitter(plain, *drawn), atol=1e-4)


def test_factors_reach_both_ends_of_their_range():
    frames = clip(low=90, high=150)
    plain = run(frames, STILL)
    for roll, factor in ((0.0, 0.6), (0.5, 1.0), (1.0, 1.4)):
        out = run(frames, only(brightness=0.4), dice(BRIGHTNESS=roll))
        np.testing.assert_allclose(out, plain * factor, atol=1e-4)


def test_grey_and_saturation_zero_leave_one_channel_the_luma():

    frames = clip()
    luma = np.tensordot(LUMA, run(frames, STILL)[0].numpy(), 1)
    for settings, rolled in (
        (replace(STILL, grey=1.0), dice()),
        (only(saturation=1.0), dice(SATURATION=0.0)),
    ):
        out = run(frames, settings, rolled)[0]
        for channel in out:
            np.testing.assert_allclose(channel, luma, atol=1e-4)


def test_hue_turns_colour_and_leaves_luma():
    frames = clip(low=100, high=140)
    plain = run(frames, STILL)[0].numpy()
    out = run(frames, only(hue=0.5), dice(HUE=0.8))[0].numpy()
    np.testing.assert_allclose(np.tensordot(LUMA, out, 1), np.tensordot(LUMA, plain, 1), atol=1e-4)
    assert np.abs(out - plain).mean() > 0.01


def test_half_a_turn_of_hue_swaps_each_colour_for_its_complement():
    frames = clip(low=100, high=140)
    plain = run(frames, STILL)[0].numpy()
    grey = np.tensordot(LUMA, plain, 1)
    out = run(frames, only(hue=0.5), dice(HUE=0.0))[0].numpy()
    np.testing.assert_allclose(out, 2 * grey - plain, atol=1e-4)


def test_turns_of_hue_add_up():
    one = torch.ones(1)
    twice = colour_matrix(one, one * 0.7) @ colour_matrix(one, one * 0.5)
    np.testing.assert_allclose(twice, colour_matrix(one, one * 1.2), atol=1e-5)
    np.testing.assert_allclose(colour_matrix(one, one * 0)[0], np.eye(3), atol=1e-6)


def test_jitter_is_drawn_with_its_probability():
    frames = clip(clips=400, frames=1, height=4, width=4, low=90, high=150)
    rolled = dice(400)

    out = run(frames, replace(STILL, jitter=0.8), rolled, size=4)
    changed = ((out - run(frames, STILL, rolled, size=4)).abs().amax(dim=(1, 2, 3, 4)) > 1e-4).float().mean()
    assert 0.73 < changed < 0.87


def test_more_blur_leaves_less_variance():

    frames = clip(64, 64)
    plain = run(frames, STILL, size=64)
    before = plain.var()
    for sigma in (1.0, 2.0, 4.0):
        out = run(frames, replace(STILL, blur=1.0, blur_sigma=(sigma, sigma)), size=64)
        assert out.var() < before
        before = out.var()


def test_blur_is_a_gaussian_in_both_directions():

    frames = torch.zeros(1, 1, 33, 33, 3, dtype=torch.uint8)
    frames[:, :, 16, 16] = 255
    sigma = 1.5 * 128 / 33  # given at 128 pixels: 1.5 at 33
    out = run(frames, replace(STILL, blur=1.0, blur_sigma=(sigma, sigma)), size=33)[0, 0, 0].numpy()
    y, x = np.mgrid[-16:17, -16:17]
    expected = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    np.testing.assert_allclose(out, expected / expected.sum(), atol=1e-5)


def test_no_blur_is_the_identity_and_strengths_span_their_range():
    assert torch.equal(gaussian(torch.zeros(1), 5)[0], torch.eye(5))
    settings = Augment(blur=1.0)
    assert float(blur_sigmas(dice(SIGMA=0.0), settings, 128)) == pytest.approx(0.1)
    assert float(blur_sigmas(dice(SIGMA=1.0), settings, 64)) == pytest.approx(1.0)
    assert float(blur_sigmas(dice(), Augment(blur=0.0), 64)) == 0


@given(
    height=st.integers(2, 300),
    width=st.integers(2, 300),
    seed=st.integers(0, 100),
    area=st.sampled_from([(0.2, 1.0), (1.0, 1.0), (0.05, 0.1)]),
)
def test_crop_lies_inside_any_frame_and_keeps_an_allowed_aspect(height, width, seed, area):
    settings = Augment(crop_area=area)
    top, left, crop_h, crop_w = crop_boxes(torch.tensor([[height, width]]), dice(seed=seed), settings)[0].tolist()
    assert -1e-4 <= top <= height - crop_h + 1e-4
    assert -1e-4 <= left <= width - crop_w + 1e-4
    assert 3 / 4 - 1e-4 <= crop_w / crop_h <= 4 / 3 + 1e-4


@pytest.mark.parametrize(("height", "width"), [(128, 171), (100, 100), (90, 40)])
def test_crops_follow_the_law_of_the_first_of_ten_tries_that_fits(height, width):
    count = 4000
    settings, rng = Augment(), np.random.default_rng(0)
    found = crop_boxes(torch.tensor([[height, width]] * count), dice(count), settings).numpy()
    expected = np.array(
        [random_crop(height, width, settings.crop_area, settings.crop_aspect, rng) for _ in range(count)]
    )

    def figures(boxes):
        top, left, h, w = boxes.T
        return {"area": h * w, "aspect": np.log(w / h), "top": top, "left": left}

    for name, values in figures(found).items():
        both = np.concatenate([values, figures(expected)[name]])
        ranks = [
            np.searchsorted(np.sort(sample), both + 1e-4, side="right") / count
            for sample in (values, figures(expected)[name])
        ]
        assert np.abs(ranks[0] - ranks[1]).max() < 1.63 * math.sqrt(2 / count), name  # Kolmogorov-Smirnov at 1 %


def test_frame_too_narrow_for_any_try_is_cut_to_the_nearest_aspect():
    settings = Augment(crop_area=(1, 1))
    tall = crop_boxes(torch.tensor([[300, 60]]), dice(TOP=0.5), settings)[0].tolist()
    assert tall == pytest.approx([110, 0, 80, 60])
    wide = crop_boxes(torch.tensor([[60, 300]]), dice(LEFT=0.0), settings)[0].tolist()
    assert wide == pytest.approx([0, 0, 60, 80])


def test_autocast_does_not_touch_pixels():
    frames = clip(clips=2)
    plain = run(frames, Augment())
    with torch.autocast("cpu", torch.bfloat16):
        under = run(frames, Augment())
    assert torch.equal(plain, under)


def test_clips_without_colour_are_cropped_and_flipped_alone():
    settings = Augment(jitter=1.0, grey=0.5, blur=1.0)
    clips, rolled = clip(clips=3), dice(3)
    before = rolled.clone()
    plain = module.without_colour(rolled, torch.tensor([True, False, True]))
    assert torch.equal(rolled, before)
    seen = run(clips, settings, plain)
    untinted = module.crop_and_flip(clips, whole(clips), rolled, settings, 16)
    torch.testing.assert_close(seen[[0, 2]], untinted[[0, 2]])
    assert torch.equal(seen[1], run(clips, settings, rolled)[1])
    assert not torch.allclose(seen[1], untinted[1], atol=0.01)
