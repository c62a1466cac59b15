"""Vertical flow as the second view: it lies on the RGB clip pixel by pixel, and colour has no part in it."""

from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build

from kinema.methods import two_views
from kinema.settings import Augment, TwoViews

NO_COLOUR = Augment(jitter=0, blur=0)


def views_of(augment=NO_COLOUR, given=None, name="cmc", **views):
    """Both views of a batch of a method whose second view is flow, by dropping the channel of flow or not."""
    base = CASES[name]
    method = replace(base.method, views=replace(base.method.views, second="flow", **views))
    method = build(replace(base, method=method, augment=augment))
    given = batch(method) if given is None else given(batch(method))
    return two_views.clips(given, method.recipe, method.config.views)


def red_as_flow(given):
    """A batch whose flow is its red channel, so that one must land where the other does."""
    return replace(given, clips=torch.cat([given.clips[..., :3], given.clips[..., :1]], dim=-1))


def test_flow_is_cropped_and_flipped_with_its_clip():
    rgb, flow = views_of(given=red_as_flow)
    assert flow.shape == rgb.shape
    for channel in range(3):
        torch.testing.assert_close(flow[:, channel], rgb[:, 0], atol=2e-6, rtol=0)


def test_horizontal_flip_keeps_the_sign_of_vertical_flow():
    whole = {"crop_area": (1, 1), "crop_aspect": (1.25, 1.25), "jitter": 0, "blur": 0}
    (_, still), (_, flipped) = (views_of(Augment(flip=flip, **whole)) for flip in (0, 1))
    torch.testing.assert_close(flipped, still.flip(-1), atol=2e-6, rtol=0)


def test_jitter_and_blur_change_rgb_and_leave_flow_alone():
    (rgb, flow), (other_rgb, other_flow) = (
        views_of(augment) for augment in (NO_COLOUR, Augment(jitter=1, blur=1, grey=1))
    )
    assert torch.equal(flow, other_flow)
    assert (rgb - other_rgb).abs().max() > 0.1


def test_no_motion_is_one_half_to_a_grey_level_everywhere():
    _, flow = views_of(given=lambda b: replace(b, clips=torch.where(torch.arange(4) == 3, 128, b.clips).byte()))
    torch.testing.assert_close(flow, torch.full_like(flow, 128 / 255))
    assert (flow - 0.5).abs().max() < 0.5 / 255 + 1e-6


def test_imagenet_normalisation_is_not_for_flow():
    (rgb, flow), (other_rgb, other_flow) = (views_of(normalise=how) for how in ("unit", "imagenet"))
    assert torch.equal(flow, other_flow)
    assert not torch.equal(rgb, other_rgb)


def test_independent_augmentation_gives_flow_a_crop_of_its_own():
    rgb, flow = views_of(independent_augment=True, given=red_as_flow)
    assert (rgb[:, 0] - flow[:, 0]).abs().max() > 0.1


@pytest.mark.parametrize("name", [name for name, recipe in CASES.items() if isinstance(recipe.method, TwoViews)])
def test_flow_needs_no_extra_frame(name):
    base = CASES[name]
    views = replace(base.method.views, second="flow", last_residual="extra_frame")
    method = build(replace(base, method=replace(base.method, views=views)))
    assert method.draw(40, torch.Generator()).indices.shape == (1, 4)
