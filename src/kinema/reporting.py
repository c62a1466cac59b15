"""`kinema report` as a function: from a run's folder to one HTML page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema import methods
from kinema.data.loader import EvalClips
from kinema.data.video import Video
from kinema.engine import log
from kinema.errors import UsageError
from kinema.evaluate import protocol
from kinema.own_data import reopen
from kinema.run import Run
from kinema.task import Progress, open_task
from kinema.visualise.curves import training_seconds
from kinema.visualise.report import RunInfo, write_report


def report(run: str | Path, *, out: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Write `report.html` into the run's folder (or to `out`) and return its path.

    Neighbours, attention and the map are drawn for the run's own data set, where that has labelled test videos and the
    network was not trained on flow alone.
    """
    opened = Run(Path(run))
    if opened.converted is not None:
        raise UsageError(
            f"{run} was converted, so there is no training to report: "
            "give it to kinema retrieve, knn, linear, finetune or attention"
        )
    results = [protocol.read(path) for path in sorted(opened.results.glob("*.json"))]
    rows = log.read(opened.folder / "metrics.jsonl")
    return write_report(
        Path(out) if out is not None else opened.folder / "report.html",
        run_info=run_info(opened, rows),
        results=results,
        metrics=rows,
        chance=methods.build(opened.recipe, opened.data["videos"]).chance(),
        **pictures(opened, progress),
    )


def run_info(run: Run, rows: list[dict[str, Any]]) -> RunInfo:
    """The head of the page."""
    recipe, data, environment = run.recipe, run.data, run.read("environment.json")
    backbone = methods.build(recipe, data["videos"]).backbone
    return RunInfo(
        name=run.folder.name,
        method=recipe.method.name,
        recipe=recipe.recipe,
        backbone=recipe.backbone.name,
        width=recipe.backbone.width,
        parameters=sum(parameter.numel() for parameter in backbone.parameters()),
        clip=recipe.clip,
        data=data["name"],
        videos=data["videos"],
        epochs=int(rows[-1]["epoch"]) if rows else 0,
        seed=recipe.train.seed,
        seconds=training_seconds(rows),
        commit=environment["git"],
        device=environment["device"],
        command=environment["command"],
    )


def pictures(run: Run, progress: Progress | None) -> dict[str, Any]:
    """Features and encoders before and after training.

    Nothing where the data set has no labelled test videos, or where the network sees flow, which is no picture.
    """
    source = reopen(run)
    if source.test is None or not source.test.classes or run.recipe.method.pixels.first == "flow":
        return {}
    task = open_task(run.folder, progress=progress)
    gallery, query = task.features("pretrained", task.folds[0])
    random_gallery, random_query = task.features("random init", task.folds[0])
    encoder = task.encoder("pretrained")
    return {
        "query": query,
        "gallery": gallery,
        "random_query": random_query,
        "random_gallery": random_gallery,
        "encoder": encoder,
        "random_encoder": task.encoder("random init"),
        "frames_of": middle_clip(encoder.clip),
    }


def middle_clip(clip: Any) -> Callable[[str], Tensor]:
    """A function that reads the middle clip of the video at a path, uint8 [T, S, S, 3]."""

    def frames(path: str) -> Tensor:
        clips: Tensor = EvalClips([Video(path)], clip, clips=1)[0][0]
        return clips[0]

    return torch.no_grad()(frames)
