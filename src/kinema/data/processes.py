"""Processes that read video beside the one that trains.

They are forked from a server that has done nothing but import what readers need (`forkserver`), and not from the
training process: a lock that one of its threads holds at that moment (a progress bar's, FFmpeg's log, an allocator's)
would stay locked in the copy for ever. Fork did hang that way; a fresh interpreter for each process would take seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_char
from functools import partial
from multiprocessing import current_process, forkserver, parent_process
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from kinema.data.limit import ROOM, Note, end_this_process, seconds_allowed
from kinema.errors import UsageError
from kinema.memory import keep_memory

PRELOAD = "kinema.data.preload"
"""What the server imports, once for all readers."""
FOR_THE_TRAINING = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}
"""Signals that a whole job gets and that the training process answers."""


class ReadingProcess(ForkServerProcess):
    """A process that does not run the user's script again, so that a script needs no `if __name__ == "__main__"`."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # multiprocessing's name for "start"
        with without_main():
            return ForkServerProcess._Popen(process_obj)


class ReadingContext(ForkServerContext):
    """How a `DataLoader` starts its processes: `DataLoader(multiprocessing_context=reading_context())`."""

    Process = ReadingProcess

    def note(self) -> Note:
        """A note that this process and one that it starts have in common."""
        return self.RawArray(c_char, ROOM)


def reading_context() -> ReadingContext:
    """The context, its server started; what its processes are sent must be picklable and from an importable module.

    Raises:
        UsageError: no process can be started from here.
    """
    if current_process().daemon:
        raise UsageError("a daemonic process may start no reading processes: use --train.workers 0")
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the working directory has been deleted: change to another one") from None
    context = ReadingContext()
    context.set_forkserver_preload([PRELOAD])
    # The server would die of a Ctrl-C while it imports, and of a SIGUSR1 later; it keeps the mask it is started with.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, FOR_THE_TRAINING)
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@contextmanager
def without_main() -> Iterator[None]:
    """Within it, multiprocessing finds no script to run again in the process that it starts."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def preparation(notes: Sequence[Note] = ()) -> partial[None]:
    """`prepare` for a `DataLoader`'s `worker_init_fn`, with what the server, started long ago, cannot know."""
    return partial(prepare, dict(os.environ), notes)


def prepare(environment: dict[str, str], notes: Sequence[Note], worker: int) -> None:
    """Make a reader of a new process: one thread, the training process's environment, and its end.

    A reader decodes one video at a time, and more threads would only compete with its neighbours. Ctrl-C reaches all
    processes of a terminal, and SLURM's SIGUSR1 all of a job, but it is the training process that decides when to stop.
    SIGTERM must end a reader, as that is how it is told to when it does not answer. If the training process is killed,
    it ends by itself.
    A file that takes too long ends it too; in its note among `notes` the training process finds which.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_THE_TRAINING)  # blocked in the server
    threading.Thread(target=end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    os.environ.clear()
    os.environ.update(environment)
    end_this_process(seconds_allowed(), notes[worker] if notes else None)
    keep_memory()


def end_with_parent() -> None:
    """Wait for the end of the process that asked for this one (not of the server that forked it), and end too."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
