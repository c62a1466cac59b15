"""Processes that read video beside the one that trains.

They are forked from a server that has done nothing but import what readers need (`forkserver`), and not from the
training process: a lock that one of its threads holds at that moment (a progress bar's, FFmpeg's log, an allocator's)
would stay locked in the copy for ever. Fork did hang that way; a fresh interpreter for each process would take seconds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

import torch

PRELOAD = "kinema.data.preload"
"""What the server imports, once for all readers."""


class ReadingProcess(ForkServerProcess):
    """A process that does not run the user's script again, so that a script needs no `if __name__ == "__main__"`."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # multiprocessing's name for "start"
        with without_main():
            return ForkServerProcess._Popen(process_obj)


class ReadingContext(ForkServerContext):
    """How a `DataLoader` starts its processes: `DataLoader(multiprocessing_context=reading_context())`."""

    Process = ReadingProcess


def reading_context() -> ReadingContext:
    """The context; what is sent to its processes must be picklable and come from an importable module."""
    context = ReadingContext()
    context.set_forkserver_preload([PRELOAD])
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


def preparation() -> partial[None]:
    """`prepare` for a `DataLoader`'s `worker_init_fn`, with what the server, started long ago, cannot know."""
    return partial(prepare, dict(os.environ))


def prepare(environment: dict[str, str], worker: int) -> None:
    """Make a reader of a new process: one thread, deaf to Ctrl-C, the training process's environment.

    A reader decodes one video at a time, and more threads would only compete with its neighbours. Ctrl-C reaches all
    processes of a terminal, but it is the training process that decides when to stop.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    os.environ.clear()
    os.environ.update(environment)
