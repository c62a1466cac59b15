"""The rows of a table run one after the other: pre-trained, and measured as the table is.

    OUT/mcn_seed0/     a run like any other, with its results
    OUT/cmc_seed0/
    OUT/table5.png

Tables share rows, and so the runs in OUT. What is finished is not done again, and what was interrupted goes on; only a
fine-tuning that was interrupted begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kinema import evaluation
from kinema.data import sources
from kinema.engine.train import Progress as TrainingProgress
from kinema.engine.train import Trained
from kinema.errors import UsageError
from kinema.evaluate.protocol import Protocol, Result, read, recipe_hash
from kinema.evaluate.settings import Finetune, LinearProbe
from kinema.folds import fold_of
from kinema.own_data import describe
from kinema.pretraining import pretrain
from kinema.run import Run, changed_setting, same_videos
from kinema.settings import Recipe
from kinema.tables.definition import PaperTable, Scale, recipe_of, run_name, settings_of, shows_flow
from kinema.task import Progress, Task, flow_for, open_task

OF_THE_VERB = frozenset({"average", "distance", "centred", "selection"})
"""Fields of a protocol that fine-tuning and the linear probe fill in by their settings."""


@dataclass(frozen=True)
class Job:
    """One row to be made."""

    table: PaperTable
    recipe: Recipe
    folder: Path
    data: str
    split: int
    flow: str | None
    """The flow of `data`, where the table shows any."""
    tests: tuple[tuple[str | None, str | None], ...]
    """Sets to measure on, each with its flow; `None` for `data` itself."""
    settings: Finetune | LinearProbe | None
    baseline: bool
    """Also measure random init: the first row of each network does."""

    def check(self) -> None:
        """Refuse a folder that holds another run.

        Raises:
            UsageError: what is there was made with other settings or of other videos.
        """
        run = Run(self.folder)
        if not run.checkpoint.is_file():
            return
        setting = changed_setting(run, self.recipe)
        if setting is not None:
            raise UsageError(f"{self.folder} was made with other settings ({setting}): give another --out")
        listed = sources.read_source(self.data, split=self.split).train
        if not same_videos(run.data, describe(listed, self.data, self.split)):
            raise UsageError(f"{self.folder} was trained on {run.data['path']}, not {self.data}: give another --out")

    def check_sets(self) -> None:
        """Refuse sets that cannot be measured on, before hours of training.

        Raises:
            UsageError: one has no test part, or there is no flow of one of its videos.
            DataError: one has no labels, or one class only.
        """
        for data, flow in self.tests:
            fold_of(sources.read_source(data or self.data, split=self.split), flow_for(self.table.view, flow))

    def train(
        self, report: Callable[[TrainingProgress], None] | None = None, say: Callable[[str], None] | None = None
    ) -> Trained:
        """Pre-train, or go on with it; a finished run is only looked at."""
        started = Run(self.folder).checkpoint.is_file()
        _, trained = pretrain(
            self.recipe,
            data=self.data,
            out=self.folder,
            split=self.split,
            flow=self.flow,
            resume=started,
            overwrite=not started,  # stopped before its first checkpoint: renamed, and begun anew
            report=report,
            say=say,
        )
        return trained

    def measure(self, progress: Progress | None = None) -> None:
        """Measure the run on every set on which that has not been done."""
        for data, flow in self.tests:
            split = None if data is None else self.split
            task = open_task(self.folder, data=data, split=split, view=self.table.view, flow=flow, progress=progress)
            if self.measured(task):
                continue
            if isinstance(self.settings, Finetune):
                evaluation.finetune(task, self.settings, baseline=self.baseline)
            elif isinstance(self.settings, LinearProbe):
                evaluation.linear(task, self.settings, baseline=self.baseline)
            else:
                evaluation.retrieve(task, baseline=self.baseline)

    def measured(self, task: Task) -> bool:
        """Whether the results are there already."""
        if self.settings is None:
            wanted, decided = evaluation.retrieval_protocol(task), frozenset[str]()
        else:
            wanted, decided = task.protocol(self.table.task, settings=asdict(self.settings)), OF_THE_VERB
        found = [read(path) for path in sorted(self.folder.glob("results/*.json"))]
        done = {
            result.subject.weights
            for result in found
            if agrees(result.protocol, wanted, decided) and self.is_subject(result)
        }
        return done >= ({"pretrained", "random init"} if self.baseline else {"pretrained"})

    def is_subject(self, result: Result) -> bool:
        """Whether a result is of the finished run, or of its network before training."""
        subject = result.subject
        if subject.weights == "random init":
            return subject.seed == self.recipe.train.seed
        return (subject.recipe_hash, subject.epoch) == (recipe_hash(self.recipe), self.recipe.train.epochs)


def agrees(one: Protocol, other: Protocol, but: frozenset[str]) -> bool:
    """Whether two protocols are equal in all but some fields."""
    return all(value == getattr(other, name) for name, value in vars(one).items() if name not in but)


def jobs(
    table: PaperTable,
    *,
    scale: Scale,
    data: str,
    flow: str | None = None,
    tests: Sequence[str] = (),
    test_flows: Sequence[str] = (),
    out: str | Path,
    split: int = 1,
    seed: int = 0,
    epochs: int | None = None,
    tune_epochs: int | None = None,
) -> list[Job]:
    """A job for each of our rows of a table, checked against what is in `out` already.

    Args:
        scale: the recipes as they are, or brought down to two CPU cores by `kinema.recipes.tiny.tiny`.
        data: what to pre-train on, without labels.
        flow: the flow of `data`, where the table shows any.
        tests: sets with a train and a test part to measure on; `data` itself if none is given.
        test_flows: the flow of each of `tests`, where the table shows any.
        out: the folder of runs.
        split: for data sets that come in several.
        seed: of pre-training and of what follows.
        epochs: of pre-training, in place of the recipe's.
        tune_epochs: of fine-tuning, in place of the scale's.

    Raises:
        UsageError: `out` holds runs that were made otherwise, or flow is missing or superfluous.
    """
    check_flow(table, flow, tests, test_flows)
    shown = [*test_flows] if test_flows else [None] * len(tests)
    measured = tuple(zip(tests, shown, strict=True)) or ((None, flow),)
    made: list[Job] = []
    networks = set()
    for row in table.rows:
        recipe = recipe_of(row, scale)
        length = recipe.train.epochs if epochs is None else epochs
        recipe = replace(recipe, train=replace(recipe.train, seed=seed, epochs=length))
        settings = settings_of(table, recipe, scale)
        if isinstance(settings, Finetune) and tune_epochs is not None:
            settings = replace(settings, epochs=tune_epochs)
        network = (recipe.backbone, recipe.clip, recipe.method.pixels.normalise)
        folder = Path(out) / f"{run_name(table, row)}_seed{seed}"
        baseline = network not in networks
        made.append(Job(table, recipe, folder, data, split, flow, measured, settings, baseline))
        networks.add(network)
    for job in made:
        job.check()
    return made


def check_flow(table: PaperTable, flow: str | None, tests: Sequence[str], test_flows: Sequence[str]) -> None:
    """Refuse flow that a table does not show, and one that shows flow without it."""
    if not shows_flow(table):
        if flow is not None or test_flows:
            raise UsageError(f"Table {table.number} shows no flow: drop --flow and --test-flow")
        return
    if flow is None:
        raise UsageError(f"Table {table.number} shows flow: give --flow DIR, made by `kinema data flow`")
    if len(test_flows) != len(tests):
        raise UsageError(f"{len(tests)} --test sets and {len(test_flows)} of --test-flow: give the flow of each")
