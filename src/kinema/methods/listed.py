"""What is said of a method where methods are listed, and the methods of the paper's tables that are not here."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Listed(NamedTuple):
    """An entry of the table of methods: where one is, and what `kinema list methods` says of it.

    Whether it reads optical flow its settings say, unless `flow` does.
    """

    module: str
    """The file here; it is imported when a method is built, since torch is slow."""
    cls: str
    does: str
    """What it learns from, in a few words."""
    paper: str
    """Short title, venue and year."""
    clips: int = 1
    """Clips that it reads of a video for a step, with its settings as they are by default."""
    flow: bool = False
    """Set for a method of several runs, some of which read flow though that with its settings as they are does not."""
    memory: Literal["", "bank", "queue"] = ""
    """What it keeps of earlier batches: a row for each video, the newest batches, or nothing."""
    printed: str = ""
    """Its name in the tables of the MCN paper (`kinema.published`); "" where they do not have it."""


class PublishedOnly(NamedTuple):
    """A method of the paper's tables that kinema does not have."""

    paper: str
    why: str
    """The reason."""
    printed: str


PUBLISHED_ONLY = {
    "büchler": PublishedOnly(
        "Deep reinforcement learning of spatiotemporal self-supervision, ECCV 2018",
        "a network that is rewarded by validation error chooses what to sample; no code was published",
        "Büchler",
    ),
    "cbt": PublishedOnly(
        "Contrastive Bidirectional Transformer, arXiv 2019",
        "a transformer over spoken words and clips; no code of its video part was published",
        "CBT",
    ),
}
