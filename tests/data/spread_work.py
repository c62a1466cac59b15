"""Work for the tests of spreading, of a module that a process of its own can import."""

from __future__ import annotations

import os
import signal
import time
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinema.data.decode import check_decoder
from kinema.errors import DataError


def doubled(number: int) -> dict[str, object]:
    """Slower for small numbers, so that the first given is not the first done."""
    time.sleep(0.02 * (5 - number) if number < 5 else 0)
    return {"number": 2 * number, "process": os.getpid()}


def odd_refused(number: int) -> int:
    if number % 2:
        raise DataError(f"{number}: odd")
    return number


def killed(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def where(name: str) -> str:
    """The working directory and the decoder, as the process has them, and whether it sees a file."""
    return f"{Path.cwd()} {os.environ.get('KINEMA_DECODER')} {Path(name).exists()}"


def node_after_a_second(number: int) -> str:
    """The Ray node that this was done on; it has a decoder then."""
    import ray

    check_decoder()

    time.sleep(1)
    return str(ray.get_runtime_context().get_node_id())


@dataclass(frozen=True)
class Noted:
    """Work that notes in a folder which node begins which item, and takes its time over it."""

    work: Callable[[Any], Any]
    folder: Path

    def __call__(self, item: Any) -> Any:
        import ray

        note = self.folder / f"{zlib.crc32(str(item).encode())}.{uuid.uuid4().hex}"
        note.write_text(ray.get_runtime_context().get_node_id())
        time.sleep(1)
        return self.work(item)
