"""The folder of vectors that an index is made of: which model made them, and what tells them from others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinema.data.windows import Windows
from kinema.errors import UsageError
from kinema.json_file import read_object
from kinema.parquet import damage_named, no_vectors, pyarrow, read_metadata

AT_A_TIME = 8192
"""Rows that are in memory at once."""


@dataclass(frozen=True)
class Vectors:
    """What `kinema embed` wrote."""

    folder: Path
    run: str
    """The run that made them, where it was then."""
    view: Any
    """What the network was shown, as `kinema.load` takes it."""
    windows: Windows
    """How the videos were cut."""
    weights: str
    """`network_key` of the network."""
    card: str
    """The hash of `model.json`: what made the vectors."""
    parts: tuple[Path, ...]
    rows: int

    @property
    def digest(self) -> str:
        """What tells these vectors from others, and from what they were; other places of the folder do not matter."""
        lines = [f"{part.name}|{part.stat().st_size}|{sorted(read_metadata(part).items())}" for part in self.parts]
        return hashlib.sha256("\n".join([self.card, *lines]).encode()).hexdigest()[:16]

    def batches(self) -> Iterator[Any]:
        """The rows as Arrow record batches, in the order of the list that was embedded.

        Raises:
            UsageError: a part is damaged.
        """
        for part in self.parts:
            with damage_named(part):
                yield from pyarrow().parquet.ParquetFile(part).iter_batches(AT_A_TIME)

    @property
    def length(self) -> int:
        """D: the numbers of a vector."""
        found: int = self.schema().field("vector").type.list_size
        return found

    def schema(self) -> Any:
        """Names and kinds of the columns."""
        return pyarrow().parquet.read_schema(self.parts[0]).remove_metadata()


def open_vectors(folder: Path) -> Vectors:
    """The vectors in a folder.

    Raises:
        UsageError: there are none, they are damaged, or not all of one model.
    """
    path = folder / "model.json"
    parts = tuple(sorted(folder.glob("part-*.parquet")))
    if not path.is_file() or not parts:
        raise no_vectors(folder)
    try:
        told = read_object(path)
        run, view, weights, card = (str(told[name]) for name in ("run", "view", "weights", "hash"))
        windows = Windows(**told["windows"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise UsageError(f"{path} is damaged ({problem!r}): make the vectors anew with `kinema embed`") from problem
    rows = 0
    for part in parts:
        if read_metadata(part).get("model") != card:
            raise UsageError(f"{part} was not made by the model of {path}: remove it, and run `kinema embed` again")
        with damage_named(part):
            rows += pyarrow().parquet.read_metadata(part).num_rows
    if not rows:
        raise UsageError(f"{folder} holds no vectors, since none of its videos could be read: see `kinema data check`")
    return Vectors(folder, run, view, windows, weights, card, parts, rows)
