"""Work on one file in a process of its own, which may hang or die of it, and has only so much time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from kinema.data.isolated import Ended, Hand
from kinema.data.limit import VARIABLE, seconds_allowed, too_slow
from kinema.data.processes import reading_context
from kinema.errors import DataError, KinemaError

T = TypeVar("T")

SECONDS = 30.0
"""That a file may take, unless the environment allows less."""

_starting = threading.Lock()  # what starts a process hides the script that runs from it, for all threads


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file."""

    text: str


@dataclass(frozen=True)
class Told(Generic[T]):
    """`work`, with its refusals as answers."""

    work: Callable[[str], T]

    def __call__(self, path: str) -> T | Problem:
        """The answer about a file, or what is wrong with it."""
        try:
            return self.work(path)
        except KinemaError as problem:
            return Problem(str(problem))


def apart(work: Callable[[str], T], path: Path, *, called: str) -> T:
    """What `work`, which must be importable, says of a file; `called` is the file's name in what is said of it.

    Raises:
        DataError: it cannot be read, or not in time.
    """
    seconds = min(SECONDS, seconds_allowed() or SECONDS)
    with _starting:
        hand: Hand[T | Problem] = Hand(reading_context(), Told(work), dict(os.environ) | {VARIABLE: str(seconds)})
    try:
        hand.begin(str(path))
        answer = hand.answer()
    finally:
        hand.close()
    if isinstance(answer, Ended):
        raise DataError(too_slow(called, seconds) if answer.too_slow else f"{called}: {answer}")
    if isinstance(answer, Problem):
        raise DataError(answer.text.replace(str(path), called))
    return answer
