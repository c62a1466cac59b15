"""Where exported weights come from, as far as the checkpoint and the folder around it say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinema.engine import log
from kinema.engine.checkpoint import Checkpoint
from kinema.errors import UsageError
from kinema.evaluate import protocol
from kinema.evaluate.protocol import Result
from kinema.run import Run
from kinema.settings import Converted, Recipe, from_dict


@dataclass(frozen=True)
class Origin:
    """What is known of a checkpoint."""

    recipe: Recipe
    data: dict[str, Any]
    """What it was trained on: name, number of videos, digest; empty for weights that were trained elsewhere."""
    steps: int
    epochs: int | None
    """Behind the weights; `None` where no log says so."""
    environment: dict[str, Any] | None
    """`environment.json` of the run; `None` if there is none."""
    results: tuple[Result, ...]
    """What was measured of these very weights, and of random ones beside them."""
    left_out: int
    """Results of the run that are of other weights."""

    @property
    def converted(self) -> Converted | None:
        """Where they come from, if they were trained elsewhere."""
        return self.recipe.method if isinstance(self.recipe.method, Converted) else None

    @property
    def command(self) -> str | None:
        """What was typed to train them; of paths from the root only the last part."""
        typed = (self.environment or {}).get("command")
        return without_places(typed) if isinstance(typed, str) else None


def without_places(command: str) -> str:
    """A command whose paths from the root or a home keep their last part alone, since a card is read by others."""
    return re.sub(r"(^|[\s='\"])~?/(?:[^\s/'\"]+/)*([^\s/'\"]+)", r"\1\2", command)


def origin_of(saved: Checkpoint, source: Path) -> Origin:
    """What the checkpoint, and the run that it lies in, say.

    Args:
        saved: what was read at `source`.
        source: a run's folder, or a checkpoint, in its run or anywhere.

    Raises:
        UsageError: a file of the run is damaged.
    """
    run = run_of(source)
    recipe = from_dict(Recipe, saved.recipe)
    if run is not None and run.recipe != recipe:
        run = None
    last = run is not None and (source.is_dir() or source.resolve() == run.checkpoint.resolve())
    rows = log.read(run.folder / "metrics.jsonl") if run is not None and last else []
    epochs = int(rows[-1]["epoch"]) if rows else None
    found = [protocol.read(path) for path in sorted(run.results.glob("*.json"))] if run is not None else []
    own = [each for each in found if last and fits(each, epochs)]
    return Origin(
        recipe=recipe,
        data=saved.data,
        steps=saved.step,
        epochs=epochs,
        environment=environment_of(run),
        results=tuple(own),
        left_out=len(found) - len(own),
    )


def fits(result: Result, epochs: int | None) -> bool:
    """Whether a result of a run is of its weights as they are now; random ones do not change."""
    return result.subject.weights == "random init" or result.subject.epoch in (None, epochs)


def run_of(source: Path) -> Run | None:
    """The run at a path, or around a checkpoint."""
    folder = source if source.is_dir() else source.resolve().parent.parent
    return Run(folder) if (folder / "recipe.json").is_file() else None


def environment_of(run: Run | None) -> dict[str, Any] | None:
    """`environment.json`, if there is one."""
    try:
        return run.read("environment.json") if run is not None else None
    except UsageError:
        if run is not None and (run.folder / "environment.json").exists():
            raise
        return None
