"""Which tensor of a file becomes which of a backbone, and what of either is left over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from kinema import backbones
from kinema.conversion.family import Family, Layout
from kinema.conversion.names import bare

COUNTER = "num_batches_tracked"
"""Batch norm's count of batches, which decides nothing here; files from before torch 0.4.1 do not have it."""


@dataclass
class Coverage:
    """What `cover` found. A file covers a backbone if there is neither `missing` nor `unplaced`."""

    layout: Layout
    shapes: dict[str, tuple[int, ...]]
    """The backbone's tensors."""
    sources: dict[str, str] = field(default_factory=dict)
    """The backbone's name of a tensor: the file's name of it."""
    left: list[str] = field(default_factory=list)
    """Tensors of the backbone that stay as a fresh network has them, as was asked for, and absent counters."""
    missing: list[str] = field(default_factory=list)
    """Tensors of the backbone that the file does not have."""
    unused: dict[str, str] = field(default_factory=dict)
    """Tensors of the file that are not wanted, and why."""
    unplaced: dict[str, str] = field(default_factory=dict)
    """Tensors of the file that should have a place and have none, and why."""

    @property
    def problems(self) -> int:
        """Tensors that would have to be left."""
        return len(self.missing) + len(self.unplaced)

    @property
    def weights(self) -> int:
        """Tensors of the file that have a place, counters apart."""
        return sum(not name.endswith(COUNTER) for name in self.sources)

    def lacks(self) -> str:
        """In a few words, what is wrong."""
        parts = []
        if self.missing:
            held = f"{len(self.sources)} of {len(self.sources) + len(self.missing) + len(self.left)}"
            parts.append(f"has {held} tensors of {self.layout.backbone}; {_first(self.missing)} not in it")
        if self.unplaced:
            name, why = next(iter(self.unplaced.items()))
            more = f" (and {len(self.unplaced) - 1} more)" if len(self.unplaced) > 1 else ""
            parts.append(f"{'' if self.missing else 'has '}{name}, which {why}{more}")
        return ", and ".join(parts)


def _first(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more are"


def prefix_of(names: Sequence[str], family: Family) -> str | None:
    """The prefix of the backbone's tensors; `None` if no tensor has any of the family's."""
    plain = [bare(name) for name in names]
    return next((prefix for prefix in family.prefixes if any(name.startswith(prefix) for name in plain)), None)


def cover(tensors: Mapping[str, Tensor], family: Family, layout: Layout, leave: Sequence[str] = ()) -> Coverage:
    """Match a file's tensors with a backbone's, by name and by shape.

    Args:
        tensors: of the file.
        family: which repository wrote it.
        layout: which of its networks it is taken for.
        leave: patterns of tensors, of the backbone or of the file, that may lack their counterpart.
    """
    with torch.device("meta"):
        own = {name: tuple(value.shape) for name, value in backbones.build(layout.backbone).state_dict().items()}
    found = Coverage(layout, own)
    prefix = prefix_of(list(tensors), family) or ""
    for source, value in tensors.items():
        name = bare(source)
        aside = next((what for pattern, what in family.aside.items() if fnmatchcase(name, pattern)), None)
        if aside is not None:
            found.unused[source] = aside
            continue
        target = layout.rename(name.removeprefix(prefix)) if name.startswith(prefix) else None
        why = _misfit(value, target, tensors, found)
        if why is None:
            assert target is not None
            found.sources[target] = source
        elif target in found.sources and why.startswith("is the same"):
            found.unused[source] = why
        elif _matches(source, leave) or _matches(name, leave):
            found.unused[source] = f"left, though it {why}"
        else:
            found.unplaced[source] = why
    for name in own:
        if name not in found.sources:
            (found.left if name.endswith(COUNTER) or _matches(name, leave) else found.missing).append(name)
    return found


def _misfit(value: Tensor, target: str | None, tensors: Mapping[str, Tensor], found: Coverage) -> str | None:
    """Why a tensor cannot go to its place; `None` if it can."""
    if target is None or target not in found.shapes:
        return f"has no place in {found.layout.backbone}"
    if tuple(value.shape) != found.shapes[target]:
        return f"is {list(value.shape)}, not {list(found.shapes[target])}"
    first = found.sources.get(target)
    if first is None:
        return None
    same = value.dtype == tensors[first].dtype and torch.equal(value, tensors[first])
    return f"is the same as {first}" if same else f"differs from {first}, its other name"


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def idle(found: Coverage, tensors: Mapping[str, Tensor], leave: Sequence[str]) -> Iterator[str]:
    """Patterns of `leave` that fit no tensor, of either side."""
    names = [*found.shapes, *tensors, *(bare(name) for name in tensors)]
    return (pattern for pattern in leave if not any(fnmatchcase(name, pattern) for name in names))
