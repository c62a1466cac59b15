"""Runs side by side: their curves and result tables, as the page draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinema import methods
from kinema.against import run_names
from kinema.engine import log
from kinema.evaluate import protocol, table
from kinema.run import Run
from kinema.settings import method_title
from kinema.visualise.curves import panels, points
from kinema.visualise.scores import by_protocol


def runs_told(folders: Sequence[Path]) -> dict[str, Any]:
    """Names, methods, curves and result tables of some runs.

    Raises:
        UsageError: one is no run, or a file of it is damaged.
    """
    names = run_names(folders)
    runs = [Run(folder) for folder in folders]
    return {
        "runs": [
            {"name": name, "method": method_title(run.recipe.method.name), "recipe": run.recipe.recipe}
            for name, run in zip(names, runs, strict=True)
        ],
        "charts": charts(dict(zip(names, runs, strict=True))),
        "tables": tables(dict(zip(names, runs, strict=True))),
    }


def charts(runs: dict[str, Run]) -> list[dict[str, Any]]:
    """A chart for each panel that any run has, with a line for each of its figures and each run."""
    found: dict[str, dict[str, Any]] = {}
    for name, run in runs.items():
        rows = log.read(run.folder / "metrics.jsonl")
        chance = {} if run.converted else methods.build(run.recipe, run.data["videos"]).chance()
        for panel in panels(rows, chance):
            chart = found.setdefault(panel.title, {"title": panel.title, "unit": panel.unit, "note": panel.note})
            lines = chart.setdefault("lines", [])
            for figure in panel.figures:
                epochs, values = points(rows, figure)
                lines.append({"run": name, "figure": figure, "epochs": epochs, "values": values})
            if panel.chance is not None:
                lines.append({"run": name, "figure": "chance", "epochs": [], "values": [panel.chance]})
    return list(found.values())


def tables(runs: dict[str, Run]) -> list[dict[str, Any]]:
    """A table for each protocol; results of one network that several runs measured, such as random init, stand once."""
    results = []
    for run in runs.values():
        for path in sorted(run.results.glob("*.json")):
            result = protocol.read(path)
            if "against" not in result.protocol.settings and result not in results:
                results.append(result)
    return [asdict(table.comparison(group)) for group in by_protocol(results)]
