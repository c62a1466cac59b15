import math
from dataclasses import replace

import pytest
import torch
from cases import BATCH, CASES, batch, build, step
from learning import PLAIN, moving_shapes, term_on, trained

from kinema.augment import augment_each
from kinema.settings import SpeedNet
from reference.pairs import binary_cross_entropy

CASE = CASES["speednet"]


def test_loss_is_the_binary_cross_entropy_of_maxima_over_space_averaged_over_time():
    method = build(replace(CASE, clip=replace(CASE.clip, size=32), method=SpeedNet(frames=16)))
    given = batch(method)
    clips = augment_each(given, CASE.augment, 32)
    with torch.no_grad():
        maps = method.backbone.maps(clips.flatten(0, 1)).numpy()  # [2 B, C, T', H', W']
    assert maps.shape[2:] == (2, 2, 2)  # of one cell the maximum would be the mean
    weight, bias = method.speed.weight[0].detach().numpy(), method.speed.bias.item()
    logits = [weight @ clip.max(axis=(2, 3)).mean(axis=1) + bias for clip in maps]
    outcome = method.loss(given, step())
    fast = [False, True] * BATCH  # each video's normal clip, then its fast one
    assert outcome.total.item() == pytest.approx(binary_cross_entropy(logits, fast).mean(), rel=1e-5)
    hits = [(logit > 0) == label for logit, label in zip(logits, fast, strict=True)]
    assert outcome.terms["speed_acc"].item() == pytest.approx(sum(hits) / len(hits))


def test_fresh_networks_answer_near_chance():
    losses = []
    for seed in range(8):
        method = build(replace(CASE, train=replace(CASE.train, seed=seed)))
        losses.append(method.loss(batch(method, seed=seed), step(seed)).total.item())
    assert sum(losses) / 8 == pytest.approx(math.log(2), rel=0.15)
    assert method.chance() == {"speed": math.log(2)}


def test_versions_of_a_segment_go_through_batch_norm_together():
    method = build(CASE)
    calls = []
    method.backbone.conv1.register_forward_hook(lambda module, given, result: calls.append(len(result)))
    method.loss(batch(method), step())
    assert calls == [2 * BATCH]


@pytest.mark.slow
def test_speed_is_learnt_on_moving_shapes():
    """Chance is 1/2; of looks never seen, 30 points more clips are told."""
    motions = ("slide", "rise")
    learnt = trained(replace(PLAIN, method=SpeedNet(frames=8)), moving_shapes(motions, range(48)), epochs=80)
    assert term_on(learnt, moving_shapes(motions, range(100, 116)), "speed_acc") > 1 / 2 + 0.3
