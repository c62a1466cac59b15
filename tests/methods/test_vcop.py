from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build, step
from learning import PLAIN, growing_shapes, term_on, trained

from kinema import recipes
from kinema.augment import FLIP, augment
from kinema.methods.clip_task import clips_of, features_of
from kinema.settings import VCOP, Order
from reference.order import cross_entropy, order_logits

CASE = CASES["vcop"]


def undropped(**changes):
    return build(replace(CASE, method=replace(CASE.method, order=replace(CASE.method.order, dropout=0, **changes))))


def features(method, given):
    with torch.no_grad():
        return features_of(method.backbone, clips_of(given, method.recipe))


def test_loss_is_the_cross_entropy_of_the_pairs_answers():
    method = undropped()
    given = batch(method)
    task = method.order
    weights = [task.pair[0].weight, task.pair[0].bias, task.answer.weight, task.answer.bias]
    weights = [weight.detach().numpy() for weight in weights]
    logits = [order_logits(video, *weights) for video in features(method, given).numpy()]
    outcome = method.loss(given, step())
    assert outcome.total.item() == pytest.approx(cross_entropy(logits, given.target.tolist()), rel=1e-5)
    hits = [row.argmax() == target for row, target in zip(logits, given.target.tolist(), strict=True)]
    assert outcome.terms["order_acc"].item() == pytest.approx(sum(hits) / len(hits))


def test_fresh_network_answers_at_chance():
    method = build(CASE)
    losses = [method.loss(batch(method, seed=seed), step(seed)).total.item() for seed in range(8)]
    assert sum(losses) / 8 == pytest.approx(method.chance()["order"], rel=0.1)
    assert method.chance()["order"] == pytest.approx(1.791759)  # ln 6


def test_answer_depends_on_which_clip_of_a_pair_is_shown_first():
    """Of two clips, whose only pair holds the same two features either way."""
    method = undropped(clips=2)
    shown = features(method, batch(method))
    rng = step().rng()
    assert not torch.allclose(method.order(shown, rng), method.order(shown[:, [1, 0]], rng), atol=1e-4)


def test_dropout_depends_on_the_step_alone_and_evaluation_has_none():
    method = build(CASE)
    shown = features(method, batch(method))
    first, same, other = (method.order(shown, step(number).rng()) for number in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    method.eval()
    assert torch.equal(method.order(shown, step(1).rng()), method.order(shown, step(2).rng()))


def test_clips_of_a_video_are_cropped_and_coloured_apart_but_mirrored_together():
    method = build(CASE)
    given = batch(method)
    still = replace(given, dice=given.dice.clone())
    still.dice[:, :, FLIP] = torch.tensor([0.1, 0.9, 0.9])  # the first clip's decides: below 0.5 is mirrored
    found = clips_of(still, method.recipe)
    for n in range(3):
        dice = given.dice[:, n].clone()
        dice[:, FLIP] = 0.1
        expected = augment(given.clips[:, n], given.extent, dice, method.recipe.augment, 16)
        torch.testing.assert_close(found[:, n], expected)


def test_all_clips_are_seen_by_one_backbone_in_one_batch():
    method = build(CASE)
    clips = clips_of(batch(method), method.recipe)
    torch.testing.assert_close(
        features_of(method.backbone, clips)[2, 1], method.backbone(clips.flatten(0, 1))[2 * 3 + 1]
    )


def test_recipes_rows_fit_their_data():
    assert recipes.get("vcop").method.order.reach == 64  # VCOP leaves shorter videos of UCF101 out
    assert recipes.get("tiny_vcop").method.order.reach == 32  # the shortest clips of asl18


@pytest.mark.slow
def test_order_of_clips_is_learnt_on_growing_shapes():
    """Chance is 1/6; of looks never seen, 40 points more orders are told."""
    method = VCOP(order=Order(frames=4, gap=6, pair_dim=64, dropout=0))
    learnt = trained(replace(PLAIN, method=method), growing_shapes(range(96)), epochs=80)
    assert term_on(learnt, growing_shapes(range(100, 132)), "order_acc") > 1 / 6 + 0.4
