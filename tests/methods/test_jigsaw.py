import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, term_on, trained
from scenes import quartered_scenes

from kinema import views
from kinema.augment import augment
from kinema.errors import UsageError
from kinema.methods.jigsaw import alike
from kinema.sampler.pieces import distant_orders
from kinema.settings import Jigsaw
from reference.classes import cross_entropy
from reference.puzzles import alike as alike_one_by_one

CASE = CASES["jigsaw"]


def test_pieces_are_given_the_mean_and_deviation_of_all_of_their_clip():
    pieces = torch.rand(2, 4, 3, 2, 5, 5) * (0.2 + 0.8 * torch.rand(2, 4, 3, 1, 1, 1))
    found = alike(pieces)
    for clip, own in zip(found.numpy(), pieces.numpy(), strict=True):
        np.testing.assert_allclose(clip, alike_one_by_one(own), atol=1e-5)


def test_piece_of_one_colour_stays_one():
    pieces = torch.rand(1, 4, 3, 2, 5, 5)
    pieces[:, 1] = 0.3
    found = alike(pieces)[:, 1]
    assert (found - found[:, :, :1, :1, :1]).abs().max() < 1e-3


def test_loss_is_the_cross_entropy_of_the_order_of_pieces_of_one_clip():
    method = build(CASE)
    given, at = batch(method), step(3)
    outcome = method.loss(given, at)
    canvas = augment(given.clips[:, 0], given.extent, given.dice[:, 0], CASE.augment, 32)
    cells = distant_orders(4, 8)[given.target]
    places = views.corners(cells, at.rng(), side=2, canvas=32, piece=14)
    sets = []
    for clip, corners in zip(canvas, places.tolist(), strict=True):
        pieces = [clip[:, :, top : top + 14, left : left + 14].numpy() for top, left in corners]
        sets.append(alike_one_by_one(np.stack(pieces)))
    with torch.no_grad():
        features = method.backbone(torch.tensor(np.stack(sets)).flatten(0, 1)).view(4, -1)
        logits = method.arrange(features)
    assert outcome.total.item() == pytest.approx(cross_entropy(logits.tolist(), given.target.tolist()), rel=1e-3)
    hits = logits.argmax(dim=1) == given.target
    assert outcome.terms["puzzle_acc"].item() == pytest.approx(hits.float().mean().item())


def test_a_layer_with_relu_sees_all_pieces_before_the_answer():
    method = build(CASE)
    assert [type(layer).__name__ for layer in method.arrange] == ["Linear", "ReLU", "Linear"]
    assert method.arrange[0].in_features == 4 * method.backbone.feature_dim


def test_chance_is_the_logarithm_of_the_number_of_orders():
    assert build(CASE).chance() == {"puzzle": math.log(8)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"piece": 76}, "--method.piece is 76: 3 x 3 cells of a canvas of 225 are 75 pixels wide"),
        ({"grid": 4}, "--method.grid is 4: give a number from 2 to 3"),
        ({"grid": 2, "orders": 25}, "--method.orders is 25: give a number from 2 to 24"),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        Jigsaw(**changes)


@pytest.mark.slow
def test_order_of_the_pieces_of_a_clip_is_learnt():
    """Chance is 1/24; 3/4 is asked for, on looks never seen."""
    puzzle = Jigsaw(canvas=40, piece=18, grid=2, orders=24, hidden=64)
    method = trained(replace(LEARNING, method=puzzle), quartered_scenes(["rise", "slide"], range(32)), epochs=40)
    assert term_on(method, quartered_scenes(["rise", "slide"], range(100, 116)), "puzzle_acc") > 0.75
