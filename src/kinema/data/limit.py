"""A limit to the time that reading from one file may take, for processes that may be ended for it.

What loops or waits inside a C library cannot be interrupted: it ends with its process. So a reading process notes which
file it is at, where the process that it reads for finds the name, and has the system end it by SIGALRM once the time is
up. The command line, where it reads for itself, says which file it is and leaves. A script that reads for itself is not
ended by anybody; with `workers` it gets a DataError.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import Array, c_char
from dataclasses import dataclass
from pathlib import Path

from kinema.errors import DataError, UsageError

VARIABLE = "KINEMA_FILE_SECONDS"
SECONDS = 300.0
"""The limit unless the environment says otherwise."""
ROOM = 4096
"""Bytes of a note: the longest path of Linux."""

Note = Array[c_char]
"""Shared memory for the path of the file that a process is reading; empty while it reads none."""


@dataclass(frozen=True)
class Limit:
    """What to do when reading begins and when it has ended."""

    begin: Callable[[str], None]
    end: Callable[[], None]


class _Process:
    """This process's limit, and whether it is reading now."""

    limit: Limit | None = None
    reading = False


@contextmanager
def limited(path: Path) -> Iterator[None]:
    """Within it, the time counts; where one is within another, only the outer one does."""
    limit = _Process.limit
    if limit is None or _Process.reading:
        yield
        return
    _Process.reading = True
    limit.begin(str(path))
    try:
        yield
    finally:
        limit.end()
        _Process.reading = False


def seconds_allowed() -> float:
    """The limit in seconds by the environment; 0 for none.

    Raises:
        UsageError: it is no such number.
    """
    said = os.environ.get(VARIABLE, str(SECONDS))
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{VARIABLE} is '{said}': give seconds, or 0 for no limit")
    return seconds


def too_slow(path: str, seconds: float) -> str:
    """What is said of a file that takes too long."""
    return f"{path}: not read within {seconds:g} s"


def stuck(path: str) -> DataError:
    """The error about a file that ended the process that read it."""
    return DataError(
        f"{too_slow(path, seconds_allowed())}: leave it out by --skip, or set {VARIABLE} to more (0: no limit)"
    )


def end_this_process(seconds: float, note: Note | None = None) -> None:
    """From now on the system ends this process if a file takes longer; `note` says which it was."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})

    def begin(path: str) -> None:
        if note is not None:
            note.value = os.fsencode(path)[: ROOM - 1]
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def end() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if note is not None:
            note.value = b""

    _Process.limit = Limit(begin, end)


@contextmanager
def leaving() -> Iterator[None]:
    """Within it, a file that takes too long ends the program with one line: the command line's way."""
    seconds = seconds_allowed()
    reading: list[tuple[str, float]] = []
    over = threading.Event()

    def watch() -> None:
        wait = seconds
        while not over.wait(min(wait, threading.TIMEOUT_MAX)):
            wait = seconds  # what begins from now on is not due before
            for path, since in reading[:]:
                wait = since + seconds - time.monotonic()
                if wait <= 0:
                    leave(path)

    watcher = threading.Thread(target=watch, daemon=True)  # one for all files: to start one takes as long as a frame

    def begin(path: str) -> None:
        reading.append((path, time.monotonic()))
        if not watcher.is_alive():
            watcher.start()

    _Process.limit = Limit(begin, reading.clear) if seconds else None
    try:
        yield
    finally:
        _Process.limit = None
        over.set()
        if watcher.is_alive():
            watcher.join()  # it is to end nobody once this is over


def leave(path: str) -> None:
    """End the program at once: the thread that reads does not answer."""
    problem = stuck(path)
    try:
        sys.stdout.flush()
        os.write(sys.stderr.fileno(), f"kinema: {problem}\n".encode(errors="backslashreplace"))
    finally:  # also where nobody listens any more
        os._exit(problem.exit_code)
