"""docs/costs.md: what every recipe of a paper's size costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from kinema import recipes
from test_recipes import MIB_A_CLIP, PAPER

HERE = Path(__file__).parents[1]
COUNTED = ["mcn_plus", "moco", "vcp"]
"""Two stages whose losses both count, a momentum copy, and answers by label."""


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture(scope="module")
def page():
    """The page's rows by recipe."""
    text = (HERE / "docs" / "costs.md").read_text()
    rows = [cells(line) for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows}


def test_every_recipe_of_a_papers_size_has_a_line(page):
    small = {
        name for name, make in recipes.RECIPES.items() if make.__module__.split(".")[-1].startswith(("tiny", "demo"))
    }
    assert set(page) == set(recipes.RECIPES) - small


def test_lines_are_what_is_counted_now(page):
    program = [sys.executable, HERE / "benchmarks" / "costs.py", *COUNTED]
    ended = subprocess.run(program, capture_output=True, text=True, check=True)
    assert [cells(line) for line in ended.stdout.splitlines()] == [page[name] for name in COUNTED]


@pytest.mark.parametrize("name", PAPER)
def test_memory_counted_is_that_of_activations_measured_clip_by_clip(page, name):
    """What autograd keeps for a clip was measured; a step holds little more than that of a stage's two views."""
    recipe = recipes.get(name)
    kept = 2 * recipe.train.batch_size * recipe.clip.frames / 32 * MIB_A_CLIP[recipe.backbone.name] / 1024
    assert kept <= float(page[name][4]) <= 1.03 * kept


@pytest.mark.parametrize("name", ["byol", "moco_kinetics"])
def test_copies_that_follow_add_nothing_to_the_activations_of_the_network(page, name):
    """Their passes come first; SwAV has the same network and clips, and no copy."""
    assert float(page[name][4]) <= 1.02 * float(page["swav"][4])


@pytest.mark.parametrize("name", PAPER)
def test_work_counted_is_what_the_docstring_says(page, name):
    said = (recipes.RECIPES[name].__doc__ or "").split("on UCF101 (9,537 videos) ")[1].split(" EFLOP")[0]
    assert float(page[name][7]) == pytest.approx(float(said), rel=0.1)
