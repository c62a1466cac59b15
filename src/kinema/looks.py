"""The thumbnails of a run's videos, by which look-alikes share a batch: made once, by all processes, and kept."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from kinema import distributed
from kinema.archive import NO_ARRAYS
from kinema.atomic import write_bytes
from kinema.data import appearance, sources
from kinema.errors import UsageError
from kinema.machine import pick_workers
from kinema.run import Run
from kinema.settings import Recipe


def kept_looks(
    run: Run, recipe: Recipe, listed: sources.VideoList, progress: Callable[[str, int, int], None] | None
) -> torch.Tensor:
    """uint8 [V, A]: the videos' thumbnails, which are kept in the run's folder for the next start.

    Raises:
        UsageError: what is kept there is not of these videos.
    """
    path = run.folder / "appearance.npy"
    if not distributed.first(path.exists):
        place = distributed.place()
        own = appearance.appearance(
            listed.videos[place.rank :: place.size],
            workers=pick_workers(recipe.train.workers),
            progress=partial(progress, "looks of videos") if progress else None,
        )
        found = distributed.interleaved(distributed.everyones(own))
        if place.rank == 0:
            content = io.BytesIO()
            np.save(content, found.numpy())
            write_bytes(path, content.getvalue(), alone=True)
        return found
    try:
        with warnings.catch_warnings(action="ignore"):
            kept = np.load(path, allow_pickle=False)
    except NO_ARRAYS as problem:
        raise UsageError(f"{path} is damaged ({problem}): remove it, and it will be made anew") from problem
    if not isinstance(kept, np.ndarray) or (kept.dtype, kept.shape) != (
        np.uint8,
        (len(listed.videos), appearance.SIZE),
    ):
        raise UsageError(f"{path} is not of these {len(listed.videos)} videos: remove it, and it will be made anew")
    return torch.from_numpy(kept)
