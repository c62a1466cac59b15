"""A board for other programs: CSV with a line for each figure, and JSON with everything."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

from kinema import published
from kinema.tables.board import Board
from kinema.tables.marks import in_cell, in_column

FIELDS = ("table", "row", "recipe", "backbone", "of", "data", "after", "view", "metric", "value", "low", "high", "runs")


def figures(board: Board) -> list[dict[str, Any]]:
    """Every figure: the paper's as printed, and ours with all of its metrics and how it was made otherwise."""
    found = []
    for entry in board.entries():
        recipe = entry.line.row.recipe if entry.line is not None and entry.line.row is not None else None
        same = {"table": board.table.number, "row": entry.label, "recipe": recipe, "backbone": entry.backbone}
        for printed in entry.printed.figures if entry.printed is not None else ():
            where = {"of": "paper", "data": printed.data, "after": printed.pretrain, "view": None}
            notes = [published.notes()[key] for key in printed.notes]
            quoted = {"quoted": printed.quoted, "notes": notes}
            found.append(same | where | {"metric": printed.metric, "value": printed.value} | quoted)
        for column in board.placed.columns:
            cell = board.cell(entry, column)
            if cell is None or entry.line is None:
                continue
            subject, common = cell.result.subject, in_column(board.table, board.placed, column)
            trained = entry.line.row is not None
            where = {"of": "kinema", "data": column.data, "after": column.pretrain if trained else None}
            made = {
                "view": column.view,
                "runs": len(cell.found),
                "differs": [*common, *in_cell(board.table, entry.line, cell, common)] if trained else [],
                "files": [str(each.path) for each in cell.found],
                "protocol": asdict(cell.result.protocol),
            }
            network = {"backbone": f"{subject.backbone} x{subject.width:g}"}
            for metric in cell.result.score.values:
                low, high = cell.interval(metric) or (None, None)
                score = {"metric": metric, "value": cell.value(metric), "low": low, "high": high}
                found.append(same | network | where | score | made)
    return found


def to_csv(board: Board) -> str:
    """A line for each figure; `runs` counts the runs that ours is the mean of."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(figures(board))
    return text.getvalue()


def to_json(board: Board) -> str:
    """Title, figures, and the commands for what is missing."""
    content = {
        "table": board.table.number,
        "title": board.table.title,
        "figures": figures(board),
        "missing": {row.recipe: [*board.missing_flow(), *commands] for row, commands in board.missing()},
    }
    return json.dumps(content, indent=2) + "\n"
