"""What there is to say of a repository's checkpoints.

Patterns are of `fnmatch` and of tensor names without `module.`, which data-parallel training puts in front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from kinema.conversion.names import same
from kinema.settings import Clip


@dataclass(frozen=True)
class Layout:
    """One of the networks that a repository trains."""

    backbone: str
    """kinema's name of it."""
    rename: Callable[[str], str] = same
    """A tensor's name below the prefix, as kinema has it."""
    clip: Clip | None = None
    """If other than the family's."""


@dataclass(frozen=True)
class Family:
    """A repository and what its checkpoints look like."""

    repository: str
    """Owner and name."""
    method: str
    """For the list in `kinema convert --help`."""
    layouts: tuple[Layout, ...]
    prefixes: tuple[str, ...]
    """Of the backbone's tensors; the first that any tensor has is the file's."""
    entries: tuple[str, ...] = ("",)
    """Where in the file the tensors are; the first that is there. The empty one is the file itself."""
    aside: Mapping[str, str] = field(default_factory=dict)
    """Tensors that are no part of the backbone: pattern and what they are."""
    clip: Clip = field(default_factory=lambda: Clip(frames=16, stride=1, size=112))
    """What its own evaluation shows a network."""
    normalise: Literal["unit", "imagenet", "kinetics", "slowfast"] = "unit"
    bgr: bool = False
    """Frames were read by OpenCV and not turned to RGB: the input channels of the first convolution are reversed."""
    scale: float = 1.0
    """The first convolution saw pixels times this: it is in its weights then."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Networks that kinema does not have: a pattern that only their files have, and what they are."""
