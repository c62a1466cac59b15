"""A first-in first-out queue of features from past batches: negatives that need no large batch (MoCo).

Letters: K rows of the queue, B videos in the batch, D length of a feature.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kinema.batch import generator
from kinema.errors import UsageError


class Queue(nn.Module):
    """K features of unit length, with any side fields of theirs, such as the videos that they are of.

    Rows begin as random directions, of no video (-1). A forward pass does not write to it: it returns an
    `Enqueue`, which the loop makes good after the step; so a batch never meets itself.

    Args:
        size: K.
        dim: D.
        seed: decides the first rows.
        fields: further features of a row by name, with their length.
    """

    def __init__(self, size: int, dim: int, *, seed: int, fields: Mapping[str, int] | None = None) -> None:
        super().__init__()
        rng = generator(seed, "queue")
        self.widths = {"keys": dim, **(fields or {})}
        for name, width in self.widths.items():
            self.register_buffer(name, F.normalize(torch.randn(size, width, generator=rng), dim=1))
        self.register_buffer("video", torch.full((size,), -1))
        self.register_buffer("place", torch.tensor(0))
        self.keys: Tensor
        self.video: Tensor
        self.place: Tensor

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def filled(self) -> Tensor:
        """bool [K]: rows that hold a feature of a video."""
        return self.video >= 0

    def scores(self, queries: Tensor, keys: Tensor, field: str = "keys") -> Tensor:
        """float32 [B, 1 + K]: products of queries with their own keys, [B, D] each, and then with a field's rows.

        Under autocast too, as they are divided by small temperatures.
        """
        with torch.autocast(queries.device.type, enabled=False):
            own = (queries * keys).sum(dim=1, keepdim=True)
            return torch.cat([own, queries @ self.get_buffer(field).T], dim=1)

    @torch.no_grad()
    def put(self, rows: Mapping[str, Tensor]) -> None:
        """Let a batch take the place of the oldest rows: every field [B, ...], among them `keys` and `video`."""
        assert set(rows) == {*self.widths, "video"}
        size, count = len(self), len(rows["video"])
        where = (self.place + torch.arange(count, device=self.place.device)) % size
        for name, value in rows.items():
            buffer = self.get_buffer(name)
            buffer[where] = value.to(buffer.dtype)
        self.place.copy_((self.place + count) % size)


def check_queue(size: int, a_step: int, an_epoch: int, *, rows: int = 1) -> None:
    """Refuse a queue that a step would fill more than once, or in which an epoch's videos would meet themselves.

    Across the border of two epochs a video may still meet its own row, as in MoCo.

    Args:
        size: K.
        a_step: videos of a step whose features are kept.
        an_epoch: videos of an epoch whose features are kept.
        rows: rows that each of them takes.

    Raises:
        UsageError: naming the numbers and what to change.
    """
    least, most = a_step * rows, (an_epoch - a_step) * rows
    features = f"{rows} features each" if rows > 1 else "a feature each"
    if least > most:
        raise UsageError(
            f"a step keeps {features} of {a_step} videos, more than half of the {an_epoch} of an epoch, so a queue "
            f"would hold a video's own feature as its negative: lower --train.batch-size to at most half of it"
        )
    if size < least:
        raise UsageError(
            f"a queue of {size} rows is overfilled by one step, which keeps {features} of {a_step} videos: raise "
            f"--method.queue to {least} or more"
        )
    if size > most:
        raise UsageError(
            f"a queue of {size} rows, with {features} of {a_step} videos more a step, would hold some of the "
            f"{an_epoch} videos of an epoch twice, as their own negatives: lower --method.queue to {most} or less"
        )
