import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from cases import CASES, batch, build, step
from contrasting import contrast_over
from learning import LEARNING, moving_shapes, trained
from second_order import slope_and_differences

from kinema import loading, views
from kinema.data.shapes import MOTIONS
from kinema.errors import UsageError
from kinema.methods import two_views
from kinema.recipes import tiny_contrastive
from kinema.settings import CMC, IIC, Contrast, Meta, Views
from reference.contrast import inter_intra

HOUSE = {"residual": "absolute", "views": Views(dim=16)}
"""MCN's views in place of IIC's."""


def recipe(frames=4, **changes):
    base = CASES["iic"]
    return replace(base, method=replace(base.method, **changes), clip=replace(base.clip, frames=frames))


@pytest.mark.parametrize("changes", [{}, HOUSE])
def test_loss_has_both_views_banks_and_the_intra_negatives_bank(changes):
    method = build(recipe(**changes))
    given = batch(method)
    found = method.loss(given, step(2)).total.item()
    rng = step(2).rng()
    method.without_motion(4, rng)
    indices = method.banks.draw(given.video, rng, None)
    config = method.config.views
    pixels = two_views.clips(given, method.recipe, config)
    with torch.no_grad():
        z = two_views.embed(method.backbone, method.projection, method.residual_statistics, *pixels, config)
    expected = sum(
        inter_intra(anchor.numpy().astype(float), bank[indices].numpy(), method.banks.intra[indices].numpy(), 0.07)
        for anchor, bank in ((z.z1, method.banks.residual), (z.z2, method.banks.rgb))
    )
    assert found == pytest.approx(expected, rel=1e-4)


def test_repeated_frame_is_any_frame_of_the_clip_all_the_time():
    method = build(recipe(frames=5))
    order = method.without_motion(500, step().rng())
    assert (order == order[:, :1]).all()
    assert torch.bincount(order[:, 0], minlength=5).min() > 60
    clips = torch.rand(500, 3, 5, 2, 2)
    made = views.reordered(clips, order)
    assert (made - made[:, :, :1]).abs().max() == 0
    assert torch.equal(made[7, :, 0], clips[7, :, order[7, 0]])


def test_shuffling_swaps_two_quarters_and_never_none():
    method = build(recipe(frames=8, intra="shuffle"))
    order = method.without_motion(500, step().rng())
    assert torch.equal(order.sort(dim=1).values, torch.arange(8).expand(500, 8))
    moved = (order != torch.arange(8)).sum(dim=1)
    assert (moved == 4).all()
    assert len({tuple(row) for row in order.tolist()}) == 6  # pairs of four quarters


def test_clip_without_quarters_is_refused():
    with pytest.raises(UsageError, match=r"^--clip.frames 3 has no quarters .* 4 or more, or --method.intra repeat$"):
        build(recipe(frames=3, intra="shuffle"))
    assert build(recipe(frames=3)).config.intra == "repeat"


@pytest.mark.parametrize(("source", "reach"), [("bank", False), ("batch", True)])
def test_intra_negatives_have_a_gradient_only_without_a_bank(source, reach):
    method = build(recipe(contrast=Contrast(source=source, negatives=8)))
    clips = torch.rand(4, 3, 4, 16, 16)
    assert method.embed_intra(clips).requires_grad == reach


def test_bank_of_intra_negatives_gets_the_features_of_clips_without_motion():
    method = build(recipe(**HOUSE))
    given, plain = batch(method), copy.deepcopy(method)
    write = next(w for w in method.loss(given, step()).writes if w.buffer == "banks.intra")
    rgb, _ = two_views.clips(given, method.recipe, method.config.views)
    order = method.without_motion(4, step().rng())
    still = torch.stack([clip[:, frames] for clip, frames in zip(rgb, order, strict=True)])
    with torch.no_grad():
        features = plain.projection.layers[0](plain.backbone(still))
    mixed = 0.5 * method.banks.intra[given.video] + 0.5 * F.normalize(features, dim=1)
    torch.testing.assert_close(write.value, F.normalize(mixed, dim=1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("statistics", "passes"), [("mixed", 3), ("each", 1)])
def test_intra_negatives_move_running_statistics_only_where_all_are_mixed(statistics, passes):
    method = build(recipe(views=Views(statistics=statistics)))
    method.commit(method.loss(batch(method), step()).writes)
    assert int(method.backbone.bn1.num_batches_tracked) == passes


@pytest.mark.parametrize("form", ["signed", "absolute"])
def test_encoder_is_shown_the_residual_that_training_showed(form):
    method = build(recipe(residual=form))
    given = batch(method)
    rgb, second = two_views.clips(given, method.recipe, method.config.views)
    encoder = loading.random_init(method.recipe, view="residual")
    torch.testing.assert_close(encoder.show(rgb), second)
    assert (second.min() >= 0) and ((second - (rgb - rgb.roll(1, 2) + 1) / 2).abs().max() < 1e-6) == (form == "signed")


def test_tiny_recipe_differs_from_that_of_cmc_in_the_intra_negatives_alone():
    iic, cmc = tiny_contrastive.tiny_iic().method, CMC(contrast=tiny_contrastive.CONTRAST, views=tiny_contrastive.VIEWS)
    assert (iic.views, iic.contrast, iic.pixels) == (cmc.views, cmc.contrast, cmc.pixels)
    assert isinstance(iic, IIC)


def test_flow_takes_the_place_of_the_residual():
    method = IIC(intra="shuffle").with_flow()
    assert method.flow
    assert method.pixels.second == "flow"


def test_with_mcns_parts_it_has_two_stages_which_both_refresh_every_bank():
    method = build(recipe(alpha=0.2, meta=Meta(order=1), **HOUSE))
    given = batch(method)
    outcome = method.loss(given, step())
    assert {"contrast", "binary", "support_contrast", "support_binary"} <= set(outcome.terms)
    before = method.banks.intra.clone()
    method.commit(outcome.writes)
    moved = (before != method.banks.intra).any(dim=1).nonzero()[:, 0]
    assert moved.tolist() == sorted(given.video.tolist())


@pytest.mark.parametrize("form", ["graph", "hvp"])
def test_second_order_is_the_gradient_of_its_two_stage_loss(monkeypatch, form):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    method = build(recipe(alpha=0.2, meta=Meta(order=2, form=form), **HOUSE))
    for second, first, truth in slope_and_differences(method, eps=1e-9):
        assert second == pytest.approx(truth, rel=1e-6)
        assert abs(first - truth) > 1e-3 * abs(truth)


@pytest.mark.slow
def test_it_learns_to_tell_videos_and_their_intra_negatives_apart_a_quarter_below_chance():
    views_of_mcn = Views(projection="linear_bn")
    recipe = replace(LEARNING, method=IIC(residual="absolute", views=views_of_mcn, contrast=Contrast(negatives=31)))
    videos = moving_shapes(MOTIONS[:2], range(32))
    chance = build(recipe, videos=len(videos)).chance()["contrast"]
    assert contrast_over(trained(recipe, videos, 0), videos) > 0.9 * chance
    assert contrast_over(trained(recipe, videos, 60), videos) < 0.75 * chance
