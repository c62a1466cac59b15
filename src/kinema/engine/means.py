"""The figures of an epoch while it goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any


class Means:
    """Running means of named figures; tensors stay on their device until they are asked for."""

    def __init__(self, state: Mapping[str, tuple[float, int]] | None = None) -> None:
        self.sums: dict[str, Any] = defaultdict(float)
        self.counts: dict[str, int] = defaultdict(int)
        for name, (total, count) in (state or {}).items():
            self.sums[name], self.counts[name] = total, count

    def state(self) -> dict[str, tuple[float, int]]:
        """Sums and counts, to go on from."""
        return {name: (float(total), self.counts[name]) for name, total in self.sums.items()}

    def copy(self) -> Means:
        """The same sums, on their devices; `add` to one leaves the other as it is."""
        other = Means()
        other.sums.update(self.sums)
        other.counts.update(self.counts)
        return other

    def add(self, figures: Mapping[str, Any]) -> None:
        """Count each figure once more."""
        for name, value in figures.items():
            self.sums[name] = self.sums[name] + value
            self.counts[name] += 1

    def values(self) -> dict[str, float]:
        """The means so far."""
        return {name: float(total) / self.counts[name] for name, total in self.sums.items()}
