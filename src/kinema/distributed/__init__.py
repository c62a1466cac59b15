"""One process or many, the same code: who takes part, and what the processes tell one another.

`torchrun` starts a process for each GPU and gives it a number, its rank. A process that was started alone is rank 0 of
1, and nothing here does anything then.

What has a gradient here has an exact one of any order. All ranks together compute one function, the sum of what each of
them calls its loss; its adjoints are communication again (gathering and scattering, averaging and averaging). Where
every rank computes the same loss from gathered features, the average of their gradients is that loss's gradient.

Letters: N ranks, B videos of a step, b = B / N of a rank.
"""

from kinema.distributed.messages import everyones, first, interleaved, largest
from kinema.distributed.places import Place, joined, place, rank, size
from kinema.distributed.sums import averaged, gather

__all__ = [
    "Place",
    "averaged",
    "everyones",
    "first",
    "gather",
    "interleaved",
    "joined",
    "largest",
    "place",
    "rank",
    "size",
]
