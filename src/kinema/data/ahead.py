"""Reading ahead: a DataLoader on reading processes, and whether there is room for what they read."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from kinema.data.processes import preparation, reading_context
from kinema.errors import KinemaError, ReadersGone, UsageError

T = TypeVar("T", covariant=True)

SHARED = Path("/dev/shm")
"""Where reading processes put batches, on Linux."""
AHEAD = 2
"""Batches that torch has each process read ahead."""


def require_shared_memory(dataset: Dataset[Sequence[Any]], first: Any, batch_size: int, workers: int) -> None:
    """Refuse to start where the batches that are read ahead, of samples like the one at `first`, would not fit.

    What happens otherwise is a bus error in a reading process, some time later. Containers often have no more than
    64 MB.

    Raises:
        UsageError: says how much it takes, and how much there is.
    """
    if not SHARED.is_dir():
        return
    each = batch_size * sum(part.nbytes for part in dataset[first] if isinstance(part, Tensor))
    need, free = AHEAD * workers * each, shutil.disk_usage(SHARED).free
    if need > free:
        raise UsageError(
            f"{workers} reading processes need {need / 1e6:,.0f} MB of shared memory for batches of {each / 1e6:,.0f} "
            f"MB, but {SHARED} has {free / 1e6:,.0f} MB free: lower --train.workers or --train.batch-size, or enlarge "
            "it (docker run --shm-size)"
        )


def shared_tensor(shape: Sequence[int]) -> Tensor:
    """uint8 of no particular values, in shared memory: what is written there need not be copied to be sent."""
    storage = torch.UntypedStorage._new_shared(math.prod(shape))  # type: ignore[no-untyped-call]
    return torch.empty(0, dtype=torch.uint8).set_(storage, 0, tuple(shape))  # type: ignore[call-overload, no-any-return]


class Loader(DataLoader[T]):
    """A DataLoader whose workers are reading processes, and whose errors are raised as they were said.

    torch adds a traceback to what a worker says; users of kinema get the one line.
    """

    def __init__(self, dataset: Dataset[Any], *, workers: int, **options: Any) -> None:
        super().__init__(
            dataset,
            num_workers=workers,
            multiprocessing_context=reading_context() if workers else None,
            worker_init_fn=preparation(),
            **options,
        )

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]  # of what torch's own iterator has, we use only this
        try:
            yield from super().__iter__()
        except KinemaError as problem:
            cls, last = type(problem), str(problem).strip().splitlines()[-1]
            raise cls(last.removeprefix(f"{cls.__module__}.{cls.__qualname__}: ")) from None
        except (ConnectionError, EOFError, RuntimeError) as problem:
            if isinstance(problem, RuntimeError) and "DataLoader worker" not in str(problem):
                raise
            raise ReadersGone(
                "a reading process was killed, perhaps for lack of memory: lower --train.workers; what was trained up "
                "to the last checkpoint is kept for --resume"
            ) from problem
