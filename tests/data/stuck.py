"""What a file can do to the process that reads it, for `test_limit`; importable, as such processes need it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from torch.utils.data import Dataset

from kinema.data.limit import limited


def act(path: str) -> int:
    """Do what the file's name says, or return the name's length."""
    name = Path(path).name
    if name == "loops.mp4":
        ctypes.PyDLL(None).pause()  # PyDLL keeps Python's lock: no thread of this process runs any more
    if name == "crashes.mp4":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "is killed.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "is a bug.mp4":
        sys.exit(3)
    return len(name)


class Acting(Dataset[int]):
    """`act` for each of some names, as a loader has it done."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> int:
        with limited(Path("videos") / self.names[number]):
            return act(self.names[number])
