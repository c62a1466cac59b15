"""A loss or gradient that is not a number ends training before it is in a checkpoint, and leaves the step before it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema.batch import Step
from kinema.data.video import Video
from kinema.engine.means import Means
from kinema.errors import NonFiniteLoss

NONFINITE = "nonfinite"
"""The checkpoint of a run as it was before the step that made no number."""


@dataclass(frozen=True)
class Standing:
    """What a step starts from and changes."""

    step: int
    """Steps taken."""
    method: dict[str, Tensor]
    optimizer: dict[str, Any]
    means: Means


@dataclass(frozen=True)
class Taken:
    """A step that is under way: its loss and gradient are known, and nothing has been changed by it."""

    step: Step
    values: dict[str, Tensor]
    """Detached scalars that must be numbers, by what they are called."""
    terms: Mapping[str, Tensor]
    """The parts of the loss, for the message."""
    videos: list[int]
    """The numbers of the batch's videos."""


class Guard:
    """Looks at each step's loss and gradient.

    On the CPU that is done before the step changes anything. Another device is behind the program, and to wait for it
    would leave it without work: there a step is looked at when the next one's work has been handed over. Until then the
    weights, moments and banks from before it are kept, in a copy on the device.

    Args:
        standing: what there is now.
        save: writes a standing into the run's folder under a name.
    """

    def __init__(
        self,
        device: torch.device,
        folder: Path,
        videos: Sequence[Video],
        *,
        standing: Callable[[], Standing],
        save: Callable[[str, Standing], None],
    ) -> None:
        self.device, self.folder, self.videos, self.standing, self.save = device, folder, videos, standing, save
        self.unseen: tuple[Taken, OnItsWay, Standing | None] | None = None

    def look(self, taken: Taken) -> None:
        """Called before a step changes anything.

        Raises:
            NonFiniteLoss: this step, or the one before, made no number; names the step and the videos of its batch.
        """
        self.settle()
        values = OnItsWay(torch.stack([value.float() for value in taken.values.values()]), self.device)
        at_once = self.device.type == "cpu"
        self.unseen = (taken, values, None if at_once else copied(self.standing()))
        if at_once:
            self.settle()

    def settle(self) -> None:
        """Look at what has not been looked at yet; called before anything is written down.

        Raises:
            NonFiniteLoss: as `look` does.
        """
        if self.unseen is None:
            return
        (taken, values, before), self.unseen = self.unseen, None
        for name, value in zip(taken.values, values.arrived().tolist(), strict=True):
            if not math.isfinite(value):
                self.save(NONFINITE, before or self.standing())
                raise NonFiniteLoss(self.message(name, value, taken))

    def message(self, name: str, value: float, taken: Taken) -> str:
        """What was no number, where, and what to do."""
        terms = ", ".join(f"{term} {float(part):.4g}" for term, part in taken.terms.items())
        return (
            f"the {name} is {value} at step {taken.step.number} (lr {taken.step.lr:.3g}; {terms}); videos "
            f"{taken.videos}, first {self.videos[taken.videos[0]].path}: lower --optim.lr or set --optim.clip-grad; "
            f"the last checkpoint is whole; `kinema replay {self.folder}` finds where it begins"
        )


class OnItsWay:
    """Numbers that leave a device without the program waiting for it."""

    def __init__(self, numbers: Tensor, device: torch.device) -> None:
        self.there: Any = None
        if device.type == "cpu":
            self.numbers = numbers
            return
        module = torch.get_device_module(device)
        self.numbers = numbers.to("cpu", non_blocking=True)
        self.there = module.Event(blocking=True)  # a core that waits is one that reads
        self.there.record(module.current_stream(device))

    def arrived(self) -> Tensor:
        """The numbers, on the CPU, as soon as the device has come so far."""
        if self.there is not None:
            self.there.synchronize()
        return self.numbers


def copied(standing: Standing) -> Standing:
    """What it was, whatever is changed in place after this."""

    def copy(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.clone()
        if isinstance(value, dict):
            return {name: copy(each) for name, each in value.items()}
        return value

    return replace(
        standing, method=copy(standing.method), optimizer=copy(standing.optimizer), means=standing.means.copy()
    )
