"""`kinema table N`: the paper's Table N with our figures beside its own."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.console import Bars, say
from kinema.errors import UsageError
from kinema.tables.definition import TABLES, PaperTable, Scale, get

Format = Literal["terminal", "markdown", "csv", "json"]
RESULTS = "results"


@dataclass(frozen=True)
class TableFlags:
    """Print the rows of one of the paper's tables beside ours, and the commands for what is missing."""

    number: Annotated[tyro.conf.Positional[int], tyro.conf.arg(metavar="N")]
    """1 to 10; `kinema table` alone lists them."""
    results: tuple[str, ...] = ()
    """Folders of result files, searched with all below them; unless said, those in results/ that hold such files."""
    rows: tuple[str, ...] = ()
    """Only these of our rows, by their recipes."""
    format: Format = "terminal"
    """csv and json have every figure, one a line or with everything that is known of it."""
    plot: str | None = None
    """Also draw our rows, with the paper's figures as marks, into this PNG file."""
    run: bool = False
    """Make our rows, one after the other, before printing: pre-train each and measure it. The same command goes on
    where it was stopped, and does nothing twice."""
    scale: Scale = "tiny"
    """With --run: the recipes brought down to two CPU cores, or as they are."""
    data: str | None = None
    """With --run: what to pre-train on, and to measure on unless --test says otherwise."""
    flow: str | None = None
    """With --run, for Tables 9 and 10: the flow of --data, as `kinema data flow` makes it."""
    test: tuple[str, ...] = ()
    """With --run: data sets with a train and a test part to measure on."""
    test_flow: tuple[str, ...] = ()
    """With --run, for Tables 9 and 10: the flow of each --test set."""
    split: int = 1
    """With --run: for data sets that come in several official splits."""
    out: str | None = None
    """With --run: the folder of runs, which tables may share; runs/tables_tiny or runs/tables_paper unless said."""
    seed: int = 0
    """With --run: of every row. Runs of several seeds lie side by side in --out; the table shows their mean."""
    epochs: int | None = None
    """With --run: epochs of pre-training, in place of the recipes'."""
    tune_epochs: int | None = None
    """With --run: epochs of fine-tuning, in place of 12 (tiny) or 300 (paper)."""


def main(verb: str, argv: list[str]) -> int:
    """Print a table, after running its rows if that is asked for; or say which tables there are."""
    if not argv:
        print(overview())
        return 0
    flags = parse(TableFlags, argv, prog="kinema table")
    table = get(flags.number, flags.rows)
    check(flags)
    if not flags.run:
        show(table, flags.results or usual_folders(), flags.format, flags.plot)
        return 0
    out = Path(flags.out or f"runs/tables_{flags.scale}")
    stopped = run(table, flags, out)
    if stopped is not None:
        say("stopped with a checkpoint: the same command goes on")
        return 130 if stopped == signal.SIGINT else 75
    show(table, [out], flags.format, flags.plot or out / f"table{table.number}.png")
    return 0


def usual_folders() -> list[Path]:
    """The folders in results/ that hold result files; what lies deeper, such as studies, has to be named."""
    results = Path(RESULTS)
    return [folder for folder in sorted(results.glob("*/")) if any(folder.glob("*.json"))]


def check(flags: TableFlags) -> None:
    """Refuse flags that do not go together."""
    if flags.plot is not None and not flags.plot.lower().endswith(".png"):
        raise UsageError(f"--plot {flags.plot}: the drawing is a PNG; give a name that ends in .png")
    if flags.run and flags.data is None:
        raise UsageError("kinema table --run needs videos: give --data")
    if flags.run and flags.results:
        raise UsageError("--run and --results exclude one another: the table at the end is of what was run")
    plain = TableFlags(flags.number)
    for name in ("data", "flow", "test", "test_flow", "out", "split", "scale", "seed", "epochs", "tune_epochs"):
        if not flags.run and getattr(flags, name) != getattr(plain, name):
            raise UsageError(f"--{name.replace('_', '-')} says how rows are run: give --run too")


def run(table: PaperTable, flags: TableFlags, out: Path) -> int | None:
    """Make every row; the signal that ended it early, if one did."""
    from kinema.tables.running import jobs
    from kinema.visualise.drawing import new_figure

    new_figure(1, 1)  # finds now, not after hours, that the drawing at the end cannot be made
    assert flags.data is not None
    todo = jobs(
        table,
        scale=flags.scale,
        data=flags.data,
        flow=flags.flow,
        tests=flags.test,
        test_flows=flags.test_flow,
        out=out,
        split=flags.split,
        seed=flags.seed,
        epochs=flags.epochs,
        tune_epochs=flags.tune_epochs,
    )
    todo[0].check_sets()  # the same for every row
    for number, job in enumerate(todo, 1):
        say(f"row {number} of {len(todo)}: {job.recipe.recipe}, in {job.folder}")
        with Bars() as bars:
            trained = job.train(bars.training, say)
            if trained.stopped_by is not None:
                return trained.stopped_by
            job.measure(bars.show)
    return None


def overview() -> str:
    """The tables, each with our rows."""
    lines = [
        f"{table.number:4}  {table.title}\n      {', '.join(row.recipe for row in table.rows)}"
        for table in TABLES.values()
    ]
    return "usage: kinema table N [flags]      (kinema table --help for its flags)\n\n" + "\n".join(lines)


def show(table: PaperTable, folders: Sequence[str | Path], form: Format, drawing: str | Path | None) -> None:
    """Print a table with the results found in some folders, and draw it."""
    from kinema.tables.board import board
    from kinema.tables.export import to_csv, to_json
    from kinema.tables.finding import read_results
    from kinema.tables.placing import place
    from kinema.tables.plot import plot
    from kinema.tables.sheet import sheet

    shown = board(table, place(table, read_results(folders)))
    if drawing is not None:
        plot(shown, drawing)
        say(f"drawn into {drawing}")
    if form == "terminal":
        console = Console(highlight=False)
        for piece in sheet(shown).terminal(console.width):
            console.print(piece, markup=False, soft_wrap=isinstance(piece, str))
    elif form == "markdown":
        print(sheet(shown).markdown(), end="")
    else:
        print(to_csv(shown) if form == "csv" else to_json(shown), end="")
