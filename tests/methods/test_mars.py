from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, batch_of, term_on, trained

from kinema.augment import FLIP, augment
from kinema.batch import generator
from kinema.clip_statistics import appearance_labels, motion_labels
from kinema.errors import UsageError
from kinema.pretraining import pretrain
from kinema.settings import Augment, Clip, Mars
from reference.classes import cross_entropy

CASE = CASES["mars"]
STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)


def case(augment=CASE.augment, **changes):
    return build(replace(CASE, augment=augment, method=replace(CASE.method, **changes)))


def labels_and_answers(method, given):
    """Of both kinds of statistics: the labels and what the network answers."""
    with torch.no_grad():
        clips = augment(given.clips[:, 0, ..., :3], given.extent, given.dice[:, 0], method.recipe.augment, 16)
        feature = method.backbone(clips)
        labels = (motion_labels(method.flow(given)), appearance_labels(clips))
        return [(label, head(feature)) for label, head in zip(labels, method.answer.values(), strict=True)]


def test_loss_is_the_squared_error_of_motion_and_a_tenth_of_that_of_appearance():
    method = case()
    given = batch(method)
    outcome = method.loss(given, step())
    errors, hits = [], []
    for label, answer in labels_and_answers(method, given):
        errors.append(np.mean((answer.numpy() - label.numpy()) ** 2))
        hits.append(np.mean(np.round(answer.numpy()) == label.numpy()))
    assert outcome.total.item() == pytest.approx(errors[0] + 0.1 * errors[1], rel=1e-3)
    assert outcome.terms["motion_acc"].item() == pytest.approx(hits[0])
    assert outcome.terms["appearance_acc"].item() == pytest.approx(hits[1])


def test_classes_are_told_by_the_mean_cross_entropy_of_each_label():
    method = case(answers="classes", appearance=0.5)
    given = batch(method)
    outcome = method.loss(given, step())
    losses = []
    for (label, answer), name in zip(labels_and_answers(method, given), ("motion", "appearance"), strict=True):
        sizes = [largest + 1 for largest in method.largest[name]]
        assert answer.shape[1] == sum(sizes)
        own, start = [], 0
        for number, size in enumerate(sizes):
            own.append(cross_entropy(answer[:, start : start + size].tolist(), label[:, number].tolist()))
            start += size
        losses.append(np.mean(own))
    assert outcome.total.item() == pytest.approx(losses[0] + 0.5 * losses[1], rel=1e-3)


def test_answers_that_know_nothing_have_the_loss_of_chance():
    method = case(answers="classes")
    for head in method.answer.values():
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    outcome, chance = method.loss(batch(method), step()), method.chance()
    assert {name: outcome.terms[name].item() for name in chance} == pytest.approx(chance)
    assert case().chance() == {}


def test_without_appearance_only_motion_is_told():
    method = case(appearance=0.0)
    assert set(method.loss(batch(method), step()).terms) == {"motion", "motion_acc"}
    assert list(method.answer) == ["motion"]


def test_flow_of_the_last_frame_leads_out_of_the_clip_and_is_not_used():
    method = case()
    given = batch(method)
    other = replace(given, clips=given.clips.clone())
    other.clips[:, :, -1, ..., 3:] = 7
    assert method.flow(given).shape == (4, 2, 3, 16, 16)
    assert torch.equal(method.flow(given), method.flow(other))


def test_network_does_not_see_the_flow():
    method = case()
    given = batch(method)
    seen = []
    method.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    method.loss(given, step())
    method.loss(replace(given, clips=given.clips * torch.tensor([1, 1, 1, 0, 0], dtype=torch.uint8)), step())
    assert torch.equal(*seen)


def test_mirror_turns_motion_to_the_right_into_motion_to_the_left():
    plain, mirrored = (case(replace(STILL, crop_aspect=(1.25, 1.25), flip=flip)) for flip in (0, 1))
    given = batch(plain)
    torch.testing.assert_close(
        mirrored.flow(given),
        plain.flow(given).flip(-1) * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1, 1),
        atol=1e-6,
        rtol=0,
    )
    half = case(replace(STILL, flip=0.5))
    turned = given.dice[:, 0, FLIP] < 0.5
    assert turned.any() and not turned.all()
    different = [not torch.equal(a, b) for a, b in zip(half.flow(given), case(STILL).flow(given), strict=True)]
    assert different == turned.tolist()


def test_no_flow_gives_labels_0():
    method = case()
    given = batch(method)
    clips = given.clips.clone()
    clips[..., 3:] = 128
    assert motion_labels(method.flow(replace(given, clips=clips))).abs().max() == 0


def test_pictures_too_small_for_the_blocks_are_refused():
    with pytest.raises(UsageError, match=r"--clip.size is 7: give 8 or more"):
        build(replace(CASE, clip=Clip(frames=4, size=7)))


def test_it_trains_on_videos_with_both_components_of_their_flow_and_asks_for_them(clip_folder, flow_folder, tmp_path):
    recipe = replace(CASE, clip=Clip(frames=4, stride=2, size=16), train=replace(CASE.train, epochs=1))
    run, trained_ = pretrain(recipe, data=clip_folder, flow=flow_folder.folder, out=tmp_path / "run")
    assert run.recipe.recipe == recipe.recipe
    assert trained_.figures["motion"] > 0
    with pytest.raises(UsageError, match="reads optical flow: give --flow DIR"):
        pretrain(recipe, data=clip_folder, out=tmp_path / "other")


def sliding_squares(count, seed):
    """Videos uint8 [8, 36, 36, 5] with their flow: over still colours a white square slides down and to the right."""
    videos, white = [], torch.tensor([255, 255, 255, 134, 134], dtype=torch.uint8)
    for number in range(count):
        rng = generator("square", seed, number)
        ground = torch.randint(0, 256, (9, 9, 3), generator=rng).repeat_interleave(4, 0).repeat_interleave(4, 1)
        top, left = torch.randint(0, 19, (2,), generator=rng).tolist()
        video = torch.cat([ground, torch.full((36, 36, 2), 128)], dim=2).repeat(8, 1, 1, 1).to(torch.uint8)
        for time, frame in enumerate(video):
            frame[top + time : top + time + 10, left + time : left + time + 10] = white
        videos.append(video)
    return videos


@pytest.mark.slow
@pytest.mark.parametrize("answers", ["numbers", "classes"])
def test_statistics_of_motion_are_learnt(answers):
    """Of videos never seen: numbers have less than 3/4 of the squared error of the best constant answer, and 20 points
    more classes are right than by the most frequent answer."""
    plain = replace(LEARNING.augment, jitter=0.0)
    recipe = replace(LEARNING, clip=replace(LEARNING.clip, stride=1), augment=plain, method=Mars(answers=answers))
    method, others = trained(recipe, sliding_squares(96, seed=0), epochs=40), sliding_squares(32, seed=1)
    labels = motion_labels(method.flow(batch_of(method, others, range(32), 1000))).float()
    if answers == "numbers":
        assert term_on(method, others, "motion") < 0.75 * labels.var(dim=0, correction=0).mean()
    else:
        usual = (labels == labels.mode(dim=0).values).float().mean()
        assert term_on(method, others, "motion_acc") > usual + 0.2
