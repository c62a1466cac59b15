"""Reading ahead: a DataLoader on reading processes, and whether there is room for what they read."""

from __future__ import annotations

import math
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from kinema.data.limit import Note, stuck
from kinema.data.processes import preparation, reading_context
from kinema.errors import DataError, KinemaError, ReadersGone, UsageError

T = TypeVar("T", covariant=True)

SHARED = Path("/dev/shm")
"""Where reading processes put batches, on Linux."""
AHEAD = 2
"""Batches that torch has each process read ahead."""
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
"""What ends a process by its own fault; SIGBUS is not among them, as it is lack of shared memory."""


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
        context = reading_context() if workers else None
        self._notes = [context.note() for _ in range(workers)] if context else []
        super().__init__(
            dataset,
            num_workers=workers,
            multiprocessing_context=context,
            worker_init_fn=preparation(self._notes),
            **options,
        )

    def __iter__(self) -> Iterator[T]:  # type: ignore[override]  # of what torch's own iterator has, we use only this
        readers: Sequence[BaseProcess] = ()
        try:
            batches = super().__iter__()
            readers = getattr(batches, "_workers", ())
            yield from batches
        except KinemaError as problem:
            cls, last = type(problem), str(problem).strip().splitlines()[-1]
            raise cls(last.removeprefix(f"{cls.__module__}.{cls.__qualname__}: ")) from None
        except (ConnectionError, EOFError, RuntimeError) as problem:
            if isinstance(problem, RuntimeError) and "DataLoader worker" not in str(problem):
                raise
            raise loss(readers, self._notes) from problem


def loss(readers: Sequence[BaseProcess], notes: Sequence[Note]) -> KinemaError:
    """The error about reading processes of which one is gone, and the file that it was reading."""
    ended = [(reader.exitcode, os.fsdecode(note.value)) for reader, note in zip(readers, notes, strict=False)]
    code, path = next(((code, path) for code, path in ended if code), (0, ""))
    if path and code == -signal.SIGALRM:
        return stuck(path)
    if path and -(code or 0) in CRASHES:
        name = signal.Signals(-(code or 0)).name
        return DataError(f"{path}: the decoder crashed on it ({name}); leave it out by --skip")
    return ReadersGone(
        "a reading process was killed, perhaps for lack of memory: lower --train.workers; what was trained up "
        "to the last checkpoint is kept for --resume" + (f" (it was reading {path})" if path else "")
    )
