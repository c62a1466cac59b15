"""A board as text: the table, what its signs mean, how our columns were measured, and the commands for what is missing.

The paper's figures have numbers in brackets behind them for footnotes; ours have letters for every way in which they
were made otherwise, in the head of a column where they hold for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

from kinema import published
from kinema.evaluate.table import Table, title
from kinema.tables.board import Board, Entry, PrintedRow
from kinema.tables.marks import in_cell, in_column
from kinema.tables.placing import Cell, row_of

if TYPE_CHECKING:
    from rich.table import Table as RichTable

MISSING = "missing at the paper's scale (--run makes all rows at once, and smaller with --scale tiny)"
OURS_WIDE = len("[12.3, 45.6]") + 3
"""Letters that one of our columns takes in a terminal, with its rule."""


@dataclass(frozen=True)
class Sheet:
    """The pieces of the text."""

    table: Table
    ours: int
    """How many of the last columns are ours."""
    notes: tuple[tuple[str, str], ...]
    """Each sign in the table with what it means."""
    how: tuple[str, ...]
    """How each of our columns was measured, and what was left out."""
    commands: tuple[str, ...]
    """What would make the rows that are missing at the paper's scale."""

    def markdown(self) -> str:
        """The whole as Markdown."""
        parts = [f"**{self.table.title}**\n\n{self.table.markdown()}"]
        parts += ["".join(f"- {sign} {said}\n" for sign, said in self.notes)] if self.notes else []
        parts += ["".join(f"- {line}\n" for line in self.how)] if self.how else []
        if self.commands:
            parts.append(f"{MISSING.capitalize()}:\n\n```sh\n" + "\n".join(self.commands) + "\n```\n")
        return "\n".join(parts)

    def terminal(self, width: int) -> Iterator[str | RichTable]:
        """The whole for a terminal of `width` letters, piece by piece; columns that do not fit follow in a table."""
        yield from (part.rich() for part in self.parts(width))
        yield from (f"{sign:>4} {said}" for sign, said in self.notes)
        yield from self.how
        if self.commands:
            yield f"{MISSING}:"
            yield from (f"  {command}" for command in self.commands)

    def parts(self, width: int) -> Iterator[Table]:
        """The table cut into as many as fit: our columns that have no place beside the paper's, below, without it."""
        columns = [list(cells) for cells in zip(self.table.header, *map(below, self.table.rows), strict=True)]
        first = len(columns) - self.ours
        named = 2 if self.table.header[1] == "backbone" else 1
        beside, rest = columns[:first], columns[first:]
        shown, title = set(range(1, len(columns[0]))), self.table.title
        while True:
            room = max(1, (width - sum(map(wide, beside))) // OURS_WIDE)
            kept = [0, *sorted(shown)]
            rows = list(zip(*([cells[row] for row in kept] for cells in beside + rest[:room]), strict=True))
            yield Table(title, rows[0], tuple(rows[1:]))
            rest = rest[room:]
            if not rest:
                return
            title = f"{self.table.title.partition(':')[0]}, more of ours"
            beside = columns[:named]
            shown = {row for cells in rest for row, cell in enumerate(cells) if row and cell}


class Signs:
    """A sign for each thing that is to be said, in the order in which things are first said."""

    def __init__(self, sign: Callable[[int], str]) -> None:
        self.sign = sign
        self.given: dict[str, str] = {}

    def of(self, said: Sequence[str]) -> str:
        """The signs of these behind a space, in their order; "" for none."""
        for each in said:
            self.given.setdefault(each, self.sign(len(self.given)))
        chosen = "".join(sign for each, sign in self.given.items() if each in said)
        return f" {chosen}" if chosen else ""


def below(row: Sequence[str]) -> tuple[str, ...]:
    """A row with every interval on a line of its own, which keeps the table narrow."""
    return tuple(cell.replace(" [", "\n[") for cell in row)


def wide(cells: Sequence[str]) -> int:
    """Letters that a column takes in a terminal, with its rule; a long text is broken."""
    return min(20, max(len(cell) for cell in cells)) + 3


def letter(number: int) -> str:
    """a, b ... z, aa, bb ..."""
    return ascii_lowercase[number % 26] * (1 + number // 26)


def sheet(board: Board) -> Sheet:
    """The text of a board.

    Of several metrics (retrieval), ours are all shown where we have one column, and else the first; CSV and JSON have
    all.
    """
    notes, letters = Signs(lambda number: f"({number + 1})"), Signs(letter)
    columns = board.placed.columns
    ours = [(column, metric) for column in columns for metric in board.metrics[: None if len(columns) == 1 else 1]]
    common = {column: in_column(board.table, board.placed, column) for column in columns}
    header = ["", "backbone", "clip"]
    header += [metric if len(board.metrics) > 1 else data for data in board.table.data for metric in board.metrics]
    for column, metric in ours:
        first = metric == board.metrics[0]
        name = f"{column.name}, {metric}" if len(board.metrics) > 1 else column.name
        header.append(name + (letters.of(common[column]) if first else ""))

    def text(entry: Entry) -> list[str]:
        row = [entry.label + notes.of(of_row(entry.printed)), entry.backbone, clip(entry.printed)]
        for data in board.table.data:
            row += [printed_cell(entry.printed, data, metric, notes) for metric in board.metrics]
        for column, metric in ours:
            cell = board.cell(entry, column)
            row.append(our_cell(cell, metric))
            if cell is not None and entry.line is not None and metric == board.metrics[0]:
                row[-1] += letters.of(in_cell(board.table, entry.line, cell, common[column]))
        return row

    rows = without_idle([header, *map(text, board.entries())])
    shown = Table(f"Table {board.table.number}: {board.table.title}; percent", tuple(rows[0]), tuple(rows[1:]))
    said = [(sign, published.notes()[key]) for key, sign in notes.given.items()]
    said += [(sign, meaning) for meaning, sign in letters.given.items()]
    commands = (*board.missing_flow(), *(command for _, commands in board.missing() for command in commands))
    return Sheet(shown, len(ours), tuple(said), (*measured(board), *left_out(board)), commands)


def without_idle(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """Rows without the columns "backbone" and "clip" where these are the same throughout."""
    said = [set(cells[1:]) - {""} for cells in zip(*rows, strict=True)]
    return [
        tuple(cell for number, cell in enumerate(row) if number not in (1, 2) or len(said[number]) > 1) for row in rows
    ]


def clip(printed: PrintedRow | None) -> str:
    """32 x 128 px, or what of it is printed."""
    if printed is None or printed.size is None:
        return ""
    return f"{printed.frames} x {printed.size} px" if printed.frames is not None else f"{printed.size} px"


def printed_cell(printed: PrintedRow | None, data: str, metric: str, notes: Signs) -> str:
    """The paper's figure with the numbers of its footnotes; "-" for a gap."""
    if printed is None:
        return ""
    figure = printed.figure(data, metric)
    if figure is None:
        return "-"
    return f"{figure.value:.1f}" + notes.of([note for note in figure.notes if note not in of_row(printed)])


def of_row(printed: PrintedRow | None) -> list[str]:
    """The footnotes that all figures of a row have, and so the row."""
    first, *others = printed.figures if printed is not None else (None,)
    return [note for note in first.notes if all(note in other.notes for other in others)] if first is not None else []


def our_cell(cell: Cell | None, metric: str) -> str:
    """Our figure with its interval; "" where there is none."""
    if cell is None:
        return ""
    interval = cell.interval(metric)
    return f"{cell.value(metric):.1f}" + (f" [{interval[0]:.1f}, {interval[1]:.1f}]" if interval else "")


def measured(board: Board) -> list[str]:
    """How each of our columns was measured, in a line for each protocol in it."""
    lines = [
        f"{column.name}: {title(cell.result.protocol).partition(': ')[2]}"
        for column in board.placed.columns
        for (line, of), cell in board.placed.cells.items()
        if of == column and line.row is not None
    ]
    return list(dict.fromkeys(lines))


def left_out(board: Board) -> list[str]:
    """What was found for this task and is not shown."""
    lines = []
    for why, of_row in (
        ("they are of no row of this table", False),
        ("others are nearer to the recipe of their row", True),
    ):
        names = [
            found.result.subject.recipe or "random init"
            for found in board.placed.others
            if (row_of(board.table, found.result) is not None) == of_row
        ]
        if names:
            lines.append(f"not shown, as {why}: {len(names)} of {', '.join(sorted(set(names)))}")
    return lines
