import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, moving_shapes, term_on, trained

from kinema import views
from kinema.augment import augment
from kinema.settings import RotNet
from reference.classes import cross_entropy, turned_left


def test_each_quarter_of_the_rotations_is_the_one_before_turned_left_and_the_fourth_turn_comes_round():
    clips = torch.rand(2, 3, 2, 5, 5)
    quarters = views.rotations(clips).view(4, 2, 3, 2, 5, 5)
    assert torch.equal(quarters[0], clips)
    for number in range(4):
        picture = quarters[number, 1, 2, 1].tolist()
        assert quarters[(number + 1) % 4, 1, 2, 1].tolist() == turned_left(picture)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)])
def test_loss_is_the_cross_entropy_of_every_clip_in_each_rotation_whatever_their_order(order):
    method = build(CASES["rotnet"])
    given = batch(method)
    outcome = method.loss(given, step())
    with torch.no_grad():
        clips = augment(given.clips[:, 0], given.extent, given.dice[:, 0], method.recipe.augment, 16)
        turned = [clips]
        for _ in range(3):
            frames = turned[-1].flatten(0, 2)
            turned.append(torch.tensor([turned_left(frame) for frame in frames.tolist()]).view_as(clips))
        logits = method.classify(method.backbone(torch.cat([turned[turns] for turns in order]))).numpy()
    targets = [turns for turns in order for _ in range(4)]
    assert outcome.total.item() == pytest.approx(cross_entropy(logits.tolist(), targets), rel=1e-4)
    assert outcome.terms["rotation_acc"].item() == np.mean(logits.argmax(axis=1) == targets)


def test_classifier_that_knows_nothing_has_a_loss_of_ln_4():
    method = build(CASES["rotnet"])
    torch.nn.init.zeros_(method.classify.weight)
    torch.nn.init.zeros_(method.classify.bias)
    assert method.loss(batch(method), step()).total.item() == pytest.approx(math.log(4))
    assert method.chance() == {"rotation": math.log(4)}


def test_loss_does_not_depend_on_the_order_of_the_videos():
    method = build(CASES["rotnet"])
    given = batch(method)
    order = torch.tensor([2, 0, 3, 1])
    shuffled = given.each(lambda rows: rows[order])
    torch.testing.assert_close(method.loss(given, step()).total, method.loss(shuffled, step()).total)


@pytest.mark.slow
def test_which_way_up_a_clip_is_is_learnt_from_where_its_shape_moves():
    """Shapes that rise go to another side in each rotation. Chance is 1/4; 3/4 is asked for, on looks never seen."""
    method = trained(replace(LEARNING, method=RotNet()), moving_shapes(["rise"], range(64)), epochs=20)
    assert term_on(method, moving_shapes(["rise"], range(100, 116)), "rotation_acc") > 0.75
