"""Playback rate perception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.errors import UsageError
from kinema.ranges import at_least, within
from kinema.settings.method import MethodSettings


@dataclass(frozen=True)
class PRP(MethodSettings):
    """Playback rate perception: how fast a clip is played, and the frames between its frames.

    Clips have `clip.frames` frames; which stride they have is drawn from `rates`, and `clip.stride` is evaluation's.
    """

    name: Literal["prp"] = "prp"
    rates: tuple[int, ...] = (1, 2, 4, 8)
    """Rates at which clips are played: distances between neighbouring frames, in frames of the video (paper)."""
    rate_weight: float = 0.1
    """Weight of telling the rate, beside that of the frames made, which is 1 (the released code)."""
    attention: tuple[float, float] = (0.8, 2.0)
    """Weights, in the frames made, of where least and where most moves (the released code); 1 1 weighs all alike."""

    def __post_init__(self) -> None:
        within("method.rate-weight", 0, 1000, self.rate_weight)
        within("method.attention", 0, 1000, *self.attention)
        for rate in self.rates:
            at_least("method.rates", rate, 1)
        spaced, last = " ".join(map(str, self.rates)), max(self.rates, default=0)
        if len(self.rates) < 2 or sorted(set(self.rates)) != list(self.rates):
            raise UsageError(f"--method.rates is {spaced}: give two or more, from the slowest to the fastest")
        if any((rate > 1 and rate % 2) or last % rate for rate in self.rates):
            raise UsageError(
                f"--method.rates is {spaced}: give 1 or even numbers that divide the last, such as 1 2 4 8, since "
                "frames at half the distance are made"
            )
