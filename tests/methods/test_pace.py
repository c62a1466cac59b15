import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from cases import BATCH, CASES, batch, build, step
from learning import PLAIN, moving_shapes, term_on, trained

from kinema.augment import augment
from kinema.sampler.paces import pace_numbers
from kinema.settings import Augment, Pace
from reference.contrast import nt_xent
from reference.order import cross_entropy

CASE = CASES["pace"]


def with_contrast(weight=0.1, **changes):
    return build(replace(CASE, method=replace(CASE.method, contrast=weight, **changes)))


def test_loss_is_the_cross_entropy_of_one_layer_on_the_clips_feature():
    method = build(CASE)
    given = batch(method)
    with torch.no_grad():
        logits = method.pace(method.backbone(method.clips(given, step(3).rng())[:, 0])).numpy()
    outcome = method.loss(given, step(3))
    assert outcome.total.item() == pytest.approx(cross_entropy(logits, given.target.tolist()), rel=1e-5)
    hits = (logits.argmax(axis=1) == given.target.numpy()).mean()
    assert outcome.terms["pace_acc"].item() == pytest.approx(hits)


def test_contrast_is_between_two_clips_of_a_video_and_weighed():
    method = with_contrast(0.3)
    given = batch(method)
    with torch.no_grad():
        features = method.backbone(method.clips(given, step(3).rng()).flatten(0, 1))
        z = F.normalize(method.projection(features), dim=1).view(BATCH, 2, -1).numpy()
        logits = method.pace(features).numpy()
    outcome = method.loss(given, step(3))
    contrast = nt_xent(z[:, 0], z[:, 1], method.config.temperature)
    pace = cross_entropy(logits, pace_numbers(given.target, 2, 4).flatten().tolist())
    assert outcome.terms["contrast"].item() == pytest.approx(contrast, rel=1e-4)
    assert outcome.total.item() == pytest.approx(pace + 0.3 * contrast, rel=1e-4)


def test_fresh_networks_answer_near_chance():
    losses = []
    for seed in range(8):
        method = build(replace(CASE, train=replace(CASE.train, seed=seed)))
        losses.append(method.loss(batch(method, seed=seed), step(seed)).total.item())
    assert sum(losses) / 8 == pytest.approx(math.log(4), rel=0.15)
    assert method.chance() == {"pace": math.log(4)}
    assert with_contrast().chance() == {"pace": math.log(4), "contrast": math.log(2 * BATCH - 1)}


def test_all_parts_of_the_contrast_get_a_gradient_and_it_costs_no_buffer():
    method = with_contrast()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    method.loss(batch(method), step()).total.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in method.parameters())
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())


def test_without_contrast_there_is_one_clip_and_no_projection():
    assert build(CASE).draw(40, step().rng()).indices.shape == (1, 4)
    assert not hasattr(build(CASE), "projection")
    assert with_contrast().draw(40, step().rng()).indices.shape == (2, 4)


def test_colours_are_drawn_for_each_frame_and_differ_from_step_to_step():
    strong = Augment(jitter=1, brightness=0.8, contrast=0, saturation=0, hue=0, blur=0)
    method = build(replace(CASE, augment=strong))
    given = batch(method)
    given = replace(given, clips=torch.full_like(given.clips, 100), extent=torch.tensor([[20, 24]] * 4))
    shown = method.clips(given, step(0).rng())
    assert len(shown.mean(dim=(2, 4, 5)).unique()) == 4 * 4  # one clip of four frames each
    assert torch.equal(shown, method.clips(given, step(0).rng()))
    assert not torch.equal(shown, method.clips(given, step(1).rng()))


@pytest.mark.parametrize("jitter", ["frame", "clip"])
def test_crop_and_mirror_are_those_of_the_clip_however_colours_are_drawn(jitter):
    plain = Augment(jitter=0, grey=0)
    method = build(replace(CASE, augment=plain, method=replace(CASE.method, jitter=jitter)))
    given = batch(method)
    expected = augment(given.clips[:, 0], given.extent, given.dice[:, 0], plain, 16)
    torch.testing.assert_close(method.clips(given, step().rng())[:, 0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("contrast", [0.0, 0.1])
def test_pace_is_learnt_on_rising_shapes(contrast):
    """Chance is 1/4; of looks never seen, 40 points more paces are told."""
    recipe = replace(PLAIN, method=Pace(frames=8, wrap=False, contrast=contrast, dim=64))
    learnt = trained(recipe, moving_shapes(["rise"], range(192)), epochs=80)
    assert term_on(learnt, moving_shapes(["rise"], range(200, 224)), "pace_acc") > 1 / 4 + 0.4
