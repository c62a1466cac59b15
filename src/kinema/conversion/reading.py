"""A checkpoint of another program to its tensors, without running anything that stands in it.

torch's restricted unpickler makes tensors, numbers, text and containers. Files of the repositories also hold things
that are of no use here, such as the options of a run; those of `IGNORED` become an empty object, so that no code of
theirs is called either. Anything else in a file is refused by its name.
"""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema.archive import check_saved, weigh
from kinema.engine.checkpoint import UNREADABLE, first_line, plain
from kinema.errors import UsageError

IGNORED = (
    "argparse.Namespace",  # IIC, CMC: the options of the run
    "collections.defaultdict",
    "numpy._core.multiarray.scalar",  # a best accuracy
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
    *(f"pathlib{part}.{system}Path" for part in ("", "._local") for system in ("Posix", "Windows")),  # ._local: 3.13
    "torch.amp.grad_scaler.GradScaler",  # TCLR
    "torch.amp.grad_scaler._refresh_per_optimizer_state",
    "torch.cuda.amp.grad_scaler.GradScaler",
    "torch.cuda.amp.grad_scaler._refresh_per_optimizer_state",
)
"""Full names of what is read as nothing."""


LEGACY_PICKLES = 5
"""In a file that is no archive: a number, a version, the machine, the content, and the names of what comes after it."""


class Nothing:
    """Stands for an object that is not read: takes any arguments and any state, and keeps none."""

    def __init__(self, *arguments: Any) -> None:
        pass

    def __new__(cls, *arguments: Any) -> Nothing:
        """Pickle gives it what it would have given the class."""
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Forget it."""


@dataclass(frozen=True)
class Foreign:
    """What was read of a file."""

    tensors: dict[str, Tensor]
    """By the names that they have in the file."""
    facts: dict[str, str | int | float]
    """Numbers and short texts beside them, such as the epoch, as the file has them."""
    sha256: str


def read(path: Path, entries: tuple[str, ...]) -> Foreign:
    """The tensors of the first of `entries` that is in a file; the empty one is the file itself.

    Raises:
        UsageError: there is no such file or entry, it is damaged or holds tensors of no plain kind, or reading it would
            run code.
    """
    require_pickle(path)
    content = unpickle(path)
    if not isinstance(content, dict):
        raise UsageError(
            f"{path} holds a {type(content).__name__}, not tensors by name: give a state dict or a checkpoint"
        )
    for entry in entries:
        tensors = content if not entry else content.get(entry)
        if isinstance(tensors, dict) and any(isinstance(value, Tensor) for value in tensors.values()):
            named = {str(name): value for name, value in tensors.items() if isinstance(value, Tensor)}
            check(path, named)
            with path.open("rb") as file:
                return Foreign(named, facts(content), hashlib.file_digest(file, "sha256").hexdigest())
    wanted = " or ".join(f"'{entry}'" if entry else "tensors by name" for entry in entries)
    found = ", ".join(repr(name)[:100] for name in list(content)[:5]) or "nothing"
    raise UsageError(
        f"{path} has no {wanted}, but {found}{elsewhere(content)}: give --from of the repository that wrote it"
    )


def elsewhere(content: dict[Any, Any]) -> str:
    """Where a file has tensors though none of the entries that were looked for has."""
    for name, value in content.items():
        if isinstance(value, dict) and (count := sum(isinstance(each, Tensor) for each in value.values())):
            return f"; it has {count} under {name!r:.100}, which torch.save can write alone"
    return ""


OTHER_KINDS = {
    rb"version https://git-lfs": "a pointer of Git LFS, without what it points to: fetch it with git lfs pull",
    rb".{8}\{\"": "a file of safetensors, which no repository here writes: torch.save what safetensors loads of it",
}
"""Beginnings of files that are taken for checkpoints: pattern and what they are."""


def require_pickle(path: Path) -> None:
    """Refuse what need not be read to be known for another kind of file.

    Raises:
        UsageError: there is no such file, it is empty, or it says what it is.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give the checkpoint in it")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise UsageError(f"{path} is empty: fetch it again")
    for pattern, what in OTHER_KINDS.items():
        if re.match(pattern, start, re.DOTALL):
            raise UsageError(f"{path} is {what}")


def unpickle(path: Path) -> Any:
    """What torch saved; tensors on the CPU."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is wrong with it, we say one line
            if zipfile.is_zipfile(path):
                check_saved(path)
            else:
                with path.open("rb") as file:
                    for _ in range(LEGACY_PICKLES):
                        weigh(file)
            with torch.serialization.safe_globals([(Nothing, name) for name in IGNORED]):
                return torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as problem:
        runs = re.search(r"GLOBAL ([\w.<>]+)", str(problem))
        if runs is not None:
            raise UsageError(
                f"{path} is refused, since reading it would run {runs[1]}: give a file of tensors alone, as "
                "torch.save(model.state_dict(), ...) writes it"
            ) from None
        # What a LookupError says is a byte or a number in a list.
        why = "" if isinstance(problem, LookupError) else f" ({first_line(problem)})"
        raise UsageError(f"{path} is not a readable checkpoint{why}: it is damaged, or not of torch") from problem


def check(path: Path, tensors: dict[str, Tensor]) -> None:
    """Refuse what no network's weights are.

    Raises:
        UsageError: a name cannot be printed, or a tensor is not plain.
    """
    for name, value in tensors.items():
        if not name.isprintable():
            raise UsageError(f"{path} has a tensor named {name[:100]!r}: it is damaged, or made to mislead")
        if not plain(value):
            raise UsageError(
                f"{path}: {name} is sparse, quantised or without numbers: give the network as it was trained"
            )


def facts(content: dict[Any, Any]) -> dict[str, str | int | float]:
    """Numbers and short texts at the top of a checkpoint."""
    found = {
        str(name): value.item() if isinstance(value, Tensor) and not value.ndim and plain(value) else value
        for name, value in content.items()
    }
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) or (isinstance(value, str) and len(value) < 100)
    }
