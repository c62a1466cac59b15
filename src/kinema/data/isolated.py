"""A function called on each of many files, in processes that may hang or die of one without harm to the others."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Generic, TypeVar

from kinema.data.limit import VARIABLE, limited
from kinema.data.processes import ReadingContext, prepare, reading_context

T = TypeVar("T")


@dataclass(frozen=True)
class Ended:
    """How a process ended before it had an answer."""

    exit_code: int
    """As Python has it: a signal's number is negative."""

    @property
    def too_slow(self) -> bool:
        """True if its time was up."""
        return self.exit_code == -signal.SIGALRM

    def __str__(self) -> str:
        """In a few words."""
        how = signal.Signals(-self.exit_code).name if self.exit_code < 0 else f"exit code {self.exit_code}"
        lack = ", perhaps for lack of memory" if self.exit_code == -signal.SIGKILL else ""
        return f"the process that read it ended ({how}{lack})"


class Hand(Generic[T]):
    """A process, and the file that it is at."""

    def __init__(self, context: ReadingContext, work: Callable[[str], T], environment: dict[str, str]) -> None:
        self.pipe, other = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(other, work, environment), daemon=True)
        self.process.start()
        other.close()
        self.path = ""

    def begin(self, path: str) -> None:
        """Give it the next file."""
        self.path = path
        with suppress(ConnectionError):  # `answer` will say that it has ended
            self.pipe.send(path)

    def answer(self) -> T | Ended:
        """What it found; waits for it, or for the process's end."""
        try:
            found: T = self.pipe.recv()
            return found
        except (EOFError, ConnectionError):
            self.process.join()
            return Ended(self.process.exitcode or 0)

    def close(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def serve(pipe: Connection, work: Callable[[str], T], environment: dict[str, str]) -> None:
    """What such a process does: a file's path comes in, what was found goes out, until the pipe is closed."""
    prepare(environment, (), 0)
    while True:
        try:
            path = pipe.recv()
        except EOFError:
            return
        with limited(Path(path)):
            found = work(path)
        pipe.send(found)


def in_processes(
    work: Callable[[str], T], paths: Sequence[str], *, workers: int, seconds: float
) -> Iterator[tuple[str, T | Ended]]:
    """Each path and what `work` says of it, in the order in which they are done.

    A process that takes more than `seconds` over one file (0: no limit), or dies of it, gives an `Ended`; another takes
    its place. `work` must be importable.
    """
    context, left = reading_context(), iter(paths)
    environment = dict(os.environ) | {VARIABLE: str(seconds)}
    hands: list[Hand[T]] = []
    try:
        while True:
            while len(hands) < workers and (path := next(left, None)) is not None:
                hands.append(Hand(context, work, environment))
                hands[-1].begin(path)
            if not hands:
                return
            ready = wait([hand.pipe for hand in hands])
            for hand in [hand for hand in hands if hand.pipe in ready]:
                answer = hand.answer()
                yield hand.path, answer
                following = None if isinstance(answer, Ended) else next(left, None)
                if following is None:
                    hands.remove(hand)
                    hand.close()
                else:
                    hand.begin(following)
    finally:
        for hand in hands:
            hand.close()
