"""The documentation: links that lead somewhere, and the pages that are made from the code."""

import importlib.util
import re
from pathlib import Path

import pytest

from kinema.cli import VERBS
from kinema.methods import METHODS
from kinema.recipes import RECIPES

ROOT = Path(__file__).parents[1]
WRITTEN = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


@pytest.fixture(scope="module")
def pages():
    """docs/pages.py, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("pages", ROOT / "docs" / "pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page):
    linked = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in linked if not (page.parent / link).exists()] == []


def test_links_were_found():
    assert sum(len(LINK.findall(page.read_text(encoding="utf-8"))) for page in WRITTEN) > 50


def test_every_page_is_in_the_contents():
    contents = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f'"{page.name}"' not in contents] == []


@pytest.mark.parametrize("name", METHODS)
def test_page_of_a_method_has_its_recipes_and_settings(pages, name):
    text = pages.method_page(name, METHODS[name])
    made = [recipe for recipe, build in RECIPES.items() if build().method.name == name]
    assert made
    assert [recipe for recipe in made if f"### {recipe}\n" not in text] == []
    assert "\n### --method.\n" in text
    assert text.count("```") % 2 == 0


def test_commands_of_a_docstring_become_blocks_of_code(pages):
    text = "Two lines.\n\nkinema a b\nkinema c\n\nThe end of kinema."
    assert pages.commands_as_code(text) == "Two lines.\n\n```sh\nkinema a b\nkinema c\n```\n\nThe end of kinema.\n"


def test_python_names_that_are_documented_exist(pages):
    for names in pages.API.values():
        for name in names:
            module, _, attribute = name.rpartition(".")
            if importlib.util.find_spec(name) if name.count(".") == 1 else None:
                continue
            assert hasattr(importlib.import_module(module), attribute), name


def test_all_verbs_that_come_in_parts_are_verbs(pages):
    assert set(pages.MORE) <= set(VERBS)


def test_links_of_a_page_that_is_moved_are_moved(pages, tmp_path):
    (tmp_path / "docs").mkdir()
    source = tmp_path / "NOTES.md"
    source.write_text("[a](docs/claim.md) [b](../docs/claim.md#x) [c](https://x.org/docs/y)")
    pages.place(source, tmp_path / "out" / "NOTES.md")
    assert (tmp_path / "out" / "NOTES.md").read_text() == "[a](claim.md) [b](../claim.md#x) [c](https://x.org/docs/y)"
