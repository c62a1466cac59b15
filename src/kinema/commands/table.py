"""`kinema table N`: the paper's Table N with our figures beside its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.tables.definition import TABLES, PaperTable, get

Format = Literal["terminal", "markdown", "csv", "json"]
RESULTS = "results"
"""Where results are looked for unless said, if it is there."""


@dataclass(frozen=True)
class TableFlags:
    """Print the rows of one of the paper's tables beside ours, and the commands for what is missing."""

    number: Annotated[tyro.conf.Positional[int], tyro.conf.arg(metavar="N")]
    """1 to 10; `kinema table` alone lists them."""
    results: tuple[str, ...] = ()
    """Folders of result files, searched with all below them; results/ unless said."""
    rows: tuple[str, ...] = ()
    """Only these of our rows, by their recipes."""
    format: Format = "terminal"
    """csv and json have every figure, one a line or with everything that is known of it."""
    plot: str | None = None
    """Also draw our rows, with the paper's figures as marks, into this PNG file."""


def main(verb: str, argv: list[str]) -> int:
    """Print a table, or say which there are."""
    if not argv:
        print(overview())
        return 0
    flags = parse(TableFlags, argv, prog="kinema table")
    table = get(flags.number, flags.rows)
    folders = flags.results or ((RESULTS,) if Path(RESULTS).is_dir() else ())
    show(table, folders, flags.format, flags.plot)
    return 0


def overview() -> str:
    """The tables, each with our rows."""
    lines = [
        f"{table.number:4}  {table.title}\n      {', '.join(row.recipe for row in table.rows)}"
        for table in TABLES.values()
    ]
    return "usage: kinema table N [flags]      (kinema table --help for its flags)\n\n" + "\n".join(lines)


def show(table: PaperTable, folders: Sequence[str | Path], form: Format, plot: str | Path | None) -> None:
    """Print a table with the results found in some folders, and draw it."""
    from kinema.tables.board import board
    from kinema.tables.export import to_csv, to_json
    from kinema.tables.placing import place, read_results
    from kinema.tables.sheet import sheet

    shown = board(table, place(table, read_results(folders)))
    if form == "terminal":
        console = Console(highlight=False)
        for piece in sheet(shown).terminal(console.width):
            console.print(piece, markup=False, soft_wrap=isinstance(piece, str))
    elif form == "markdown":
        print(sheet(shown).markdown(), end="")
    else:
        print(to_csv(shown) if form == "csv" else to_json(shown), end="")
