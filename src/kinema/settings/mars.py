"""Motion and appearance statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kinema.ranges import within
from kinema.settings.method import MethodSettings


@dataclass(frozen=True)
class Mars(MethodSettings):
    """Motion and appearance statistics: where a clip moves most and to which side, and where which colours are."""

    name: Literal["mars"] = "mars"
    appearance: float = 0.1
    """Weight of the statistics of appearance, beside those of motion, which is 1 (the released code); 0 is without."""
    answers: Literal["numbers", "classes"] = "numbers"
    """Labels are places in a list, of blocks, of directions or of colours. `numbers` has the network come near their
    number, by squared error (paper); `classes` has it choose one, by cross-entropy (ours)."""

    def __post_init__(self) -> None:
        within("method.appearance", 0, 1000, self.appearance)

    @property
    def flow_components(self) -> str:
        """Both: the labels of motion are made of them."""
        return "uv"
