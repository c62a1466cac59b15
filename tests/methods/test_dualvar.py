import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cases import CASES, VIDEOS, batch, build, step
from contrasting import contrast_over
from learning import LEARNING, batch_of, moving_shapes, trained
from second_order import slope_and_differences
from torch import nn

from kinema import views
from kinema.batch import generator
from kinema.data.shapes import MOTIONS
from kinema.errors import UsageError
from kinema.methods.two_clips import clips
from kinema.settings import Augment, DualVar, Meta
from reference.contrast import nt_xent, softmax_contrast
from reference.dualvar import coherent_contrast, shuffle_rank

STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)


def recipe(frames=4, augment=None, **changes):
    base = CASES["dualvar"]
    clip = replace(base.clip, frames=frames)
    return replace(base, method=replace(base.method, **changes), clip=clip, augment=augment or base.augment)


def shuffled(method, again, at):
    """The clips with shuffled segments, and the order [B, n] that the segments have in them."""
    order = method.order(len(again), at.rng())
    return views.reordered(again, views.pieces_in_order(again.shape[2], order)), order


def vectors(method, given, at):
    """What the losses are made of, by hand: clip vectors of both clips, and segments of both, of the first again, and
    of that shuffled and put back in order."""
    one, other, again = clips(given, method.recipe)
    mixed, order = shuffled(method, again, at)
    with torch.no_grad():
        h = method.backbone(torch.cat([one, again, mixed, other]))
        z, _, _, z_other = F.normalize(method.clip_head(h), dim=1).chunk(4)
        apart = F.normalize(method.segment_head(h).view(len(h), method.config.segments, -1), dim=2)
    s, s_again, s_mixed, s_other = apart.chunk(4)
    restored = torch.empty_like(s_mixed)
    for b, row in enumerate(order):
        for place, segment in enumerate(row):
            restored[b, segment] = s_mixed[b, place]
    return [each.numpy().astype(float) for each in (z, z_other, s, s_other, s_again, restored)]


@pytest.mark.parametrize("changes", [{}, {"segments": 4, "coherence": 0.5, "rank": 2.0, "rank_limit": None}])
def test_loss_is_clip_contrast_and_coherent_contrast_and_shuffle_rank(changes):
    method = build(recipe(**changes))
    given, config = batch(method), method.config
    z, z_other, s, s_other, s_again, restored = vectors(method, given, step(3))
    limit = config.rank_limit or math.inf
    expected = {
        "contrast": nt_xent(z, z_other, 0.07),
        "coherence": coherent_contrast(s, s_other, 0.07),
        "rank": np.mean([shuffle_rank(each, restored, 0.05, limit) for each in (s, s_again)]),
    }
    outcome = method.loss(given, step(3))
    for name, value in expected.items():
        assert outcome.terms[name].item() == pytest.approx(value, rel=1e-4)
    total = expected["contrast"] + config.coherence * expected["coherence"] + config.rank * expected["rank"]
    assert outcome.total.item() == pytest.approx(total, rel=1e-4)


class SegmentMeans(nn.Module):
    """Stands for a backbone and its head: the mean colour of each segment of a clip, less grey."""

    def __init__(self, segments):
        super().__init__()
        self.segments = segments

    def forward(self, x):
        return torch.stack([piece.mean(dim=(2, 3, 4)) - 0.5 for piece in x.tensor_split(self.segments, 2)], 1).flatten(
            1
        )


@pytest.mark.parametrize("segments", [2, 4])
def test_vectors_of_shuffled_segments_are_put_back_in_order(segments, monkeypatch):
    method = build(recipe(augment=STILL, segments=segments, segment_dim=3, dim=8, frames=8, normalise="unit"))
    method.backbone, method.segment_head = SegmentMeans(segments), nn.Identity()
    method.clip_head = nn.Linear(3 * segments, 8)
    given, seen = batch(method), []
    given = replace(given, clips=given.clips[:, [0, 1, 0]], dice=given.dice[:, [0, 1, 0]])
    monkeypatch.setattr(method, "ranking", lambda s, restored: seen.append((s, restored)) or s.sum() * 0)
    method(given, step())
    assert (method.order(4, step().rng()) != torch.arange(segments)).any()
    for segments_in_order, restored in seen:
        torch.testing.assert_close(restored, segments_in_order)


def test_segments_are_shuffled_in_any_order_the_right_one_too():
    method = build(recipe(segments=2))
    order = method.order(1000, step().rng())
    assert torch.equal(order.sort(dim=1).values, torch.arange(2).expand(1000, 2))
    assert (order[:, 0] == 0).float().mean() == pytest.approx(0.5, abs=0.06)
    assert len({tuple(row) for row in build(recipe(segments=3)).order(500, step().rng()).tolist()}) == 6


def test_the_first_clip_is_augmented_anew_for_its_second_coming():
    method = build(recipe())
    given = batch(method)
    one, _, again = clips(replace(given, clips=given.clips[:, [0, 1, 0]]), method.recipe)
    assert (one - again).abs().max() > 0.1
    assert torch.equal(*method.draw(60, step().rng()).indices[[0, 2]])


def test_moco_contrasts_with_the_queue_and_with_keys_of_the_copy():
    method = build(recipe(base="moco"))
    given, rng = batch(method), generator("elsewhere")
    for copied in (method.key_backbone, method.key_clip_head, method.key_segment_head):
        for weight in copied.weights().values():  # so that keys are not what the network gives
            weight += 0.2 * torch.randn(weight.shape, generator=rng)
    one, other, again = clips(given, method.recipe)
    mixed, _ = shuffled(method, again, step())
    with torch.no_grad():
        h, h_other = method.backbone(torch.cat([one, again, mixed]))[:4], method.key_backbone(method.backbone, other)
        clip = method.clip_head(h), method.key_clip_head(method.clip_head, h_other)
        segments = method.segment_head(h), method.key_segment_head(method.segment_head, h_other)
        z, z_other = (F.normalize(each, dim=1) for each in clip)
        s, s_other = (F.normalize(each.view(4, 2, -1), dim=2).mean(1) for each in segments)
    outcome = method.loss(given, step())
    for name, query, key, rows in (
        ("contrast", z, z_other, method.queue.keys),
        ("coherence", s, s_other, method.queue.segments),
    ):
        candidates = [[own.numpy(), *rows.numpy()] for own in key]
        expected = softmax_contrast(query.numpy(), candidates, 0.07)
        assert outcome.terms[name].item() == pytest.approx(expected, rel=1e-4)
    method.commit(outcome.writes)
    torch.testing.assert_close(method.queue.keys[:4], z_other)
    torch.testing.assert_close(method.queue.segments[:4], s_other)
    assert torch.equal(method.queue.video[:4], given.video)


def test_no_gradient_reaches_a_key():
    method = build(recipe(base="moco"))
    contrasted = method.contrast(batch(method), step())
    assert contrasted.features.z1.requires_grad
    assert not contrasted.features.h2.requires_grad
    assert not contrasted.features.z2.requires_grad
    (enqueued,) = contrasted.writes
    assert not any(rows.requires_grad for rows in enqueued.rows.values())


def test_chance_is_the_loss_of_clips_that_are_all_one():
    method = build(recipe(augment=STILL))
    given = batch(method)
    alike = replace(given, clips=torch.zeros_like(given.clips), extent=given.extent[:1].expand(4, 2))
    terms, chance = method.loss(alike, step()).terms, method.chance()
    assert chance["contrast"] == pytest.approx(math.log(7))
    assert terms["contrast"].item() == pytest.approx(chance["contrast"], rel=1e-4)
    assert terms["coherence"].item() == pytest.approx(chance["coherence"], rel=1e-4)
    assert build(recipe(base="moco")).chance()["coherence"] == pytest.approx(math.log(9))


def test_clip_shorter_than_its_segments_is_refused():
    with pytest.raises(UsageError, match=r"^--clip.frames 3 has no 4 segments: give 4 or more, or a smaller"):
        build(recipe(frames=3, segments=4))


@pytest.mark.parametrize("size", [3, VIDEOS])
def test_queue_that_the_videos_do_not_fit_is_refused(size):
    with pytest.raises(UsageError, match=r"--method.queue"):
        build(recipe(base="moco", queue=size))


def test_with_mcns_stages_both_halves_enter_the_queue_in_order():
    method = build(recipe(base="moco", alpha=0.2, meta=Meta(order=1)))
    given = batch(method)
    outcome = method.loss(given, step())
    assert {"contrast", "binary", "support_rank", "support_binary"} <= set(outcome.terms)
    method.commit(outcome.writes)
    assert torch.equal(method.queue.video, given.video)


@pytest.mark.parametrize("base", ["simclr", "moco"])
def test_second_order_is_the_gradient_of_its_two_stage_loss(monkeypatch, base):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    smooth = {"rank_limit": None, "temperature": 0.5, "rank_temperature": 0.5}
    method = build(recipe(base=base, alpha=0.2, meta=Meta(order=2), **smooth))
    for second, first, truth in slope_and_differences(method, eps=1e-9):
        assert second == pytest.approx(truth, rel=1e-6)
        assert abs(first - truth) > 1e-3 * abs(truth)


def rank_over(method, videos):
    """The mean ranking loss, normalised by each batch as in training."""
    batches = torch.arange(len(videos)).split(16)
    with torch.no_grad():
        found = [method.loss(batch_of(method, videos, each.tolist(), 99), step()).terms["rank"] for each in batches]
    return torch.stack(found).mean().item()


@pytest.mark.slow
@pytest.mark.parametrize("base", ["simclr", "moco"])
def test_it_learns_to_tell_videos_and_segments_of_new_looks_apart(base):
    method = DualVar(base=base, projection="linear_bn", normalise="unit", queue=32, momentum=0.9)
    recipe = replace(LEARNING, method=method)
    seen, unseen = moving_shapes(MOTIONS[:2], range(32)), moving_shapes(MOTIONS[:2], range(50, 66))
    unmoved = replace(recipe, optim=replace(recipe.optim, lr=1e-9))  # its queue holds features, not random directions
    fresh, learnt = trained(unmoved, seen, 2), trained(recipe, seen, 60)
    assert rank_over(learnt, unseen) < 0.8 * rank_over(fresh, unseen)
    assert contrast_over(learnt, unseen) < 0.7 * contrast_over(fresh, unseen)
