"""A board as a drawing."""

from __future__ import annotations

from pathlib import Path

from kinema.evaluate.table import TASKS
from kinema.tables.board import Board, Entry
from kinema.visualise.table_plot import Bar, PlotRow, draw


def plot(board: Board, path: str | Path) -> None:
    """Draw our rows by the table's first metric; the rows that are not ours are left to the printed table.

    Raises:
        UsageError: matplotlib is not installed, or the file cannot be written.
    """
    ours = [row for entry in board.entries() if (row := plot_row(board, entry)) is not None]
    draw(path, ours, unit=f"Table {board.table.number}: {TASKS[board.table.task]} {board.metrics[0]}, percent")


def plot_row(board: Board, entry: Entry) -> PlotRow | None:
    """The bars and marks of a row; `None` for one that is not ours."""
    if entry.line is None:
        return None
    metric, bars = board.metrics[0], {}
    for column in board.placed.columns:
        cell = board.cell(entry, column)
        if cell is not None:
            bars[column.name] = Bar(cell.value(metric), *(cell.interval(metric) or (None, None)))
    figures = {data: entry.printed.figure(data, metric) for data in board.table.data} if entry.printed else {}
    paper = {data: figure.value for data, figure in figures.items() if figure is not None}
    frames = f", {entry.printed.frames} frames" if entry.printed and "frames" in board.table.varies else ""
    return PlotRow("\n".join(filter(None, (entry.label, entry.backbone + frames))), bars, paper)
