"""The clips that are shown: the rows of an index, by id. Letters: V vectors, D their length."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kinema.data.skip import absolute
from kinema.errors import UsageError
from kinema.parquet import read_vectors
from kinema.search import Index
from kinema.search.database import find_database
from kinema.search.filters import condition


@dataclass(frozen=True)
class Clip:
    """A video of the index, or a window of one."""

    id: str
    path: str
    start: float
    """Seconds, as `end`; frames where the rate is not known (a folder of images)."""
    end: float
    label: str | None


class Collection:
    """The clips of an index, with their vectors in memory."""

    def __init__(self, index: Index) -> None:
        rows, vectors = read_vectors(index.vectors.folder)
        self.index = index
        self.clips = [Clip(**row) for row in rows]
        self.vectors: NDArray[np.float32] = vectors
        """[V, D], of unit length."""
        self.rows = {clip.id: row for row, clip in enumerate(self.clips)}
        self.labels = index.labels()
        """The classes, with the clips of each."""
        self.place = common_folder([clip.path for clip in self.clips])

    def name(self, clip: Clip) -> str:
        """A clip's path below the folder that all have in common."""
        return os.path.relpath(absolute(clip.path), self.place)

    def labelled(self, label: str) -> list[int]:
        """The rows of a class; all rows if it is empty.

        Raises:
            UsageError: there is no such class.
        """
        if label and label not in self.labels:
            raise UsageError(f"no clip has the label '{label[:100]}': choose another")
        return [row for row, clip in enumerate(self.clips) if not label or clip.label == label]

    def nearest(self, vector: NDArray[np.float32], k: int, label: str = "") -> list[tuple[Clip, float]]:
        """The k clips of highest cosine with a vector [D], highest first, and their cosines.

        Raises:
            UsageError: there is no such class, or the index has been built anew or taken away meanwhile.
        """
        try:
            among = condition(self.index.database, [label] if label else [], [])
            hits = self.index.nearest(torch.tensor(vector), k=k, among=among)
            return [(self.clips[self.rows[hit.id]], hit.cosine) for hit in hits]
        except (UsageError, KeyError):
            if not self._replaced():
                raise
        raise UsageError("the index is another than when this server began: export your labels, and start it again")

    def _replaced(self) -> bool:
        """Whether the index that is there now is not the one that is shown."""
        try:
            there = find_database(self.index.database.where)
        except UsageError:  # it is damaged, which the search has said
            return False
        return there is None or there.about.vectors != self.index.about.vectors


def common_folder(paths: Sequence[str]) -> str:
    """The folder that all files lie below."""
    return os.path.commonpath([os.path.dirname(absolute(path)) for path in paths])  # noqa: PTH120
