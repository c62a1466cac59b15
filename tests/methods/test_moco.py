import math
from dataclasses import replace

import pytest
import torch
from cases import CASES, VIDEOS, batch, build, step
from learning import LEARNING, batch_of, moving_shapes, trained
from second_order import slope_and_differences

from kinema import sampler
from kinema.batch import Enqueue, generator
from kinema.data.shapes import MOTIONS
from kinema.errors import UsageError
from kinema.momentum import rising
from kinema.recipes import tiny_momentum
from kinema.settings import Augment, Meta
from reference.contrast import momentum_contrast

STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)


def recipe(augment=None, **changes):
    base = CASES["moco"]
    return replace(base, augment=augment or base.augment, method=replace(base.method, **changes))


def queries_and_keys(method, given):
    """(q, k) of the first clip and of the second, each [B, D]."""
    with torch.no_grad():
        return [(method.query(clip)[1], method.key(clip)[1]) for clip in method.clips(given)]


def enqueued(outcome):
    return [write.rows for write in outcome.writes if isinstance(write, Enqueue)]


# ---- the loss ----


@pytest.mark.parametrize("symmetric", [False, True])
def test_loss_is_info_nce_of_queries_against_their_keys_and_the_queue(symmetric):
    method = build(recipe(symmetric=symmetric))
    given = batch(method)
    loss = method.loss(given, step(2)).total.item()
    (q1, k1), (q2, k2) = queries_and_keys(method, given)
    pairs = [(q1, k2), (q2, k1)] if symmetric else [(q1, k2)]
    expected = sum(momentum_contrast(q.numpy(), k.numpy(), method.queue.keys.numpy(), 0.07) for q, k in pairs)
    assert loss == pytest.approx(expected / len(pairs), rel=1e-4)


def test_with_a_queue_of_known_rows_the_loss_has_a_closed_form():
    method = build(recipe(temperature=0.5))
    with torch.no_grad():
        for bias in (method.projection[0].bias, method.projection[2].bias):
            bias += 1  # so that the projection of nothing has a direction
        for layer in (method.projection[0], method.projection[2]):
            layer.weight.zero_()
    method.key_projection.follow(method.projection, 0.0)  # now all queries and keys are one
    (q, k), _ = queries_and_keys(method, batch(method))
    torch.testing.assert_close(q, k)
    method.queue.keys.copy_(-q[:1])
    assert method.loss(batch(method), step()).total.item() == pytest.approx(math.log(1 + 8 * math.exp(-4)), rel=1e-4)
    method.queue.keys.copy_(q[:1])
    assert method.loss(batch(method), step()).total.item() == pytest.approx(math.log(9))
    assert method.chance()["contrast"] == pytest.approx(math.log(9))


def test_a_query_scores_its_own_key_first_and_the_rows_of_other_videos_if_asked():
    method = build(recipe(exclude_self=True))
    q = torch.eye(16)[:2]
    method.queue.put({"keys": torch.eye(16)[:4], "video": torch.tensor([7, 3, 7, 5])})
    scores = method.scores(q, -q, torch.tensor([7, 9])) * 0.07
    torch.testing.assert_close(scores[:, 0], torch.tensor([-1.0, -1.0]))
    assert scores[0, [1, 3]].tolist() == [float("-inf")] * 2
    assert scores[1, 2] == pytest.approx(1)
    assert torch.isfinite(scores[1]).all()


# ---- the queue ----


def test_keys_enter_the_queue_after_they_were_compared_in_the_order_of_the_batch():
    method = build(recipe())
    given = batch(method)
    _, (_, k) = queries_and_keys(method, given)
    before = method.queue.keys.clone()
    outcome = method.loss(given, step())
    assert torch.equal(method.queue.keys, before)
    method.commit(outcome.writes)
    torch.testing.assert_close(method.queue.keys[:4], k)
    assert torch.equal(method.queue.video[:4], given.video)
    assert torch.equal(method.queue.keys[4:], before[4:])
    assert method.queue.place == 4


def test_where_each_clip_is_a_query_both_keys_are_kept():
    method = build(recipe(symmetric=True))
    given = batch(method)
    (_, k1), (_, k2) = queries_and_keys(method, given)
    (rows,) = enqueued(method.loss(given, step()))
    torch.testing.assert_close(rows["keys"], torch.cat([k2, k1]))
    assert torch.equal(rows["video"], given.video.repeat(2))


@pytest.mark.parametrize(
    ("changes", "waiting"),
    [
        ({}, 0),
        ({"fill_first": True}, 2),
        ({"fill_first": True, "queue": 9}, 3),
        ({"fill_first": True, "symmetric": True, "queue": 12}, 2),
        ({"fill_first": True, "meta": Meta(order=1)}, 1),
        ({"fill_first": True, "meta": Meta(order=1, bank_update="query")}, 2),
    ],
)
def test_no_weight_moves_until_the_queue_is_full_if_it_is_to_be_filled_first(changes, waiting):
    method = build(recipe(**changes))
    assert method.waiting_steps() == waiting
    for number in range(5):
        if changes:
            assert (number < waiting) == (not method.queue.filled.all())
        method.commit(method.loss(batch(method, seed=number), step(number)).writes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"queue": 3}, r"^a queue of 3 rows is overfilled by one step, .* of 4 videos: raise --method.queue to 4 or"),
        ({"queue": 21}, r"some of the 24 videos of an epoch twice, .* lower --method.queue to 20 or less$"),
        ({"queue": 7, "symmetric": True}, r"2 features each of 4 videos: raise --method.queue to 8 or more$"),
        ({"queue": 41, "symmetric": True}, r"lower --method.queue to 40 or less$"),
        ({"queue": 17, "meta": Meta(order=1)}, r"of 8 videos .* lower --method.queue to 16 or less$"),
        ({"queue": 9, "meta": Meta(order=1, bank_update="support")}, r"some of the 12 videos .* to 8 or less$"),
    ],
)
def test_a_queue_that_does_not_fit_the_videos_is_refused_before_the_first_step(changes, complaint):
    with pytest.raises(UsageError, match=complaint):
        build(recipe(**changes))


def test_batches_of_more_than_half_the_videos_are_refused():
    with pytest.raises(UsageError, match=r"more than half of the 16 of an epoch.* lower --train.batch-size"):
        build(replace(recipe(queue=16), train=replace(CASES["moco"].train, batch_size=16)))


# ---- the copy ----


@pytest.mark.parametrize(("rises", "progress"), [(False, 0.5), (True, 0.0), (True, 0.5)])
def test_copies_follow_the_weights_after_the_step(rises, progress):
    method = build(recipe(momentum=0.9, rising=rises))
    before = {name: value.clone() for name, value in method.key_backbone.weights().items()}
    outcome = method.loss(batch(method), step(progress=progress))
    with torch.no_grad():
        for parameter in method.parameters():
            parameter += 1
    method.commit(outcome.writes)
    kept = rising(0.9, progress) if rises else 0.9
    for name, value in method.key_backbone.weights().items():
        torch.testing.assert_close(value, before[name] + (1 - kept))
    assert method.momentum.item() == pytest.approx(kept)


def test_no_gradient_reaches_a_key():
    method = build(recipe(alpha=0.2))
    contrasted = method.contrast(batch(method), step())
    assert contrasted.features.h1.requires_grad
    assert contrasted.features.z1.requires_grad
    assert not contrasted.features.h2.requires_grad
    assert not contrasted.features.z2.requires_grad


# ---- the clips ----


def test_clips_of_its_own_windows_all_change_colour():
    method = build(recipe(clips="two"))
    assert isinstance(method.draw, sampler.RandomClips)
    given = batch(method)
    quiet = replace(given, target=torch.zeros_like(given.target))
    assert all(torch.equal(one, two) for one, two in zip(method.clips(given), method.clips(quiet), strict=True))


@pytest.mark.parametrize("n", [0, 1])
def test_a_clip_whose_bit_is_clear_keeps_its_colours(n):
    changing = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=1, grey=1, blur=1)
    method, plain = build(recipe(augment=changing)), build(recipe(augment=STILL))
    given = replace(batch(method), target=torch.tensor([0, 1, 2, 3]))
    seen, untouched = method.clips(given)[n], plain.clips(given)[n]
    for video, target in enumerate(given.target.tolist()):
        same = torch.allclose(seen[video], untouched[video])
        assert same == (not target >> n & 1)


# ---- MCN over it ----


@pytest.mark.parametrize(("keep", "stages"), [("both", [0, 1]), ("support", [0]), ("query", [1])])
def test_two_stages_enqueue_both_halves_in_order_or_the_one_that_is_asked_for(keep, stages):
    method = build(recipe(alpha=0.2, meta=Meta(order=1, bank_update=keep)))
    given = batch(method)
    outcome = method.loss(given, step())
    halves = [given.halves()[stage] for stage in stages]
    assert [rows["video"].tolist() for rows in enqueued(outcome)] == [half.video.tolist() for half in halves]
    keys = [queries_and_keys(method, half)[1][1] for half in halves]
    method.commit(outcome.writes)
    count = 4 * len(stages)
    assert method.queue.place == count % 8
    torch.testing.assert_close(method.queue.keys[:count], torch.cat(keys))
    assert int(method.queue.filled.sum()) == count


def test_neither_stage_meets_the_others_keys():
    method = build(recipe(meta=Meta(order=1)))
    given = batch(method)
    seen = []
    scores = type(method).scores

    def noted(queries, keys, video):
        seen.append(method.queue.keys.clone())
        return scores(method, queries, keys, video)

    method.scores = noted
    before = method.queue.keys.clone()
    method.loss(given, step())
    assert len(seen) == 2
    assert all(torch.equal(queue, before) for queue in seen)


def test_pairs_are_of_queries_and_keys():
    method = build(recipe(alpha=0.2))
    given = batch(method)
    contrasted, outcome = method.contrast(given, step()), method(given, step())
    binary, _ = method.same_video(contrasted.features)
    torch.testing.assert_close(outcome.total, 0.2 * binary + 0.8 * contrasted.loss)
    (q, _), (_, k) = queries_and_keys(method, given)
    torch.testing.assert_close(contrasted.features.z1, q)
    torch.testing.assert_close(contrasted.features.z2, k)


@pytest.mark.parametrize("form", ["graph", "hvp"])
def test_second_order_is_the_gradient_of_its_two_stage_loss(monkeypatch, form):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    method = build(recipe(alpha=0.2, meta=Meta(order=2, form=form)))
    for second, first, truth in slope_and_differences(method):
        assert second == pytest.approx(truth, rel=1e-6)
        assert abs(first - truth) > 1e-3 * abs(truth)


# ---- the recipes ----


def test_small_queues_leave_room_in_a_set_of_768_videos():
    assert VIDEOS < 768
    for make in (tiny_momentum.tiny_moco, tiny_momentum.tiny_mcn_moco):
        assert build(make(), videos=768).queue.keys.shape == (512, 128)


@pytest.mark.slow
def test_it_learns_to_find_the_other_clip_of_a_video():
    chosen = replace(LEARNING, method=replace(tiny_momentum.tiny_moco().method, queue=64))
    motions = MOTIONS[:4]
    seen, unseen = moving_shapes(motions, range(24)), moving_shapes(motions, range(24, 32))
    still = replace(chosen, optim=replace(chosen.optim, lr=1e-9))  # its queue is filled, but it learns nothing
    before, after = (found(trained(each, seen, epochs), unseen) for each, epochs in ((still, 2), (chosen, 24)))
    assert before < 0.35  # chance is 1 in 65
    assert after > before + 0.2


@torch.no_grad()
def found(method, videos, rounds=4):
    """How often a key is found among the queue's; in train mode, since that is how the queue's were made."""
    rates = []
    for epoch in range(1000, 1000 + rounds):
        for numbers in torch.randperm(len(videos), generator=generator(epoch)).split(16):
            outcome = method.loss(batch_of(method, videos, numbers.tolist(), epoch), step(epoch))
            rates.append(outcome.terms["contrast_acc"])
    return float(torch.stack(rates).mean())
