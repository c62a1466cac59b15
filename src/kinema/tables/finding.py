"""Our result files, and what their subjects and data sets are called in the paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kinema import recipes
from kinema.errors import UsageError
from kinema.evaluate.protocol import Result, read, recipe_hash
from kinema.json_file import read_json
from kinema.recipes.tiny import tiny
from kinema.settings import Recipe


@dataclass(frozen=True)
class Found:
    """A result and the file that it was read from."""

    path: Path
    result: Result


def read_results(folders: Sequence[str | Path]) -> list[Found]:
    """The result files in some folders and below them; other JSON files there are none of ours.

    Raises:
        UsageError: there is no such folder, or a file is damaged.
    """
    found = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of results; give one with --results")
        found += [Found(path, read(path)) for path in sorted(folder.rglob("*.json")) if is_result(path)]
    return found


def is_result(path: Path) -> bool:
    """Whether a JSON file is meant to be a result; a broken one is, so that reading it says what is wrong."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return True
    return isinstance(content, dict) and {"score", "protocol", "subject"} <= set(content)


def recipe_named(recorded: str) -> Recipe | None:
    """The recipe that a result names, as it is today; `None` if there is none of that name.

    "mcn@tiny" is `mcn` brought down; "tiny_mcn+flow" is `tiny_mcn`, trained with --flow.
    """
    name = recorded.removesuffix("+flow").removesuffix("@tiny")
    if name not in recipes.RECIPES:
        return None
    recipe = tiny(recipes.get(name)) if "@tiny" in recorded else recipes.get(name)
    if recorded.endswith("+flow"):
        recipe = replace(recipe, recipe=recorded, method=recipe.method.with_flow())
    return recipe


def keeps_recipe(result: Result) -> bool:
    """Whether a network was trained by its recipe as it is today, but for the seed and the number of epochs."""
    subject = result.subject
    recipe = recipe_named(subject.recipe or "")
    if recipe is None or subject.seed is None:
        return False
    return subject.recipe_hash in {
        recipe_hash(replace(recipe, train=replace(recipe.train, seed=subject.seed, epochs=epochs)))
        for epochs in (recipe.train.epochs, max(1, subject.epoch or 0))
    }


def same_set(name: str, printed: str) -> bool:
    """Whether a set of ours, by its own name, is one that the paper names."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain.startswith(("kinetics400", "k400") if printed == "Kinetics-400" else printed.lower())
