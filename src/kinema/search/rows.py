"""What a search finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

COLUMNS = ["id", "path", "start", "end", "label"]
"""Of a row of the index, besides its vector."""


@dataclass(frozen=True)
class Hit:
    """A video, or a window of one, and how near it is."""

    cosine: float
    """With what was searched for, in [-1, 1]; in a group of near-duplicates, with the nearest other of the group."""
    path: str
    start: float
    """Seconds, as `end`; frames where the rate is not known (a folder of images)."""
    end: float
    label: str | None
    """The name of its class; None where nothing is known."""
    id: str

    @classmethod
    def of(cls, row: Mapping[str, Any], cosine: float) -> Self:
        """A row of the index."""
        return cls(cosine=cosine, **{name: row[name] for name in COLUMNS})
