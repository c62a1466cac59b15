"""A reader that does what the file's name says."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from kinema.errors import DataError


def act(path: str) -> str:
    """Sleep, crash, or refuse."""
    name = Path(path).name
    if name == "sleeps":
        time.sleep(600)
    elif name == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    raise DataError(f"{path}: is odd")
