"""`kinema motionshare` as a function: how much of what networks attend to is what moves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from kinema.against import Comparison, compare, contenders
from kinema.batch import generator
from kinema.data.loader import EvalClips, eval_loader
from kinema.data.video import VideoList
from kinema.errors import UsageError
from kinema.evaluate.estimate import Estimate, estimate, mean_estimate
from kinema.feature_store import BATCH
from kinema.loading import VideoEncoder
from kinema.machine import pick_device, pick_workers
from kinema.task import Task
from kinema.visualise.attention import TOP, require_map
from kinema.visualise.motion_share import MotionShare, motion_shares


def motion_share(task: Task, against: Sequence[str | Path] = (), *, baseline: bool = True) -> tuple[Comparison, float]:
    """The share of attention on moving pixels of a run, random init and other runs, over all test videos.

    Figures, in percent: `share` is that of each clip's own map; `fixed map` is that of the network's mean map, which
    follows nothing and only knows where motion is frequent. Returned beside them: the largest share that a map of as
    few cells could have.

    Raises:
        UsageError: a network has no spatial map, or the runs do not compare.
    """
    if task.view not in ("rgb", "residual"):
        raise UsageError("attention is of one view: give --view rgb or --view residual")
    started = time.time()
    measured = contenders(task, against, baseline=baseline)
    device = pick_device(task.device)
    encoders: dict[str, VideoEncoder] = {each.name: each.task.encoder(each.weights).to(device) for each in measured}
    for encoder in encoders.values():
        require_map(encoder, encoder.clip)
    protocol = task.protocol(
        "motion_share", average="share", pooling="none", settings={"top": TOP}, gallery=0, train_list=""
    )
    folds = [_measure(task, encoders, fold.test) for fold in task.folds]
    figures = {name: _figures([shares[name] for shares, _ in folds]) for name in encoders}
    return compare(measured, protocol, figures, started), 100 * sum(most for _, most in folds) / len(folds)


def _measure(task: Task, encoders: dict[str, VideoEncoder], videos: VideoList) -> tuple[dict[str, MotionShare], float]:
    """The networks' shares over one fold's test videos."""
    how = task.evaluation
    clips = EvalClips(videos.videos, task.run.recipe.clip, clips=how.clips, crops=how.crops)
    progress, total = task.progress, len(videos)
    return motion_shares(
        encoders,
        eval_loader(clips, batch_size=BATCH, workers=pick_workers(None)),
        progress=None if progress is None else lambda done: progress("attention", done, total),
    )


def _figures(folds: Sequence[MotionShare]) -> dict[str, Estimate]:
    """Resampled from the same seed for every network, so that their figures can be compared in pairs."""
    figures = {}
    for name, values in (("share", [fold.own for fold in folds]), ("fixed map", [fold.fixed for fold in folds])):
        rng = generator("bootstrap", 0)
        figures[name] = mean_estimate([estimate(each, rng) for each in values])
    return figures
