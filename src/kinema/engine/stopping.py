"""Training that is asked to end: after the step in hand, on all ranks, whatever became of the reading processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from kinema import distributed
from kinema.batch import Batch
from kinema.errors import ReadersGone, Stopped


def until_stopped(batches: Iterable[Batch], stopped: Callable[[], int | None]) -> Iterator[Batch]:
    """The batches until any rank is sent a signal, which may end its readers too, without an error; on all ranks."""
    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator, None)
        except ReadersGone:
            if not stopped():
                raise
            batch = None
        if distributed.largest(stopped() or 0) or batch is None:
            return
        yield batch


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], int | None]]:
    """Within it, an interrupt or a request to terminate is noted, and the loop ends after the step in hand.

    SIGTERM comes where a job is ended or pre-empted; SIGUSR1 where SLURM was told to warn before the time limit.

    Raises:
        Stopped: the readers of a probe ended by the same signal; the epoch is taken again.
    """
    seen: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

    def note(number: int, frame: object) -> None:
        if seen and number == signal.SIGINT:
            raise KeyboardInterrupt  # asked twice
        seen.append(number)

    before = {}
    for number in signals:
        try:
            before[number] = signal.signal(number, note)
        except ValueError:  # not the main thread: whoever runs us there handles signals
            break
    try:
        yield lambda: seen[0] if seen else None
    except ReadersGone as problem:
        if not seen:
            raise
        name = signal.Signals(seen[0]).name
        what = f"stopped by {name} while figures were taken"
        raise Stopped(f"{what}: the same command goes on with --resume") from problem
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
