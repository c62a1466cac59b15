"""Our results in the rows and columns of one of the paper's tables; what does not compare is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from kinema import recipes
from kinema.errors import UsageError
from kinema.evaluate.protocol import Result, read, recipe_hash
from kinema.recipes.tiny import tiny
from kinema.tables.definition import SMALL, PaperTable, Row

RANDOM = "random init"


@dataclass(frozen=True)
class Found:
    """A result and the file that it was read from."""

    path: Path
    result: Result


@dataclass(frozen=True)
class Column:
    """What the results of one column have in common before anything else."""

    data: str
    split: str | None
    view: str
    pretrain: str
    """The list that was pre-trained on."""

    @property
    def name(self) -> str:
        """For a table's head: the set, and what is not plain about it."""
        parts = [f"ours, {self.data}"]
        if self.split is not None:
            parts.append(f"split {self.split}" if self.split.isdecimal() else self.split)
        if self.view != "rgb":
            parts.append(self.view)
        if self.pretrain.partition("/")[0] != self.data:
            parts.append(f"after {self.pretrain.partition('/')[0]}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Line:
    """A row with results: one of the table's, or random init of a network that a row has."""

    row: Row | None
    """`None` for random init."""
    backbone: str = ""
    """Of random init: the network, and its clips where the table varies them."""


@dataclass(frozen=True)
class Cell:
    """The results of a row in a column: one, or one a seed."""

    found: tuple[Found, ...]

    @property
    def result(self) -> Result:
        """One that stands for all in everything but its score and seed."""
        return self.found[0].result

    def value(self, metric: str) -> float:
        """In percent, the mean over the runs."""
        return mean(found.result.score.values[metric] for found in self.found)

    def interval(self, metric: str) -> tuple[float, float] | None:
        """The 95 % interval of one run; the lowest and highest of several."""
        if len(self.found) == 1:
            return self.result.score.intervals.get(metric)
        values = [found.result.score.values[metric] for found in self.found]
        return min(values), max(values)


@dataclass(frozen=True)
class Placed:
    """Everything of ours that a table shows."""

    cells: dict[tuple[Line, Column], Cell]
    others: tuple[Found, ...]
    """Results of the table's task that are of no row of it."""

    @property
    def columns(self) -> list[Column]:
        """In the order of their names."""
        return sorted({column for _, column in self.cells}, key=lambda column: column.name)

    @property
    def lines(self) -> list[Line]:
        """Each once, random init first."""
        return sorted({line for line, _ in self.cells}, key=lambda line: (line.row is not None, line.backbone))

    def of(self, row: Row) -> list[Found]:
        """All results of a row."""
        return [found for (line, _), cell in self.cells.items() if line.row == row for found in cell.found]


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
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return isinstance(content, dict) and {"score", "protocol", "subject"} <= set(content)


def place(table: PaperTable, found: Iterable[Found]) -> Placed:
    """Put results where they belong.

    Raises:
        UsageError: two results of one column differ in more than the table varies on purpose, or two of one cell in
            more than their seed; names the field and both files.
    """
    of_task = [each for each in found if each.result.protocol.task == table.task]
    rows = {each.path: row_of(table, each.result) for each in of_task}
    columns: dict[Column, list[Found]] = {}
    for each in of_task:
        if rows[each.path] is not None:
            columns.setdefault(column_of(each.result, each.result.subject.pretrain_data or ""), []).append(each)
    cells: dict[tuple[Line, Column], list[Found]] = {}
    shown = set()
    for column, members in columns.items():
        refuse_mixed(table, members)
        for each in [*members, *random_inits(of_task, column, members)]:
            row = rows[each.path]
            line = Line(row) if row is not None else Line(None, network(table, each.result))
            cells.setdefault((line, column), []).append(each)
            shown.add(each.path)
    return Placed(
        {place: Cell(one_a_run(runs)) for place, runs in cells.items()},
        tuple(each for each in of_task if each.path not in shown),
    )


def row_of(table: PaperTable, result: Result) -> Row | None:
    """The row that a trained network's result fills, by its recipe and, where that leaves a choice, its backbone."""
    name = result.subject.recipe
    if name is None:
        return None
    names = {name, name.removesuffix("@tiny"), *SMALL.get(name, ())}
    fitting = [row for row in table.rows if row.recipe in names]
    family = [row for row in fitting if family_of(recipes.get(row.recipe).backbone.name) == family_of_result(result)]
    chosen = family or fitting
    return chosen[0] if len(chosen) == 1 else None


def family_of(backbone: str) -> str:
    """r3d for r3d_18 and r3d_vcop."""
    return backbone.partition("_")[0]


def family_of_result(result: Result) -> str:
    """Of the network that was measured."""
    return family_of(result.subject.backbone)


def column_of(result: Result, pretrain: str) -> Column:
    """The column of a result; random init, which has seen no data, belongs beside any."""
    return Column(result.protocol.data, result.protocol.split, result.protocol.view, pretrain)


def random_inits(found: Iterable[Found], column: Column, members: Sequence[Found]) -> list[Found]:
    """Random init of the networks of a column's members, measured as they were."""
    wanted = [everything(member.result) for member in members]
    return [
        each
        for each in found
        if each.result.subject.weights == RANDOM
        and column_of(each.result, column.pretrain) == column
        and everything(each.result) in wanted
    ]


def network(table: PaperTable, result: Result) -> str:
    """What tells one random init of a table from another."""
    name = result.subject.backbone + (f" x{result.subject.width:g}" if result.subject.width != 1 else "")
    return f"{name}, {result.protocol.frames} frames" if "frames" in table.varies else name


def everything(result: Result) -> dict[str, Any]:
    """All that has to be equal for two figures to compare: the protocol, its settings, and the network."""
    protocol = asdict(result.protocol)
    settings = protocol.pop("settings")
    network = {"backbone": result.subject.backbone, "width": result.subject.width}
    return protocol | {f"settings.{name}": value for name, value in settings.items()} | network


def conditions(table: PaperTable, result: Result) -> dict[str, Any]:
    """`everything` but what the table varies on purpose."""
    return {name: value for name, value in everything(result).items() if name not in table.varies}


def refuse_mixed(table: PaperTable, members: Sequence[Found]) -> None:
    """Raise `UsageError`, naming field and files, unless a column's results were measured under equal conditions."""
    first = members[0]
    wanted = conditions(table, first.result)
    for other in members[1:]:
        had = conditions(table, other.result)
        for name in dict.fromkeys([*wanted, *had]):
            if wanted.get(name) != had.get(name):
                raise UsageError(
                    f"Table {table.number}: {first.path} and {other.path} do not compare: {name} is "
                    f"{wanted.get(name)!r} and {had.get(name)!r}; give --results of one of them"
                )


def one_a_run(members: Sequence[Found]) -> tuple[Found, ...]:
    """A cell's results, a copy of the same one left out.

    Raises:
        UsageError: they are of networks that were trained differently.
    """
    kept: dict[tuple[int, float], Found] = {}
    for each in members:
        for other in kept.values():
            refuse_other_training(each, other)
        kept.setdefault((each.result.subject.seed, each.result.score.value), each)
    return tuple(kept.values())


def refuse_other_training(one: Found, other: Found) -> None:
    """Raise `UsageError` unless two subjects are the same but for their seed."""
    names = ("recipe", "epoch", "recipe_hash") if one.result.subject.seed == other.result.subject.seed else ()
    for name in names or ("recipe", "epoch"):
        had = [getattr(each.result.subject, name) for each in (one, other)]
        if had[0] != had[1]:
            raise UsageError(
                f"{one.path} and {other.path} are of one row, but {name} is {had[0]!r} and {had[1]!r}: give --results "
                "of one of them"
            )


def keeps_recipe(result: Result) -> bool:
    """Whether a network was trained by its recipe as it is today, but for the seed and the number of epochs."""
    subject = result.subject
    name = (subject.recipe or "").removesuffix("@tiny")
    if name not in recipes.RECIPES:
        return False
    recipe = recipes.get(name)
    recipe = tiny(recipe) if name != subject.recipe else recipe
    return subject.recipe_hash in {
        recipe_hash(replace(recipe, train=replace(recipe.train, seed=subject.seed, epochs=epochs)))
        for epochs in (recipe.train.epochs, max(1, subject.epoch or 0))
    }


def same_set(name: str, printed: str) -> bool:
    """Whether a set of ours, by its own name, is one that the paper names."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return plain.startswith(("kinetics400", "k400") if printed == "Kinetics-400" else printed.lower())
