"""A run beside random init and other runs, measured on the same videos: a figure each, and the paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kinema.errors import UsageError
from kinema.evaluate.estimate import Estimate, score_from_estimates
from kinema.evaluate.protocol import Protocol, Result, Subject
from kinema.evaluate.table import Table, cell, check_same_protocol, title
from kinema.run import Run
from kinema.settings import Clip
from kinema.task import Task, Weights


@dataclass(frozen=True)
class Contender:
    """A network that is measured."""

    name: str
    """"random init", or the name of the run's folder."""
    task: Task
    """Of its own run, whose folder gets its results."""
    weights: Weights
    subject: Subject


@dataclass(frozen=True)
class Comparison:
    """What was measured of each contender, the run itself last, and its paired difference from each other."""

    names: tuple[str, ...]
    results: tuple[Result, ...]
    differences: tuple[Result, ...]
    """The run minus each of the others, in their order."""

    def table(self) -> Table:
        """A row a contender: its figures, and by how many points of the first of them the run is above it."""
        check_same_protocol(self.results)
        figures = list(self.results[0].score.values)
        run = self.names[-1]
        rows = []
        for name, result, apart in zip(self.names, self.results, (*self.differences, None), strict=True):
            gap = "" if apart is None else cell(apart, apart.score.metric)
            rows.append((name, *(cell(result, figure) for figure in figures), gap))
        header = ("", *figures) + ((f"{run} minus this",) if self.differences else ())
        return Table(title(self.results[0].protocol), header, tuple(row[: len(header)] for row in rows))


def contenders(task: Task, against: Sequence[str | Path], *, baseline: bool) -> list[Contender]:
    """Random init of the task's run if `baseline`, the runs in `against`, and the task's run; on the task's videos.

    Raises:
        UsageError: a run is there twice, is no run, has no readable checkpoint, or is shown other clips.
    """
    others = [replace(task, run=Run(Path(path))) for path in against]
    names = run_names([each.run.folder for each in (*others, task)])
    for other in others:
        require_same_clip(task.run.folder, task.run.recipe.clip, other.run.folder, other.run.recipe.clip)
    runs = list(zip(names, (*others, task), strict=True))
    rows: list[tuple[str, Task, Weights]] = [("random init", task, "random init")] if baseline else []
    rows += [(name, each, "pretrained") for name, each in runs]
    return [Contender(name, each, weights, each.subject(weights)) for name, each, weights in rows]


def run_names(folders: Sequence[Path]) -> list[str]:
    """The names of runs' folders; the whole paths where two are named alike.

    Raises:
        UsageError: a run is there twice.
    """
    places = [folder.resolve() for folder in folders]
    for place, folder in zip(places, folders, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{folder} is given twice: a run is compared with others, each given once by --against")
    names = [place.name for place in places]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def require_same_clip(folder: Path, clip: Clip, other_folder: Path, other: Clip) -> None:
    """Raise UsageError unless both runs are shown the same frames of a video, at the same size."""
    shown = [f"{each.frames}x{each.stride} at {each.size} of {each.loaded_side} px" for each in (clip, other)]
    if shown[0] != shown[1]:
        raise UsageError(
            f"{folder} sees clips of {shown[0]} and {other_folder} of {shown[1]}, so they do not compare: "
            "give runs with the same clip"
        )


def compare(
    measured: Sequence[Contender], protocol: Protocol, figures: Mapping[str, Mapping[str, Estimate]], started: float
) -> Comparison:
    """Write a result for each contender into its run's folder, and the last one's paired differences into its own.

    Args:
        measured: as `contenders` gives them.
        protocol: how all of them were measured.
        figures: by contender and by name of the figure, the headline first.
        started: when the work began (`time.time()`).
    """
    results = [
        each.task.record(score_from_estimates(figures[each.name]), protocol, each.subject, started) for each in measured
    ]
    run, own = measured[-1], figures[measured[-1].name]
    differences = []
    for other in measured[:-1]:
        apart = {f"{name} minus {other.name}": each.minus(figures[other.name][name]) for name, each in own.items()}
        paired = replace(protocol, settings=protocol.settings | {"against": other.name})
        differences.append(run.task.record(score_from_estimates(apart), paired, run.subject, started))
    return Comparison(tuple(each.name for each in measured), tuple(results), tuple(differences))
