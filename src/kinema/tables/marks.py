"""In what a result of ours was made otherwise than the figure that it stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kinema import recipes
from kinema.evaluate.protocol import Result
from kinema.evaluate.settings import Evaluation
from kinema.evaluate.table import TASKS
from kinema.tables.definition import PaperTable, Row, settings_of
from kinema.tables.finding import keeps_recipe, recipe_named, same_set
from kinema.tables.placing import Cell, Column, Line, Placed


def in_column(table: PaperTable, placed: Placed, column: Column) -> list[str]:
    """What is to be said of every trained network in a column, and so of the column."""
    cells = [(line.row, cell) for (line, of), cell in placed.cells.items() if of == column and line.row is not None]
    first, *others = [differences(table, row, cell.result) for row, cell in cells]
    return [said for said in first if all(said in other for other in others)]


def in_cell(table: PaperTable, line: Line, cell: Cell, of_column: Sequence[str]) -> list[str]:
    """What is to be said of one cell alone."""
    said = differences(table, line.row, cell.result) if line.row is not None else []
    runs = len(cell.found)
    if runs > 1:
        said.append(f"mean of {runs} runs, with the lowest and highest of them")
    return [each for each in said if each not in of_column]


def differences(table: PaperTable, row: Row, result: Result) -> list[str]:
    """Everything in which a result differs from what the paper, or the recipe at its scale, has for the row."""
    recipe, protocol, subject = recipes.get(row.recipe), result.protocol, result.subject
    said = []
    if not any(same_set(protocol.data, name) for name in table.data):
        said.append(f"measured on {protocol.data}, not {' or '.join(table.data)}")
    if not same_set(subject.pretrain_data or "", table.pretrain):
        said.append(f"pre-trained on {subject.pretrain_data}, not {table.pretrain}")
    if (subject.backbone, subject.width) != (recipe.backbone.name, recipe.backbone.width):
        said.append(f"{subject.backbone} of width {subject.width:g}, not {recipe.backbone.name}")
    clip = recipe.clip
    if (protocol.frames, protocol.stride, protocol.size) != (clip.frames, clip.stride, clip.size):
        ours = f"{protocol.frames} frames at stride {protocol.stride}, {protocol.size} px"
        said.append(f"{ours}, not {clip.frames} at {clip.stride}, {clip.size} px")
    if protocol.view != table.view:
        said.append(f"view {protocol.view}, not {table.view}")
    if subject.epoch != recipe.train.epochs:
        said.append(f"{subject.epoch} epochs of pre-training, not {recipe.train.epochs}")
    changed = [f"{name} {short(ours)}, not {short(theirs)}" for name, ours, theirs in settings(table, row, result)]
    if changed:
        said.append(f"{TASKS[table.task]}: {', '.join(changed)}")
    if (subject.recipe or "").startswith("tiny_") or (subject.recipe or "").endswith("@tiny"):
        said.append("settings of kinema.recipes.tiny, not of section 4.1")
    trained, second = recipe_named(subject.recipe or ""), recipe.method.pixels.second
    if trained is not None and trained.method.pixels.second != second:
        said.append(f"trained on RGB and {trained.method.pixels.second}, not {second}")
    if not keeps_recipe(result):
        said.append("settings that the recipe does not have today, by a flag or an earlier version")
    return said


def settings(table: PaperTable, row: Row, result: Result) -> list[tuple[str, Any, Any]]:
    """(setting, ours, the paper's or our default where that is silent) of evaluation, where they differ."""
    paper = settings_of(table, recipes.get(row.recipe), "paper")
    expected = asdict(paper) if paper is not None else {}
    had = {"feature_precision": "32-true"} | result.protocol.settings
    expected["feature_precision"] = "32-true"
    if "precision" in expected:
        expected["precision"] = "32-true"
        if had.get("precision") == "auto":  # which was in float32, since bf16 is recorded as such
            had["precision"] = "32-true"
    for name in ("clips", "crops"):
        expected[name], had[name] = getattr(Evaluation(), name), getattr(result.protocol, name)
    return [(name, had[name], value) for name, value in expected.items() if name in had and had[name] != value]


def short(value: object) -> str:
    """A setting's value: 0.5, best, 0.1 0.03."""
    if isinstance(value, tuple):
        return " ".join(map(short, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
