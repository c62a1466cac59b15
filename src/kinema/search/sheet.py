"""What was searched for and what was found, as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from kinema.data.container import still_image
from kinema.data.read_frames import read_still
from kinema.errors import DataError
from kinema.search.duplicates import Group
from kinema.search.examples import Example
from kinema.search.rows import Hit
from kinema.stretch import frames, short
from kinema.visualise.contact_sheet import MOST, Band, Cell, contact_sheet

Say = Callable[[str], None]


def sheet_of_hits(wanted: Sequence[Example], unwanted: Sequence[Example], hits: Sequence[Hit], say: Say) -> bytes:
    """A PNG of the examples and of what was found, nearest first.

    Raises:
        UsageError: matplotlib is not installed.
    """
    examples = [Cell(example_frames(each), short(str(each))) for each in wanted]
    examples += [Cell(example_frames(each), f"without {short(str(each))}") for each in unwanted]
    found = [cell(hit, f"{rank}. ", say) for rank, hit in enumerate(shown(hits, say), 1)]
    bands = [Band("searched for", examples), Band("found, nearest first", found)]
    return contact_sheet([band for band in bands if band.cells], title="kinema search")


def sheet_of_groups(groups: Sequence[Group], threshold: float, say: Say) -> bytes:
    """A PNG with a band a group of near-duplicates.

    Raises:
        UsageError: matplotlib is not installed.
    """
    kept = set(map(id, shown([hit for group in groups for hit in group.hits], say)))
    bands = [
        Band(f"group {number}", [cell(hit, "", say) for hit in group.hits if id(hit) in kept])
        for number, group in enumerate(groups, 1)
    ]
    title = f"kinema search: {len(groups)} groups of near-duplicates, cosine {threshold:g} or more"
    return contact_sheet([band for band in bands if band.cells], title=title)


def shown(hits: Sequence[Hit], say: Say) -> Sequence[Hit]:
    """As many as fit on a sheet."""
    if len(hits) > MOST:
        say(f"the sheet has the first {MOST} of {len(hits)}")
    return hits[:MOST]


def cell(hit: Hit, before: str, say: Say) -> Cell:
    """A hit's frames, and what it is."""
    text = f"{before}{hit.label or ''} {hit.cosine:.4f}\n{short(hit.path)} {hit.start:.1f}-{hit.end:.1f}"
    try:
        return Cell(frames(hit.path, hit.start, hit.end), text)
    except DataError as problem:
        say(str(problem))
        return Cell(None, text)


def example_frames(example: Example) -> Tensor:
    """uint8 [T, H, W, 3] of an example, one frame of a still."""
    path = Path(example.path)
    if path.is_file() and still_image(path):
        return read_still(path)[None]
    start = example.start or 0.0
    return frames(example.path, start, start if example.end is None and example.start is not None else example.end)
