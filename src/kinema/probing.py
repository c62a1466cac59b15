"""The figures that are taken while a run trains: do features collapse, and do neighbours share a class?"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from kinema import distributed
from kinema.data import flow_folder, sources
from kinema.data.loader import EvalClips, eval_loader
from kinema.evaluate import knn
from kinema.evaluate.features import Features, extract
from kinema.evaluate.health import collapse_figures
from kinema.loading import FLOW_VIEWS, encoder_of
from kinema.machine import pick_workers
from kinema.methods.base import Method
from kinema.settings import Recipe

PROBE_VIDEOS = 1000
"""Training videos that the online figures are taken on: enough for a trend, few enough to be quick."""
PROBE_CLIPS = 2

COLLAPSED = 0.01
"""Spread below which all features are as good as one; networks that were never trained have 0.03 or more."""


def alarm(figures: Mapping[str, float]) -> str | None:
    """A line for a person, if the features have collapsed."""
    spread = figures["probe/feature_std"]
    if spread >= COLLAPSED:
        return None
    return (
        f"the features of all videos are nearly one (a spread of {spread:.2g}, where an untrained network has 0.03 or "
        "more): training has collapsed; lower --optim.lr, or start anew with other settings"
    )


def make_probe(
    method: Method,
    recipe: Recipe,
    listed: sources.VideoList,
    flow: flow_folder.FlowFolder | None,
    say: Callable[[str], None],
) -> Callable[[], dict[str, float]]:
    """The online figures: collapse of the features and, where there are labels, leave-one-out kNN on train videos.

    `say` is told when features have collapsed.
    """
    every = max(1, -(-len(listed.videos) // PROBE_VIDEOS))
    videos = listed.videos[::every]
    labelled = all(video.label >= 0 for video in videos) and len({video.label for video in videos}) > 1

    def probe() -> dict[str, float]:
        encoder = encoder_of(method.backbone, recipe)
        device = next(method.backbone.parameters()).device
        fields = flow if encoder.view in FLOW_VIEWS else None
        rank, ranks = distributed.rank(), distributed.size()
        own = videos[rank::ranks]
        clips = EvalClips(own, recipe.clip, clips=PROBE_CLIPS, flow=fields)
        loader = eval_loader(clips, batch_size=16, workers=pick_workers(recipe.train.workers))
        with torch.random.fork_rng(devices=[]):
            features = extract(
                encoder,
                loader,
                device=device,
                num_videos=len(own),
                classes=listed.classes,
                paths=tuple(video.path for video in own),
            )
        if ranks > 1:
            vectors, labels = (
                distributed.interleaved(distributed.everyones(each)) for each in (features.vectors, features.labels)
            )
            features = Features(vectors, labels, tuple(video.path for video in videos), listed.classes)
        figures = collapse_figures(features.vectors)
        if (line := alarm(figures)) is not None:
            say(line)
        if labelled:
            figures["probe/knn_top1"] = knn.knn_accuracy(features).top1
        return figures

    return probe
