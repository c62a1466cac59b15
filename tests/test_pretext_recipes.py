"""The numbers of the pretext tasks' recipes, beside those of their papers or released codes, written down apart."""

import math

import pytest

from kinema import recipes

# Learning rate, weight decay, videos of a step, frames of a clip, pixels a side.
PRINTED = {
    "vcop": (1e-3, 5e-4, 8, 16, 112),
    "vcp": (1e-2, 5e-4, 8, 16, 112),
    "opn": (1e-2, 5e-4, 8, 16, 112),  # batch and clip are VCOP's
    "pace": (1e-3, 5e-3, 30, 16, 112),
    "prp": (1e-2, 5e-4, 8, 16, 112),
    "rotnet": (1e-1, 1e-3, 32, 16, 112),
    "jigsaw": (1e-3, 5e-4, 256, 16, 112),  # the clip is that of the others
    "mars": (5e-4, 5e-3, 30, 16, 112),
}
FALLS = {
    "pace": (180, (60, 120)),  # 18 passes over a list that has each video ten times, lower after each sixth
    "rotnet": (16, (3.2, 6.4, 9.6, 12.8)),  # each 24,000 steps of 32 of 240,000 videos
    "jigsaw": (70, (20, 40, 60)),
    "mars": (18, (6, 12)),
}
"""Epochs, and those after which the rate is a tenth."""
CONSTANT = {"vcop": 300, "vcp": 200, "opn": 300}
"""Epochs of those whose rate stays."""


@pytest.mark.parametrize("name", PRINTED)
def test_recipe_has_the_numbers_of_its_source(name):
    recipe = recipes.get(name)
    optim = recipe.optim
    assert (optim.name, optim.momentum) == ("sgd", 0.9)
    found = (optim.lr, optim.weight_decay, recipe.train.batch_size, recipe.clip.frames, recipe.clip.size)
    assert found == PRINTED[name]


@pytest.mark.parametrize("name", FALLS)
def test_rate_falls_tenfold_where_its_source_says(name):
    recipe, (epochs, falls) = recipes.get(name), FALLS[name]
    assert (recipe.optim.schedule, recipe.optim.gamma, recipe.train.epochs) == ("multistep", 0.1, epochs)
    assert [share * epochs for share in recipe.optim.milestones] == pytest.approx(falls, abs=0.05)


@pytest.mark.parametrize("name", CONSTANT)
def test_rate_is_constant_where_its_source_has_it_so(name):
    recipe = recipes.get(name)
    assert (recipe.optim.schedule, recipe.train.epochs) == ("constant", CONSTANT[name])


@pytest.mark.parametrize("name", ["vcop", "vcp", "opn", "pace", "prp", "rotnet", "mars"])
def test_crop_is_a_square_of_112_pixels_of_a_frame_of_128_by_171(name):
    """Square, so that a clip that is turned or cut into quadrants is not told by how it was squeezed."""
    augment = recipes.get(name).augment
    assert augment.crop_aspect == (1, 1)
    assert [math.sqrt(share * 128 * 171) for share in augment.crop_area] == pytest.approx([112, 112], abs=0.1)
    assert (augment.blur, augment.grey) == (0, 0)


@pytest.mark.parametrize(
    ("name", "flip"), [("vcop", 0), ("vcp", 0), ("prp", 0), ("opn", 0.5), ("pace", 0.5), ("rotnet", 0.5), ("mars", 0.5)]
)
def test_clips_are_mirrored_where_the_source_mirrors_them(name, flip):
    assert recipes.get(name).augment.flip == flip


def test_pace_alone_of_them_changes_colours_strongly():
    changed = {name: recipes.get(name).augment for name in PRINTED if recipes.get(name).augment.jitter}
    assert set(changed) == {"pace"}
    pace = changed["pace"]
    assert (pace.jitter, pace.brightness, pace.contrast, pace.saturation, pace.hue) == (0.8, 0.8, 0.8, 0.8, 0.2)


def test_puzzles_are_grey_as_often_as_their_sources_take_colour_away():
    """ST-Puzzle copies one channel over all three in half of its puzzles, and the jigsaw's code has 3 in 10 grey."""
    assert [recipes.get(name).augment.grey for name in ("stpuzzle", "jigsaw")] == [0.5, 0.3]
