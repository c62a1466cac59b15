from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from cases import CASES, batch, build, step
from learning import PLAIN, growing_shapes, term_on, trained

from kinema.errors import UsageError
from kinema.methods.clip_task import clips_of, features_of
from kinema.settings import PCL, Contrast, Meta, Order
from kinema.views import normalise
from reference.contrast import softmax_contrast
from reference.residual import residual

CASE = CASES["pcl"]


def pcl(**changes):
    return build(replace(CASE, method=replace(CASE.method, **changes)))


@pytest.mark.parametrize("task", ["vcp", "vcop"])
def test_with_weight_0_it_is_a_step_of_its_task_bit_for_bit(task):
    alone, both = build(CASES[task]), pcl(task=task, weight=0.0, normalise="unit")
    given = batch(alone)
    outcomes = [method.loss(given, step(3)) for method in (alone, both)]
    assert torch.equal(outcomes[0].total, outcomes[1].total)
    gradients = []
    for method, outcome in zip((alone, both), outcomes, strict=True):
        outcome.total.backward()
        gradients.append([p.grad for p in method.backbone.parameters()])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_loss_is_the_tasks_and_half_the_contrast_of_the_first_with_the_last_clip():
    method = pcl()
    given, rng = batch(method), step(2).rng()
    outcome = method.loss(given, step(2))
    with torch.no_grad():
        clips = method.task.shown(given, CASE, rng)
        features = features_of(method.backbone, normalise(clips.flatten(0, 1), "imagenet").view_as(clips))
        task, _ = method.task.judge(features, given.target, rng)
        z1, z2 = (F.normalize(method.projection(features[:, n]), dim=1).numpy() for n in (0, 2))
    indices = method.banks.draw(given.video, rng, None)
    contrast = sum(
        softmax_contrast(anchor, bank[indices].numpy(), 0.07)
        for anchor, bank in ((z1, method.banks.residual), (z2, method.banks.rgb))
    )
    assert outcome.terms["cloze"].item() == pytest.approx(task.item(), rel=1e-5)
    assert outcome.terms["contrast"].item() == pytest.approx(contrast, rel=1e-4)
    assert outcome.total.item() == pytest.approx(task.item() + 0.5 * contrast, rel=1e-4)


def test_each_parameter_is_in_the_optimiser_once():
    for task in ("vcp", "vcop"):
        parameters = [id(p) for p in pcl(task=task).parameters()]
        assert len(set(parameters)) == len(parameters)
        assert sum(name.startswith("backbone.") for name, _ in pcl(task=task).named_parameters()) == len(
            list(build(CASES["vcp"]).backbone.parameters())
        )


def test_chance_is_that_of_task_and_contrast():
    assert set(pcl().chance()) == {"cloze", "contrast"}
    assert set(pcl(task="vcop").chance()) == {"order", "contrast"}


def test_residuals_are_taken_of_each_augmented_clip():
    method = pcl(input="residual")
    clips = clips_of(batch(method), CASE)
    shown = method.shown(clips)
    for video in range(4):
        for n in range(3):
            expected = residual(clips[video, n].transpose(0, 1).numpy(), "repeat")
            torch.testing.assert_close(shown[video, n], torch.tensor(expected).transpose(0, 1))


@pytest.mark.parametrize("order", [1, 2])
def test_mcns_stages_can_be_laid_over_it(order):
    method = pcl(alpha=0.2, meta=Meta(order=order))
    outcome = method.loss(batch(method), step())
    assert {"binary", "cloze", "contrast", "support_cloze"} <= set(outcome.terms)
    outcome.total.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in method.backbone.parameters())


def test_settings_that_cannot_be_are_refused_by_flag_and_value():
    with pytest.raises(UsageError, match=r"--method\.weight is -1"):
        PCL(weight=-1)
    with pytest.raises(UsageError, match=r"--method\.dim is 0"):
        PCL(dim=0)
    with pytest.raises(UsageError, match="own_half is about rows of a memory bank, and pcl has none"):
        PCL(contrast=Contrast(source="batch"), meta=Meta(order=1, negatives="own_half"))


@pytest.mark.slow
def test_order_and_contrast_are_learnt_together_on_growing_shapes():
    """Chance is 1/6; of looks never seen, 30 points more orders are told; known videos are told apart.

    The contrast weighs little, as what tells the order here, the size, is what it wants to be the same.
    """
    order, contrast = Order(frames=4, gap=6, pair_dim=64, dropout=0), Contrast(negatives=64)
    method = PCL(task="vcop", weight=0.05, order=order, contrast=contrast, projection="linear_bn", dim=32)
    known = growing_shapes(range(96))
    learnt = trained(replace(PLAIN, method=method), known, epochs=80)
    assert term_on(learnt, known, "contrast") < learnt.chance()["contrast"] - 2
    assert term_on(learnt, growing_shapes(range(100, 132)), "order_acc") > 1 / 6 + 0.3
