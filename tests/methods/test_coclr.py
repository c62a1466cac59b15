from dataclasses import fields, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cases import CASES, VIDEOS, batch, build, step
from learning import LEARNING, moving_shapes, trained
from second_order import slope_and_differences

from kinema import recipes, views
from kinema.batch import Enqueue, generator
from kinema.data.shapes import MOTIONS
from kinema.errors import UsageError
from kinema.methods.coclr import CoCLR as CoCLRMethod
from kinema.recipes import tiny_coclr
from kinema.settings import Augment, CoCLR, Meta, MoCo
from reference.coclr import positives
from reference.contrast import info_nce, momentum_contrast

STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)
BLURRED = {"blur": 1, "blur_sigma": (8, 9)}


def recipe(augment=None, **changes):
    base = CASES["coclr"]
    return replace(base, augment=augment or base.augment, method=replace(base.method, **changes))


def full(method, seed=0):
    """The method with a queue of random rows of the videos 0, 1, 2, ..."""
    size, dim, rng = len(method.queue), method.config.dim, generator("rows", seed)
    rows = {name: F.normalize(torch.randn(size, dim, generator=rng), dim=1) for name in method.queue.widths}
    method.queue.put({**rows, "video": torch.arange(size) % VIDEOS})
    return method


def found_in(method, given):
    """(queries, keys, the oracle's features) of a batch."""
    config = method.config
    with torch.no_grad():
        _, q = method.query(method.shown(given, 0, config.stream))
        _, k = method.key(method.shown(given, 1, config.stream))
        other = None if config.oracle is None else method.other(method.shown(given, 1, config.other_stream))
    return q, k, other


# ---- the loss ----


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_without_an_oracle_the_loss_is_info_nce(stream):
    method = full(build(recipe(oracle=None, stream=stream)))
    given = batch(method)
    q, k, _ = found_in(method, given)
    expected = momentum_contrast(q.numpy(), k.numpy(), method.queue.keys.numpy(), 0.07)
    assert method.loss(given, step()).total.item() == pytest.approx(expected, rel=1e-4)


def test_an_oracle_that_names_nothing_leaves_info_nce():
    method = full(build(recipe(top=0)))
    given = replace(batch(method), video=torch.tensor([20, 21, 22, 23]))  # none of which is in the queue
    q, k, _ = found_in(method, given)
    expected = momentum_contrast(q.numpy(), k.numpy(), method.queue.keys.numpy(), 0.07)
    outcome = method.loss(given, step())
    assert outcome.total.item() == pytest.approx(expected, rel=1e-4)
    assert outcome.terms["positives"] == 1


@pytest.mark.parametrize("skip_own", [0.0, 1.0])
def test_the_loss_is_the_share_of_all_positives(skip_own):
    method = full(build(recipe(queue=20, siblings=True, skip_own=skip_own)))
    method.relate(torch.arange(VIDEOS) // 3)
    given = batch(method)
    q, k, other = found_in(method, given)
    source = (given.video // 3).numpy()
    alike = positives(source, other.numpy(), method.queue.other.numpy(), (method.queue.video // 3).numpy(), 5)
    own = np.full((4, 1), skip_own == 0)
    scores = torch.cat([(q * k).sum(1, keepdim=True), q @ method.queue.keys.T], dim=1) / 0.07
    expected = info_nce(scores.tolist(), np.hstack([own, alike]))
    assert method.loss(given, step()).total.item() == pytest.approx(expected, rel=1e-4)


def test_positives_are_siblings_and_the_nearest_of_all_others():
    method = full(build(recipe(queue=20, siblings=True)))
    method.relate(torch.arange(VIDEOS) // 4)
    video, other = torch.tensor([1, 6, 23]), method.queue.other[[0, 5, 7]].clone()  # a sibling's own feature is nearest
    alike = method.alike(video, other)
    assert alike.sum(dim=1).tolist() == [4 + 5, 4 + 5, 5]  # 20 to 23, of one source, are not in the queue
    expected = positives(
        [0, 1, 5], other.numpy(), method.queue.other.numpy(), (method.queue.video // 4).tolist(), top=5
    )
    assert torch.equal(alike, torch.tensor(expected))


def test_without_siblings_a_video_has_its_own_rows_alone_whoever_is_in_it():
    method = full(build(recipe(queue=20)))
    method.relate(torch.zeros(VIDEOS, dtype=torch.int64))
    alike = method.alike(torch.tensor([3, 22]), torch.zeros(2, 16))
    assert alike[0, 3]
    assert alike.sum(dim=1).tolist() == [6, 5]


def test_rows_of_no_video_are_never_positives():
    method = build(recipe(queue=8))
    other = F.normalize(torch.randn(2, 16, generator=generator(0)), dim=1)
    assert not method.alike(torch.tensor([0, 1]), other).any()
    method.queue.put({"keys": other, "other": other, "video": torch.tensor([4, 5])})
    assert method.alike(torch.tensor([0, 5]), other).tolist() == [[True, True] + [False] * 6] * 2


def test_the_own_key_is_a_positive_in_one_step_of_ten_where_there_are_others():
    method = full(build(recipe(queue=20)))
    given = replace(batch(method), video=torch.tensor([20, 21, 22, 23]))
    with torch.no_grad():
        counts = [int(method(given, step(number)).terms["positives"]) for number in range(60)]
    assert set(counts) == {5, 6}
    assert counts.count(6) / 60 == pytest.approx(0.1, abs=0.08)


def test_the_own_key_stays_where_it_is_the_only_positive():
    method = full(build(recipe(queue=8, top=0, skip_own=1.0)))
    given = replace(batch(method), video=torch.tensor([20, 21, 2, 3]))  # two of which have a row in the queue
    outcome = method.loss(given, step())
    assert torch.isfinite(outcome.total)
    assert outcome.terms["positives"] == 1
    q, k, _ = found_in(method, given)
    positive = np.zeros((4, 9), dtype=bool)
    positive[[0, 1, 2, 3], [0, 0, 3, 4]] = True
    scores = torch.cat([(q * k).sum(1, keepdim=True), q @ method.queue.keys.T], dim=1) / 0.07
    assert outcome.total.item() == pytest.approx(info_nce(scores.tolist(), positive), rel=1e-4)


# ---- the queue ----


def test_fields_of_the_queue_stay_beside_one_another_round_its_end():
    method, seen = build(recipe(queue=10)), {}
    for number in range(5):
        outcome = method.loss(batch(method, seed=number), step(number))
        rows = next(write.rows for write in outcome.writes if isinstance(write, Enqueue))
        seen |= {
            (number, int(video)): (key, other)
            for video, key, other in zip(rows["video"], rows["keys"], rows["other"], strict=True)
        }
        method.commit(outcome.writes)
    latest = list(seen.items())[-10:]
    assert method.queue.place == 0
    for row, ((_, video), (key, other)) in enumerate(latest):
        assert method.queue.video[row] == video
        assert torch.equal(method.queue.keys[row], key)
        assert torch.equal(method.queue.other[row], other)


@pytest.mark.parametrize(("oracle", "waiting"), [("a run", 3), (None, 0)])
def test_with_an_oracle_no_weight_moves_until_the_queue_is_full(oracle, waiting):
    method = build(recipe(queue=10, oracle=oracle))
    assert method.waiting_steps() == waiting
    for number in range(5):
        assert method.queue.filled.all() == (number >= 3)
        method.commit(method.loss(batch(method, seed=number), step(number)).writes)


def test_a_queue_that_does_not_fit_the_videos_is_refused():
    with pytest.raises(UsageError, match=r"lower --method.queue to 20 or less$"):
        build(recipe(queue=21))


# ---- the networks ----


def test_a_step_leaves_the_oracle_as_it_was_and_lets_the_keys_follow():
    method = full(build(recipe(momentum=0.9)))
    optim = torch.optim.SGD(method.parameters(), lr=0.1)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    outcome = method.loss(batch(method), step())
    outcome.total.backward()
    optim.step()
    method.commit(outcome.writes)
    after = method.state_dict()
    same = {name for name, value in after.items() if torch.equal(value, before[name])}
    assert {name for name in after if name.startswith("oracle_")} <= same
    for name, weight in method.key_backbone.weights().items():
        expected = 0.9 * before[f"key_backbone.{name.replace('.', '/')}"] + 0.1 * after[f"backbone.{name}"]
        torch.testing.assert_close(weight, expected)


def test_what_the_oracle_finds_of_a_video_does_not_depend_on_the_batch():
    method = build(recipe())
    given = batch(method)
    other, alone = (method.other(method.shown(rows, 1, "flow")) for rows in (given, given.rows(0, 1)))
    torch.testing.assert_close(other[:1], alone)


def test_no_gradient_reaches_a_key_or_the_oracle():
    method = full(build(recipe()))
    contrasted = method.contrast(batch(method), step())
    assert contrasted.features.z1.requires_grad
    assert not contrasted.features.z2.requires_grad
    (enqueued,) = contrasted.writes
    assert not enqueued.rows["other"].requires_grad


# ---- the streams ----


def test_rgb_and_flow_of_a_clip_share_crop_and_flip_and_its_two_clips_do_not():
    method = build(recipe(augment=Augment(jitter=0, blur=0)))
    given = batch(method)
    clips = given.clips[:, :1].expand_as(given.clips)
    given = replace(given, clips=torch.cat([clips[..., :3], clips[..., :1]], dim=-1))
    first, second = (method.shown(given, n, "flow") for n in range(2))
    for n, flow in enumerate((first, second)):
        red = method.shown(given, n, "rgb")[:, 0] * 0.229 + 0.485
        torch.testing.assert_close(flow[:, 0], red, atol=1e-5, rtol=0)
    assert (first - second).abs().max() > 0.1


@pytest.mark.parametrize(
    ("stream", "changes"),
    [
        *((stream, change) for stream in ("rgb", "flow") for change in ({"jitter": 1}, BLURRED)),
        ("rgb", {"grey": 1}),
    ],
)
@pytest.mark.parametrize("n", [0, 1])
def test_a_clip_whose_bit_is_clear_keeps_its_colours(n, changes, stream):
    method, plain = build(recipe(augment=replace(STILL, **changes))), build(recipe(augment=STILL))
    given = replace(batch(method), target=torch.tensor([0, 1, 2, 3]))
    seen, untouched = (each.shown(given, n, stream) for each in (method, plain))
    for video, target in enumerate(given.target.tolist()):
        assert torch.allclose(seen[video], untouched[video]) == (not target >> n & 1)


def test_flow_is_changed_as_a_grey_picture_with_its_clips_dice_and_stays_three_equal_channels():
    changing = Augment(jitter=1, grey=0.5, **BLURRED)
    method = build(recipe(augment=changing))
    given = replace(batch(method), target=torch.tensor([3, 3, 3, 3]))
    seen = method.shown(given, 1, "flow")
    as_picture = replace(given, clips=given.clips[..., [3, 3, 3, 0]])
    red = method.shown(as_picture, 1, "rgb")[:, 0] * 0.229 + 0.485
    for channel in range(3):
        torch.testing.assert_close(seen[:, channel], red, atol=1e-5, rtol=0)


def test_hue_saturation_and_grey_leave_flow_as_it_is():
    method = build(recipe(augment=replace(STILL, jitter=1, brightness=0, contrast=0, saturation=1, hue=0.5, grey=0.5)))
    given = replace(batch(method), target=torch.tensor([3, 3, 3, 3]))
    plain = build(recipe(augment=STILL))
    torch.testing.assert_close(method.shown(given, 0, "flow"), plain.shown(given, 0, "flow"), atol=1e-5, rtol=0)


def test_a_network_sees_its_own_stream_alone():
    for stream, dark in (("rgb", slice(3, 4)), ("flow", slice(0, 3))):
        method = full(build(recipe(stream=stream, oracle=None)))
        given = batch(build(recipe()))
        changed = given.clips.clone()
        changed[..., dark] = 0
        other = replace(given, clips=changed)
        assert torch.equal(method.loss(given, step()).total, method.loss(other, step()).total)
        kept = replace(given, clips=given.clips - changed)
        assert not torch.equal(method.loss(given, step()).total, method.loss(kept, step()).total)


def test_flow_is_read_by_those_who_see_it():
    assert [CoCLR(stream=s, oracle=o).flow for s in ("rgb", "flow") for o in (None, "run")] == [False, *[True] * 3]
    assert CoCLR(stream="flow").pixels.first == "flow"
    assert CoCLR(oracle="run").pixels.first == "rgb"
    with pytest.raises(TypeError, match="no second view"):
        CoCLR().with_flow()


# ---- MCN over it ----


def test_pairs_are_of_queries_and_keys():
    method = full(build(recipe(alpha=0.2)))
    given = batch(method)
    contrasted, outcome = method.contrast(given, step()), method(given, step())
    binary, _ = method.same_video(contrasted.features)
    torch.testing.assert_close(outcome.total, 0.2 * binary + 0.8 * contrasted.loss)


def test_two_stages_enqueue_both_halves_and_the_oracle_is_asked_by_both():
    method = full(build(recipe(alpha=0.2, queue=16, meta=Meta(order=1))))
    given = batch(method)
    outcome = method.loss(given, step())
    rows = [write.rows for write in outcome.writes if isinstance(write, Enqueue)]
    assert [each["video"].tolist() for each in rows] == [half.video.tolist() for half in given.halves()]
    for each, half in zip(rows, given.halves(), strict=True):
        torch.testing.assert_close(each["other"], found_in(method, half)[2])
    assert {"support_contrast", "contrast", "binary", "support_positives"} <= set(outcome.terms)


@pytest.mark.parametrize("form", ["graph", "hvp"])
def test_second_order_is_the_gradient_of_its_two_stage_loss(monkeypatch, form):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    method = full(build(recipe(alpha=0.2, queue=16, meta=Meta(order=2, form=form))))
    for second, first, truth in slope_and_differences(method):
        assert second == pytest.approx(truth, rel=1e-6)
        assert abs(first - truth) > 1e-3 * abs(truth)


# ---- settings and recipes ----


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"top": -1}, "--method.top is -1: give 0 or more"),
        ({"skip_own": 2}, "--method.skip-own is 2: "),
        ({"temperature": 0}, "--method.temperature is 0: "),
        ({"queue": 0}, "--method.queue is 0: "),
        ({"momentum": 1.5}, "--method.momentum is 1.5: "),
    ],
)
def test_settings_out_of_their_range_are_refused(changes, complaint):
    with pytest.raises(UsageError, match=complaint):
        CoCLR(**changes)


def test_its_first_stage_on_rgb_is_moco():
    one, other = recipes.get("moco"), recipes.get("coclr_infonce")
    assert replace(one, recipe="", method=None) == replace(other, recipe="", method=None)
    shared = {each.name for each in fields(MoCo)} & {each.name for each in fields(CoCLR)} - {"name"}
    assert all(getattr(one.method, name) == getattr(other.method, name) for name in shared)
    first, second = build(recipe(oracle=None)), build(CASES["moco"])
    torch.testing.assert_close(first.loss(batch(first), step()).total, second.loss(batch(second), step()).total)


def test_small_stages_of_a_stream_last_as_long_as_other_small_recipes():
    stages = [tiny_coclr.tiny_coclr_infonce(), tiny_coclr.tiny_coclr()]
    assert sum(each.train.epochs for each in stages) == 40
    networks = [(each.backbone, each.method.projection, each.method.dim, each.clip) for each in stages]
    assert networks[0] == networks[1]
    assert all(build(each, videos=768) for each in stages)


def tinted(looks, seed):
    """Moving shapes in four tints; a fourth channel, as level flow, says which. And the tint of each video."""
    tints = [look % 4 for _ in MOTIONS[:2] for look in looks]
    videos = []
    for video, tint in zip(moving_shapes(MOTIONS[:2], looks, seed=seed), tints, strict=True):
        colours = video.float()
        if tint < 3:
            colours[..., tint] = 0.3 * colours[..., tint] + 160
        level = torch.full_like(video[..., :1], 30 + 64 * tint)
        videos.append(torch.cat([colours.to(torch.uint8), level], dim=-1))
    return videos, torch.tensor(tints)


@torch.no_grad()
def nearest_of_one_tint(method, videos, tints):
    """How often the nearest video of another look has a video's tint; videos come as look after look, twice."""
    clips = torch.stack([video[:24:3, 2:34, 2:34, :3] for video in videos]).permute(0, 4, 1, 2, 3) / 255
    _, q = method.query(views.normalise(clips, "imagenet"))
    look = torch.arange(len(videos) // 2).repeat(2)
    near = (q @ q.T).masked_fill(look == look[:, None], -1).argmax(dim=1)
    return float((tints[near] == tints).float().mean())


@pytest.mark.slow
def test_videos_that_the_oracle_finds_alike_come_together(monkeypatch):
    """By at least 10 points above what fresh weights give; chance is one of four."""

    def knows_the_tint(method, clips):
        return torch.eye(method.config.dim)[(4 * clips.mean(dim=(1, 2, 3, 4))).long()]

    monkeypatch.setattr(CoCLRMethod, "other", knows_the_tint)
    method = replace(tiny_coclr.tiny_coclr().method, queue=64, top=12)
    chosen = replace(LEARNING, method=method)
    still = replace(chosen, optim=replace(chosen.optim, lr=1e-9))
    seen, _ = tinted(range(48), seed=0)
    before, after = (
        nearest_of_one_tint(trained(each, seen, epochs), *tinted(range(100, 124), seed=1))
        for each, epochs in ((still, 2), (chosen, 48))
    )
    assert after > before + 0.1
