"""What an evaluation verb measures: a run, the videos, and how; and the results it writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from kinema.atomic import require_place
from kinema.data import sources
from kinema.data.flow_folder import FlowFolder, open_folder
from kinema.engine import log
from kinema.errors import UsageError
from kinema.evaluate.features import Features
from kinema.evaluate.origin import origin
from kinema.evaluate.protocol import Protocol, Result, Score, Subject, keep_of_other_lists, recipe_hash, write
from kinema.evaluate.protocol import Task as TaskName
from kinema.evaluate.score import score_from_folds, score_from_hits
from kinema.evaluate.settings import Evaluation
from kinema.feature_store import FeatureStore
from kinema.folds import Fold, fold_of, list_fingerprint
from kinema.loading import FLOW_VIEWS, VideoEncoder, View, load, random_init, view_of
from kinema.machine import pick_device, pick_workers
from kinema.own_data import reopen
from kinema.run import Run, check_same_flow

Weights = Literal["pretrained", "random init"]
Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, total)."""
Hits = dict[str, Tensor]


@dataclass(frozen=True)
class Task:
    """A run, the videos to measure it on, and how."""

    run: Run
    folds: tuple[Fold, ...]
    data: str
    split: str | None
    view: View = "rgb"
    evaluation: Evaluation = field(default_factory=Evaluation)
    device: str = "auto"
    progress: Progress | None = None
    flow: FlowFolder | None = None
    notes: list[str] = field(default_factory=list)
    """What a person should know of how it was measured, or of where an earlier result has gone."""

    @cached_property
    def store(self) -> FeatureStore:
        """Where the run keeps the features it has extracted."""
        folder, device = self.run.folder / "features", pick_device(self.device)
        return FeatureStore(folder, device=device, workers=pick_workers(None), flow=self.flow)

    @cached_property
    def epoch(self) -> int:
        """Epochs of training that the run has behind it, by its log."""
        rows = log.read(self.run.folder / "metrics.jsonl")
        return int(rows[-1]["epoch"]) if rows else 0

    def encoder(self, weights: Weights) -> VideoEncoder:
        """The run's network, trained or fresh.

        Raises:
            UsageError: it was trained on flow that was made otherwise than what it is to be shown.
        """
        if weights == "pretrained":
            if self.flow is not None and self.run.converted is None:
                how = asdict(self.flow.making)
                why = f"--view {self.view} shows a network what it was trained on"
                check_same_flow(self.run.folder, self.run.data, how, why)
            return load(self.run.folder, view=self.view)
        return random_init(self.run.recipe, view=self.view)

    def features(self, weights: Weights, fold: Fold) -> tuple[Features, Features]:
        """Features of a fold's train and test videos."""
        return self.features_of(weights, fold.train), self.features_of(weights, fold.test)

    def features_of(self, weights: Weights, videos: sources.VideoList) -> Features:
        """Features of some videos."""
        report = partial(self.progress, f"features of {weights}") if self.progress else None
        return self.store.features(self.encoder(weights), videos.videos, videos.classes, self.evaluation, report)

    def subject(self, weights: Weights) -> Subject:
        """Who was measured."""
        recipe = self.run.recipe
        network = self.encoder(weights).backbone
        parameters = sum(parameter.numel() for parameter in network.parameters())
        trained = weights == "pretrained"
        elsewhere = self.run.converted
        if trained and elsewhere is not None:
            return Subject(
                weights=weights,
                method=elsewhere.family,
                backbone=recipe.backbone.name,
                width=recipe.backbone.width,
                parameters=parameters,
                recipe=None,
                recipe_hash=None,
                pretrain_data=None,
                epoch=None,
                seed=None,
                source=f"{elsewhere.file}, SHA-256 {elsewhere.sha256}",
            )
        return Subject(
            weights=weights,
            method=recipe.method.name if trained else None,
            backbone=recipe.backbone.name,
            width=recipe.backbone.width,
            parameters=parameters,
            recipe=recipe.recipe if trained else None,
            recipe_hash=recipe_hash(recipe) if trained else None,
            pretrain_data=self.run.data["name"] if trained else None,
            epoch=self.epoch if trained else None,
            seed=recipe.train.seed,
        )

    def protocol(self, kind: TaskName, **how: Any) -> Protocol:
        """How it was measured; `how` gives what differs between the verbs.

        Raises:
            UsageError: features are to be in bf16 where none are measured.
        """
        clip, precision = self.run.recipe.clip, {}
        if self.evaluation.precision != "32-true":
            if kind in ("finetune", "motion_share"):
                raise UsageError(f"--evaluation.precision is for features, and {kind} measures none: leave it out")
            precision = {"feature_precision": self.evaluation.precision}
        defaults: dict[str, Any] = {
            "average": "feature",
            "distance": None,
            "centred": False,
            "selection": "none",
            "settings": {},
            "pooling": "gap",
            "queries": sum(len(fold.test.videos) for fold in self.folds),
            "gallery": max(len(fold.train.videos) for fold in self.folds),
            "train_list": list_fingerprint([fold.train for fold in self.folds]),
        }
        return Protocol(
            task=kind,
            data=self.data,
            split=self.split,
            classes=len(self.folds[0].train.classes),
            test_list=list_fingerprint([fold.test for fold in self.folds]),
            frames=clip.frames,
            stride=clip.stride,
            size=clip.size,
            clips=self.evaluation.clips,
            crops=self.evaluation.crops,
            view=self.view,
            **(defaults | how | {"settings": how.get("settings", {}) | self.flow_settings() | precision}),
        )

    def flow_settings(self) -> dict[str, Any]:
        """How the flow was made that the network is shown, for the record; nothing where it is shown none."""
        if self.flow is None:
            return {}
        making = self.flow.making
        return {"flow": making.algorithm["name"], "flow_short_side": making.short_side, "flow_bound": making.bound}

    def measure(
        self, protocol: Protocol, score: Callable[[Weights, Fold], tuple[Hits, dict[str, float]]], *, baseline: bool
    ) -> list[Result]:
        """Score every fold with random and with trained weights; write and return the results, random init first.

        `score` returns hits by figure, and what was chosen on held-out train videos.
        """
        require_place(self.run.results / "result.json")
        names: list[Weights] = ["random init", "pretrained"] if baseline else ["pretrained"]
        subjects = {weights: self.subject(weights) for weights in names}  # finds a damaged checkpoint before the work
        results = []
        for weights, subject in subjects.items():
            started = time.time()
            parts = [score(weights, fold) for fold in self.folds]
            if len(parts) == 1:
                found: Score = score_from_hits(parts[0][0], chosen=parts[0][1])
            else:
                found = score_from_folds([hits for hits, _ in parts])
            results.append(self.record(found, protocol, subject, started))
        return results

    def note(self, line: str) -> None:
        """Keep a line for a person, once."""
        if line not in self.notes:
            self.notes.append(line)

    def record(self, score: Score, protocol: Protocol, subject: Subject, started: float) -> Result:
        """Write a result into the run's folder; `started` is when the work on it began (`time.time()`)."""
        result = Result(score, protocol, subject, origin(started, pick_device(self.device)))
        if (kept := keep_of_other_lists(result, self.run.results)) is not None:
            self.note(f"an earlier result was of other lists, also called {self.data}: it is kept as {kept.name}")
        write(result, self.run.results)
        return result


def open_task(
    run: str | Path,
    *,
    data: str | Path | None = None,
    split: int | None = None,
    train: Sequence[str | Path] = (),
    test: Sequence[str | Path] = (),
    view: View | None = None,
    flow: str | Path | None = None,
    evaluation: Evaluation | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Task:
    """What to measure: the run's own data, or `data`, or lists; several train and test lists are folds of one another.

    The view, if not given, is RGB, or flow for a network that was trained on flow alone.

    Raises:
        UsageError: there is no test part, the lists do not pair up, the videos have no labels, the run's own data
            have changed, there is no flow of the videos for a view that needs it, or the run has no such view.
    """
    opened = Run(Path(run))
    view = view_of(opened.recipe, view)
    fields = flow_for(view, flow)
    if bool(train) != bool(test) or len(train) != len(test):
        raise UsageError(f"{len(train)} --train and {len(test)} --test lists: give as many of one as of the other")
    if train and data is not None:
        raise UsageError("--data and --train with --test exclude one another: give one of them")
    if split is not None and data is None:
        raise UsageError(f"--split {split} says which part of --data to use: give --data too")
    if train:
        pairs = [sources.read_pair(one, other) for one, other in zip(train, test, strict=True)]
        name = pairs[0].name
        split_name = f"mean over {len(pairs)} folds" if len(pairs) > 1 else None
    else:
        pairs = [reopen(opened) if data is None else sources.read_source(data, split=split or 1)]
        name, split_name = pairs[0].name, str(pairs[0].split) if pairs[0].split else None
    folds = tuple(fold_of(pair, fields) for pair in pairs)
    return Task(opened, folds, name, split_name, view, evaluation or Evaluation(), device, progress, fields)


def flow_for(view: View, flow: str | Path | None) -> FlowFolder | None:
    """The flow that a view needs; `None` if it needs none.

    Raises:
        UsageError: it is missing or superfluous.
    """
    if flow is None:
        if view in FLOW_VIEWS:
            raise UsageError(f"--view {view} needs --flow DIR, which `kinema data flow` makes")
        return None
    if view not in FLOW_VIEWS:
        raise UsageError(f"--view {view} shows no flow: drop --flow, or give --view {' or '.join(FLOW_VIEWS)}")
    return open_folder(flow)
