"""A loss or gradient that is not a number: stop before it reaches the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from kinema.batch import Outcome, Step
from kinema.data.video import Video
from kinema.errors import NonFiniteLoss

NONFINITE = "nonfinite"
"""The checkpoint of a run as it was before the step that made no number."""


@contextmanager
def kept_for_replay(folder: Path, save: Callable[[str], None]) -> Iterator[None]:
    """Within it, a loss that is no number leaves a checkpoint, made by `save`, from which the step is taken again."""
    try:
        yield
    except NonFiniteLoss as problem:
        save(NONFINITE)
        raise NonFiniteLoss(f"{problem}; `kinema replay {folder}` finds where it begins") from problem


def check_finite(
    name: str, value: torch.Tensor, outcome: Outcome, step: Step, numbers: list[int], videos: Sequence[Video]
) -> None:
    """Stop before a loss or gradient that is not a number reaches the weights, and the next checkpoint with them."""
    if not torch.isfinite(value):
        terms = ", ".join(f"{name} {float(value):.4g}" for name, value in outcome.terms.items())
        raise NonFiniteLoss(
            f"the {name} is {value.item()} at step {step.number} (lr {step.lr:.3g}; {terms}); videos {numbers}, "
            f"first {videos[numbers[0]].path}: lower --optim.lr or set --optim.clip-grad; the last checkpoint is whole"
        )
