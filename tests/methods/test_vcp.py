import itertools
import math
from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build, step
from learning import PLAIN, growing_shapes, term_on, trained

from kinema import recipes
from kinema.errors import UsageError
from kinema.methods.clip_task import clips_of, features_of
from kinema.methods.vcp import quadrants
from kinema.sampler.rows import PERMUTED, REMOTE, SHUFFLED, TURNED, UNCHANGED
from kinema.settings import VCP, Clip, Cloze
from reference.order import cloze_logits, cross_entropy

CASE = CASES["vcp"]


def changed(label, number=0):
    """Clips of noise before and after the cloze of that label."""
    method = build(CASE)
    clips = clips_of(batch(method), method.recipe)
    target = torch.full((4,), label)
    return clips, method.cloze.change(clips, target, method.cloze.choose(4, step(number).rng()))


def with_head(head):
    return build(replace(CASE, method=replace(CASE.method, cloze=replace(CASE.method.cloze, head=head))))


@pytest.mark.parametrize("head", ["mlp", "linear"])
def test_loss_is_the_cross_entropy_of_the_heads_answer_to_all_features_side_by_side(head):
    method = with_head(head)
    given, rng = batch(method), step(3).rng()
    with torch.no_grad():
        clips = method.cloze.shown(given, method.recipe, rng)
        together = features_of(method.backbone, clips).flatten(1).numpy()
    weights = [weight.detach().numpy() for weight in method.cloze.answer.parameters()]
    logits = cloze_logits(together, *weights)
    outcome = method.loss(given, step(3))
    assert outcome.total.item() == pytest.approx(cross_entropy(logits, given.target.tolist()), rel=1e-5)
    hits = [row.argmax() == target for row, target in zip(logits, given.target.tolist(), strict=True)]
    assert outcome.terms["cloze_acc"].item() == pytest.approx(sum(hits) / len(hits))


@pytest.mark.parametrize(("head", "sees"), [("mlp", True), ("linear", False)])
def test_only_two_layers_see_whether_the_middle_clip_belongs_to_the_others(head, sees):
    """What another middle clip changes depends on its neighbours, or it does not."""
    method, rng = with_head(head), step().rng()
    one, other = torch.randn(2, 3, method.backbone.feature_dim, generator=rng)
    changes = []
    for row in (one, other):
        middles = [torch.stack([row[0], middle, row[2]])[None] for middle in (one[1], other[1])]
        before, after = (method.cloze(features, rng) for features in middles)
        changes.append(after - before)
    assert torch.allclose(*changes, atol=1e-5) != sees


def test_fresh_networks_answer_near_chance():
    losses = []
    for seed in range(8):
        method = build(replace(CASE, train=replace(CASE.train, seed=seed)))
        losses.append(method.loss(batch(method, seed=seed), step(seed)).total.item())
    assert sum(losses) / 8 == pytest.approx(math.log(5), rel=0.15)
    assert method.chance() == {"cloze": pytest.approx(math.log(5))}


@pytest.mark.parametrize("label", [TURNED, PERMUTED])
def test_pixels_of_the_middle_clip_are_rearranged_and_no_others(label):
    for number in range(12):
        before, after = changed(label, number)
        assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
        for video in range(4):
            assert not torch.equal(before[video, 1], after[video, 1])
            for frame in range(4):
                one, other = before[video, 1, :, frame], after[video, 1, :, frame]
                assert torch.equal(one.flatten(1).sort().values, other.flatten(1).sort().values)


@pytest.mark.parametrize("label", [UNCHANGED, SHUFFLED, REMOTE])
def test_what_the_drawing_does_leaves_pixels_alone(label):
    before, after = changed(label)
    assert torch.equal(before, after)


def test_clips_are_turned_by_one_two_and_three_quarters():
    seen = set()
    for number in range(20):
        before, after = changed(TURNED, number)
        seen |= {
            quarters
            for video in range(4)
            for quarters in (1, 2, 3)
            if torch.equal(before[video, 1].rot90(quarters, dims=(2, 3)), after[video, 1])
        }
    assert seen == {1, 2, 3}


def test_quadrants_are_put_where_the_order_says():
    picture = torch.arange(16).view(4, 4)
    assert torch.equal(quadrants(picture, (0, 1, 2, 3)), picture)
    assert quadrants(picture, (3, 2, 1, 0)).tolist() == [
        [10, 11, 8, 9],
        [14, 15, 12, 13],
        [2, 3, 0, 1],
        [6, 7, 4, 5],
    ]


def test_quadrants_are_put_into_every_order_but_their_own():
    cloze = build(CASE).cloze
    size = CASE.clip.size
    clips = torch.arange(float(size * size)).view(size, size).expand(400, 3, 3, 1, size, size)
    found = cloze.change(clips, torch.full((400,), PERMUTED), cloze.choose(400, step().rng()))[:, 1, 0, 0]
    orders = {order: quadrants(clips[0, 0, 0, 0], order) for order in itertools.permutations(range(4))}
    seen = [order for picture in found for order, moved in orders.items() if torch.equal(picture, moved)]
    assert len(seen) == 400
    assert set(seen) == set(orders) - {(0, 1, 2, 3)}


def test_odd_pictures_are_refused():
    with pytest.raises(UsageError, match=r"--clip\.size 15 cannot be cut into quadrants: give an even number"):
        build(replace(CASE, clip=Clip(frames=4, size=15)))


def test_recipes_rows_and_remote_clips_fit_their_data():
    for name, frames in (("vcp", 96), ("tiny_vcp", 40)):
        cloze = recipes.get(name).method.cloze
        assert cloze.reach + cloze.distance + cloze.span == frames


@pytest.mark.slow
def test_cloze_is_learnt_on_growing_shapes():
    """Chance is 1/5; of looks never seen, 15 points more clozes are told.

    It begins late, after half of the steps or so: by another seed (1) it was still at chance at the end.
    """
    method = VCP(cloze=Cloze(frames=4, gap=0, distance=2, hidden=64))
    optim, train = replace(PLAIN.optim, lr=1e-3), replace(PLAIN.train, batch_size=8)
    recipe = replace(PLAIN, method=method, optim=optim, train=train)
    learnt = trained(recipe, growing_shapes(range(96)), epochs=200)
    assert term_on(learnt, growing_shapes(range(200, 264)), "cloze_acc") > 1 / 5 + 0.15
