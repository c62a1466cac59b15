"""What a method is: it says which frames it wants, turns a batch into a loss, and writes its buffers when told to."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kinema import sampler
from kinema.batch import Batch, Enqueue, Outcome, Step, Write
from kinema.meta import State, call_at, running_statistics
from kinema.queue import Queue
from kinema.settings import Recipe


class Method(nn.Module):
    """A self-supervised method around `self.backbone`.

    A subclass gives `forward(batch, step) -> Outcome`, the loss at the weights it finds itself with. It must not write
    to a buffer: what should change is returned in `Outcome.writes`. The training loop calls `loss`, and after the
    optimiser's step `commit`.
    """

    draw: sampler.Drawing
    """Which frames to read of a video: one clip with a uniform start, unless a method sets another. It is an object of
    its own, not a function of the method, because reading processes get a copy of it."""
    split: sampler.Split | None = None
    """Set by methods that read a support and a query half in each step."""

    def __init__(self, recipe: Recipe, backbone: nn.Module) -> None:
        super().__init__()
        self.recipe = recipe
        self.backbone = backbone
        self.draw = sampler.RandomClip(recipe.clip.frames, recipe.clip.stride)

    def loss(self, batch: Batch, step: Step) -> Outcome:
        """The loss to minimise, with the writes it asks for; changes nothing."""
        statistics = running_statistics(self)
        outcome, moved = call_at(self, dict(self.named_parameters()), statistics, batch, step)
        return Outcome(outcome.total, outcome.terms, outcome.writes + statistics_writes(moved))

    def relate(self, source: Tensor) -> None:
        """Told before training which videos were cut from one source, int64 [V], equal for those; few methods care."""

    def waiting_steps(self) -> int:
        """Steps at the beginning that only fill a memory: their writes are made, but no weight moves."""
        return 0

    @torch.no_grad()
    def commit(self, writes: Iterable[Write | Enqueue]) -> None:
        """Make the writes, in order; a later one wins where two meet."""
        for write in writes:
            if isinstance(write, Enqueue):
                queue = self.get_submodule(write.queue)
                assert isinstance(queue, Queue)
                queue.put(write.rows)
                continue
            buffer = self.get_buffer(write.buffer)
            if write.rows is None:
                buffer.copy_(write.value, non_blocking=True)
            else:
                buffer[write.rows] = write.value.to(buffer.dtype)

    def chance(self) -> dict[str, float]:
        """The value of each loss term that features knowing nothing would give, where that is defined."""
        return {}


def statistics_writes(statistics: State) -> tuple[Write, ...]:
    """Batch norm's moved running statistics as writes."""
    return tuple(Write(name, value) for name, value in statistics.items())
