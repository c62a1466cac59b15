"""Which code, device and command made a number."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

import kinema
from kinema.evaluate.protocol import Origin


def origin(started: float, device: torch.device | str) -> Origin:
    """The record of a run that began at `started` (`time.time()`) and ends now; the command is `sys.argv`.

    The program's folder is left out of the command, so that the record names no place of this machine but what the
    user typed.
    """
    date = datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds")
    return Origin(
        version=kinema.__version__,
        commit=git_commit(Path(kinema.__file__).parent),
        torch=torch.__version__,
        device=device_name(torch.device(device)),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        date=date,
        seconds=round(time.time() - started, 1),
    )


def device_name(device: torch.device) -> str:
    """The GPU's name, or "cpu" and how many threads torch uses."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def git_commit(package: Path) -> str | None:
    """The commit of the checkout that a package's files belong to, "+changes" added where they differ from it.

    `None` without git, and for a package that merely lies in some repository without being part of it.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", str(package), *arguments], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+changes" if commit and git("status", "--porcelain", "--", ".") else commit
