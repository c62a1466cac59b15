"""Reading ahead: a DataLoader on reading processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from kinema.data.limit import Note, stuck
from kinema.data.processes import preparation, reading_context
from kinema.errors import DataError, KinemaError, ReadersGone

T = TypeVar("T", covariant=True)

CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
"""What ends a process by its own fault; SIGBUS is not among them, as it is lack of shared memory."""


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
        batches: Iterator[T] = iter(())
        readers: Sequence[BaseProcess] = ()
        try:
            batches = super().__iter__()
            readers = getattr(batches, "_workers", ())
            yield from batches
            return
        except KinemaError as problem:
            cls, last = type(problem), str(problem).strip().splitlines()[-1]
            said = cls(last.removeprefix(f"{cls.__module__}.{cls.__qualname__}: "))
            problem.__traceback__ = None  # the frame that raised it holds it, and so would never be left
        except (ConnectionError, EOFError, RuntimeError) as problem:
            if isinstance(problem, RuntimeError) and "DataLoader worker" not in str(problem):
                raise
            raise loss(readers, self._notes) from problem
        # Whoever keeps the error keeps this frame. torch ends the readers at once when nothing holds its iterator, but
        # waits five seconds for each where the collector has to find it, with the queues by which they would be told.
        del batches, readers
        raise said


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
