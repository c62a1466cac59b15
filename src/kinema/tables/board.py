"""A table of the paper with our figures beside its own, row by row."""

from __future__ import annotations

from dataclasses import dataclass

from kinema import published, recipes
from kinema.tables.definition import (
    PRINTED,
    PaperTable,
    Row,
    flow_command,
    measure_command,
    pretrain_command,
    shows_flow,
)
from kinema.tables.finding import Found, same_set
from kinema.tables.placing import Cell, Column, Line, Placed


@dataclass(frozen=True)
class PrintedRow:
    """A row of the paper's."""

    method: str
    backbone: str
    frames: int | None
    size: int | None
    figures: tuple[published.Figure, ...]

    def figure(self, data: str, metric: str) -> published.Figure | None:
        """What is printed in a column; `None` for a gap."""
        return next((each for each in self.figures if (each.data, each.metric) == (data, metric)), None)


@dataclass(frozen=True)
class Entry:
    """A row of the board: the paper's side, ours, or both."""

    label: str
    backbone: str
    printed: PrintedRow | None
    line: Line | None
    """`None` for a row that is not ours."""


@dataclass(frozen=True)
class Board:
    """Both sides of a table."""

    table: PaperTable
    rows: tuple[PrintedRow, ...]
    placed: Placed

    @property
    def metrics(self) -> tuple[str, ...]:
        """The figures that the paper prints for each set."""
        return published.METRICS[self.table.task]

    def entries(self) -> list[Entry]:
        """Random init, the paper's rows in its order, and our extra ones."""
        ours = {(row.method, row.backbone, row.frames): Line(row) for row in self.table.printed}
        random = [Entry("random init", line.backbone, None, line) for line in self.placed.lines if line.row is None]
        paper = [
            Entry(row.method, row.backbone, row, ours.get((row.method, row.backbone, row.frames or 0)))
            for row in self.rows
        ]
        networks = {name: recipes.get(name).backbone.name for name in self.table.extra}
        extra = [Entry(name, PRINTED.get(net, net), None, Line(Row(name))) for name, net in networks.items()]
        return [*random, *paper, *extra]

    def cell(self, entry: Entry, column: Column) -> Cell | None:
        """Our results of a row in a column; `None` where there are none."""
        return self.placed.cells.get((entry.line, column)) if entry.line is not None else None

    def missing(self) -> list[tuple[Row, list[str]]]:
        """Our rows that lack a result at the paper's scale on its sets, with the commands that would make it."""
        lacking = []
        for row in self.table.rows:
            done = [found for found in self.placed.of(row) if at_paper_scale(self.table, row, found)]
            absent = [d for d in self.table.data if not any(same_set(f.result.protocol.data, d) for f in done)]
            commands = [measure_command(self.table, row, data) for data in absent]
            if commands and not done:
                commands.insert(0, pretrain_command(self.table, row))
            if commands:
                lacking.append((row, commands))
        return lacking

    def missing_flow(self) -> list[str]:
        """The commands that the missing rows need first: the flow of the sets, where the table shows any."""
        if not shows_flow(self.table) or not self.missing():
            return []
        return [flow_command(data) for data in dict.fromkeys([self.table.pretrain, *self.table.data])]


def board(table: PaperTable, placed: Placed) -> Board:
    """The paper's figures and ours together."""
    rows: dict[tuple[str, str, int | None, int | None], list[published.Figure]] = {}
    for figure in published.figures(table.number):
        rows.setdefault((figure.method, figure.backbone, figure.frames, figure.size), []).append(figure)
    return Board(table, tuple(PrintedRow(*key, tuple(figures)) for key, figures in rows.items()), placed)


def at_paper_scale(table: PaperTable, row: Row, found: Found) -> bool:
    """Whether a result is of the row's own recipe, trained on the paper's set and shown what the table shows."""
    subject, view = found.result.subject, found.result.protocol.view
    return subject.recipe == row.recipe and view == table.view and same_set(subject.pretrain_data or "", table.pretrain)
