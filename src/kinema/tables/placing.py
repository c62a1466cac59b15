"""Our results in the rows and columns of one of the paper's tables; what does not compare is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from kinema import published, recipes
from kinema.errors import UsageError
from kinema.evaluate.protocol import Result
from kinema.tables.comparing import everything, one_a_run, refuse_mixed
from kinema.tables.definition import STAND_INS, PaperTable, Row
from kinema.tables.finding import Found, keeps_recipe

RANDOM = "random init"


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
    """Results of the table's task that are of no row of it, or less near to their row than those that are shown."""

    @property
    def columns(self) -> list[Column]:
        """In the order of their names."""
        return sorted({column for _, column in self.cells}, key=lambda column: column.name)

    @property
    def lines(self) -> list[Line]:
        """Each once, random init first."""

        def place(line: Line) -> tuple[bool, int, str, str]:
            return line.row is not None, len(line.backbone), line.backbone, line.row.recipe if line.row else ""

        return sorted({line for line, _ in self.cells}, key=place)

    def of(self, row: Row) -> list[Found]:
        """All results of a row."""
        return [found for (line, _), cell in self.cells.items() if line.row == row for found in cell.found]


def place(table: PaperTable, found: Iterable[Found]) -> Placed:
    """Put results where they belong.

    Raises:
        UsageError: two results of one column differ in more than the table varies on purpose, or two of one cell in
            more than their seed; names the field and both files. Or a result lacks a figure that the table prints.
    """
    of_task = [each for each in found if is_figure(table, each.result)]
    for each in of_task:
        require_metrics(table, each)
    rows = {each.path: row_of(table, each.result) for each in of_task}
    columns: dict[Column, list[Found]] = {}
    for each in of_task:
        if rows[each.path] is not None:
            columns.setdefault(column_of(each.result, each.result.subject.pretrain_data or ""), []).append(each)
    cells: dict[tuple[Line, Column], list[Found]] = {}
    shown = set()
    for column, candidates in columns.items():
        members = nearest_first(candidates, rows)
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


def is_figure(table: PaperTable, result: Result) -> bool:
    """Whether a result is of the table's task, and no difference of two networks."""
    return result.protocol.task == table.task and "against" not in result.protocol.settings


def require_metrics(table: PaperTable, found: Found) -> None:
    """Raise UsageError unless a result has every figure that the table prints, as with --evaluation.ks it may not."""
    lacking = [metric for metric in published.METRICS[table.task] if metric not in found.result.score.values]
    if lacking:
        raise UsageError(
            f"{found.path} has no {lacking[0]}, which Table {table.number} prints: measure it again without "
            "--evaluation.ks, or give other --results"
        )


def row_of(table: PaperTable, result: Result) -> Row | None:
    """The row that a trained network's result fills, by its recipe and, where that leaves a choice, its backbone."""
    name = result.subject.recipe
    if name is None:
        return None
    plain = name.removesuffix("@tiny")
    fitting = [row for row in table.rows if row.recipe in (plain, *STAND_INS.get(plain, ()))]
    family = [row for row in fitting if family_of(recipes.get(row.recipe).backbone.name) == family_of_result(result)]
    chosen = family or fitting
    return chosen[0] if len(chosen) == 1 else None


def nearest_first(members: Sequence[Found], rows: Mapping[Path, Row | None]) -> list[Found]:
    """Of each row, the results that are nearest to it: of its own recipe as it is, of another that may stand in for
    it, or of changed settings."""
    nearness = {each.path: near(each.result, rows[each.path]) for each in members}
    best: dict[Row | None, int] = {}
    for path, how_near in nearness.items():
        best[rows[path]] = max(how_near, best.get(rows[path], 0))
    return [each for each in members if nearness[each.path] == best[rows[each.path]]]


def near(result: Result, row: Row | None) -> int:
    """0 for changed settings, 1 for a recipe that may stand in for the row's, 2 for the row's own at any scale."""
    if row is None or not keeps_recipe(result):
        return 0
    return 2 if (result.subject.recipe or "").removesuffix("@tiny") == row.recipe else 1


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
