"""What a step takes where several processes take it together; with one process, nothing.

Together, every rank computes the loss of the step's whole batch from gathered features, batch norm is over all ranks,
and what a step writes is the same everywhere. Apart (`method.meta.reduce per_rank`), each has a loss, statistics and
writes of its own part, which are put together here.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from kinema import distributed, heads
from kinema.batch import Batch, Enqueue, Outcome, Write
from kinema.errors import UsageError
from kinema.methods.base import Method
from kinema.sampler import check_ranks
from kinema.settings import MetaContrast, Recipe, differences
from kinema.synced_batch_norm import sync_batch_norm


def tasks_of_ranks(recipe: Recipe) -> bool:
    """Whether each of several ranks is a task of its own."""
    config = recipe.method
    return isinstance(config, MetaContrast) and config.meta.order > 0 and config.meta.reduce == "per_rank"


def apart(recipe: Recipe) -> bool:
    """Whether the ranks that there are take their steps apart.

    Raises:
        UsageError: the batch does not divide over them, or leaves each too few videos.
    """
    ranks, config, batch_size = distributed.size(), recipe.method, recipe.train.batch_size
    if ranks == 1:
        return False
    check_ranks(batch_size, ranks)
    if not (isinstance(config, MetaContrast) and tasks_of_ranks(recipe)):
        return False
    own, unit = batch_size // ranks, heads.GROUP if config.alpha > 0 else 2
    if own % unit and (own < 2 or config.alpha > 0):
        need = f"groups of {unit}, for pair classification" if config.alpha > 0 else "two, for batch norm"
        raise UsageError(
            f"--method.meta.reduce per_rank leaves each of {ranks} processes {own} videos a stage, no {need}: "
            f"use --train.batch-size {-(-batch_size // (ranks * unit)) * ranks * unit}, or reduce global"
        )
    return True


NOT_SHARED = ("train.workers:", "train.device:")
"""Settings that may differ between processes: they say how each reads and where it computes."""


def require_alike(recipe: Recipe, data: dict[str, Any], how: dict[str, bool]) -> None:
    """See that all ranks were started alike, or they would wait for one another or train on videos mixed up.

    `data` is what each has found (`kinema.own_data.describe`), `how` what else it was told.

    Raises:
        UsageError: on every rank; names the first that was not, and in what.
    """
    videos = {name: data[name] for name in ("videos", "classes", "digest")}
    flow = {name: value for name, value in (data.get("flow") or {}).items() if name != "path"}
    first, *others = distributed.everyones(asdict(recipe) | {"data": videos, "flow": flow} | how)
    for rank, other in enumerate(others, start=1):
        line = next((line for line in differences(first, other) if not line.startswith(NOT_SHARED)), None)
        if line is not None:
            raise UsageError(
                f"rank {rank} was started otherwise than rank 0, or finds other videos there ({line}): give all "
                "processes one command and the same files"
            )


def make_ready(method: Method) -> bool:
    """Let batch norm see all ranks, unless they take their steps apart; whether they do."""
    alone = apart(method.recipe)
    if distributed.size() > 1 and not alone:
        sync_batch_norm(method)
    return alone


def own_part(batch: Batch) -> Batch:
    """The batch that this rank read, as its part of the step's."""
    return replace(batch, rank=distributed.rank(), ranks=distributed.size())


def put_together(outcome: Outcome) -> Outcome:
    """Of outcomes that the ranks have apart, that of all: means of losses and terms, and everyone's writes."""
    names = list(outcome.terms)
    total, *terms = distributed.averaged([outcome.total.detach(), *(outcome.terms[name].float() for name in names)])
    writes = tuple(map(everyones_rows, outcome.writes))
    return Outcome(total, dict(zip(names, terms, strict=True)), writes)


@torch.no_grad()
def everyones_rows(write: Write | Enqueue) -> Write | Enqueue:
    """The rows of all ranks; of a buffer that each would replace, or one row that all would, the mean."""
    if isinstance(write, Enqueue):
        return Enqueue(write.queue, {name: distributed.gather(rows) for name, rows in write.rows.items()})
    if write.rows is not None and write.rows.dim() == 1:
        return Write(write.buffer, distributed.gather(write.value), distributed.gather(write.rows))
    return Write(write.buffer, mean(write.value), write.rows)


def mean(value: Tensor) -> Tensor:
    """The ranks' mean; counts, which are the same everywhere, as they are."""
    return distributed.averaged([value])[0] if value.is_floating_point() else value
