"""The ladder's budget of clips, and that the figures which are shipped are those of the result files."""

import importlib.util
from pathlib import Path

import pytest

from kinema import recipes
from kinema.published import peers

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def ladder():
    spec = importlib.util.spec_from_file_location("ladder", ROOT / "results" / "ladder.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("recipe", "clips"), [("tiny_cmc", 2), ("tiny_mcn", 2), ("tiny_dpc", 2.5), ("tiny_tclr", 10)])
def test_every_clip_that_enters_the_network_counts(ladder, recipe, clips):
    assert ladder.clips_seen(recipes.get(recipe)) == clips


def test_epochs_are_what_the_budget_allows(ladder):
    assert ladder.plan(recipes.get("tiny_cmc"), 40) == "20 - rgb both"
    assert ladder.plan(recipes.get("tiny_tclr"), 40) == "4 - rgb"
    assert ladder.plan(recipes.get("tiny_tclr"), 3) == "1 - rgb"


def test_shipped_figures_are_those_of_the_results(ladder):
    rows = []
    for name in ("mocap15", "asl18"):
        rows += ladder.shipped(ladder.results_of(ROOT / "results" / "studies" / "ladder" / name), name)
    assert [(f.method, f.data, f.metric, f"{f.value:.2f}", str(f.seeds)) for f in peers.own()] == rows


def test_page_has_the_tables_that_the_results_give(ladder):
    page = (ROOT / "docs" / "ladder.md").read_text()
    again = ladder.replaced(page, "published", ladder.published())
    for name in ("mocap15", "asl18"):
        again = ladder.replaced(
            again, name, ladder.table(ladder.results_of(ROOT / "results" / "studies" / "ladder" / name))
        )
    assert again == page
