"""What travels between the layers: a draw of frames, a batch of clips, a step of training, and its outcome.

Letters: B videos in a batch, N clips of a video, T frames of a clip, H and W a frame's height and width in pixels,
C = 3 colour channels, and one for each component of optical flow that is read beside them, D dice of a clip.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kinema import distributed

DICE = 31
"""Uniform numbers dealt to each clip; `kinema.augment` says what each one decides."""


@dataclass(frozen=True)
class Draw:
    """The frames a method wants of one video."""

    indices: Tensor
    """int64 [N, T]; each in [0, num_frames)."""
    target: int = -1
    """The label, where the drawing is the label (a pace, an order); -1 otherwise."""


@dataclass(frozen=True)
class Batch:
    """Clips as the loader delivers them: decoded and resized, neither cropped nor augmented."""

    clips: Tensor
    """uint8 [B, N, T, H, W, C]; frames smaller than H x W lie in the upper left corner, the rest is zero."""
    extent: Tensor
    """int64 [B, 2]: height and width of each video's frames within the padding."""
    dice: Tensor
    """float32 [B, N, D] in [0, 1): all the chance that augmentation needs, a function of (seed, epoch, video)."""
    video: Tensor
    """int64 [B]: the video's number in the training list, which is also its row in a memory bank."""
    target: Tensor
    """int64 [B]: `Draw.target`."""
    rank: int = 0
    """Which part of the step's videos this is, of `ranks` parts of one size that as many processes read."""
    ranks: int = 1

    def __len__(self) -> int:
        return len(self.video)

    def rows(self, start: int, stop: int) -> Batch:
        """The videos in [start, stop) as a batch of their own."""
        return self.each(lambda value: value[start:stop])

    def halves(self) -> tuple[Batch, Batch]:
        """The support half and the query half, in the order in which the epoch sampler dealt them."""
        middle = len(self) // 2
        return self.rows(0, middle), self.rows(middle, len(self))

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return self.each(lambda value: value.to(device, non_blocking=True))

    def each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same batch with every field that has a row for each video changed."""
        clips, extent, dice, video, target = map(change, (self.clips, self.extent, self.dice, self.video, self.target))
        return Batch(clips, extent, dice, video, target, self.rank, self.ranks)

    def gathered(self, rows: Tensor) -> Tensor:
        """The rows [B, ...] of all parts of the step's batch, in its order, with a gradient to one's own."""
        return rows if self.ranks == 1 else distributed.gather(rows)

    def drawn(self, draw: Callable[[int], Tensor]) -> Tensor:
        """Of what `draw` draws for a number of videos, asked for all of the step's, the rows of this part's."""
        return draw(len(self) * self.ranks)[self.rank * len(self) :][: len(self)]

    def uniform(self, rng: torch.Generator, *shape: int) -> Tensor:
        """float32 [B, *shape] in [0, 1), `drawn` from `rng`, on the device of the clips."""
        return beside(self.drawn(lambda count: torch.rand(count, *shape, generator=rng)), self.clips)


def beside(numbers: Tensor, there: Tensor) -> Tensor:
    """The numbers on the device of `there`, on their way without waiting for what the device still has to do."""
    return numbers.to(there.device, non_blocking=True)


@dataclass(frozen=True)
class Step:
    """One step of training: all that a loss may depend on besides the batch and the weights."""

    number: int
    """Steps taken before this one."""
    epoch: int
    lr: float
    """The learning rate of this step, which is also MCN's inner rate unless set apart."""
    seed: int
    progress: float = 0.0
    """Share of training that lies before this step, in [0, 1), counted from the first step that moves a weight."""
    stage: str = ""
    """Tells passes of one step apart ("support", "query"), so that each has its own randomness."""
    task: int = 0
    """Tells tasks apart that are passes of their own of one step, one a rank."""

    def at_stage(self, stage: str) -> Step:
        """The same step, with the randomness of another stage."""
        return replace(self, stage=stage)

    def rng(self) -> torch.Generator:
        """A fresh generator on the CPU; the same (seed, number, stage, task) always gives the same numbers."""
        task = (self.task,) if self.task else ()
        return generator(self.seed, "step", self.number, self.stage, *task)


@dataclass(frozen=True)
class Write:
    """A change to a buffer that a forward pass asks for and `Method.commit` makes, after the optimiser's step."""

    buffer: str
    """The buffer's dotted name in the method."""
    value: Tensor
    rows: Tensor | None = None
    """int64 rows to be replaced; `None` replaces the whole buffer."""


@dataclass(frozen=True)
class Enqueue:
    """Rows that a forward pass asks to be put into a queue, in the place of the oldest; made as `Write` is."""

    queue: str
    """The dotted name of the `kinema.queue.Queue` in the method."""
    rows: dict[str, Tensor]
    """Every field of the queue, [B, ...] each."""


@dataclass(frozen=True)
class Outcome:
    """What a method found in a batch."""

    total: Tensor
    """The scalar that is minimised."""
    terms: dict[str, Tensor]
    """Parts of the loss and accuracies, detached scalars for the log."""
    writes: tuple[Write | Enqueue, ...] = ()


def generator(*key: object) -> torch.Generator:
    """A CPU generator that depends on nothing but `key`, whatever was drawn before it and in whatever process."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
