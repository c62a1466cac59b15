"""`kinema search VECTORS QUERY...`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from kinema.atomic import require_place
from kinema.cli import parse
from kinema.console import say
from kinema.errors import UsageError
from kinema.ranges import at_least

if TYPE_CHECKING:
    from kinema.search import Group, Hit, Index


K = 10
"""Found unless told."""


@dataclass(frozen=True)
class Search:
    """Find videos, or windows of them, that are like some examples, or like one another.

    The index is built at the first search, and again when the vectors have changed. Without QUERY it is only built
    and described.
    """

    vectors: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="VECTORS")]
    """The folder that `kinema embed` wrote."""
    queries: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[QUERY ...]")] = ()
    """Videos, stretches of them (FILE@2-4: seconds 2 to 4; also 1:05), frames (FILE@3) or pictures; of several, what is
    near to their mean is found."""
    without: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="QUERY")] = ()
    """An example of what is not wanted; may be given several times."""
    k: Annotated[int | None, tyro.conf.arg(aliases=("-k",))] = None
    """How many are found; 10 unless said."""
    label: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME")] = ()
    """Only of this class; may be given several times, for any of them."""
    folder: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="DIR")] = ()
    """Only below this folder, named by its last parts or whole; may be given several times, for any of them."""
    duplicates: Annotated[float | None, tyro.conf.arg(metavar="COSINE")] = None
    """Instead of a search: groups of files that are as near as this to one another, such as 0.98."""
    json: bool = False
    """Print JSON instead of a table."""
    sheet: Annotated[str | None, tyro.conf.arg(metavar="FILE.png")] = None
    """Also draw what was found, as a contact sheet."""
    exact: bool = False
    """Compare all vectors even where there is an index for approximate search."""
    run: str | None = None
    """Where the run that made the vectors is now, if it has moved."""
    index: Annotated[str | None, tyro.conf.arg(metavar="PLACE")] = None
    """Where the index is kept: a folder, or an address in object storage such as s3://bucket/videos; `search` in
    VECTORS if not given."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


def main(verb: str, argv: list[str]) -> int:
    """Search, and print what was found."""
    flags = parse(Search, argv, prog="kinema search")
    refuse_mistakes(flags)

    from kinema.search import Index

    index = Index.open(
        flags.vectors,
        at=flags.index,
        run=flags.run,
        device=flags.device,
        say=say,
        describe=bool(flags.queries) or flags.duplicates is not None,  # otherwise `describe` does
    )
    if flags.duplicates is not None:
        duplicates(index, flags, flags.duplicates)
    elif flags.queries:
        search(index, flags)
    else:
        describe(index, flags)
    return 0


def refuse_mistakes(flags: Search) -> None:
    """Raise UsageError for flags that contradict one another."""
    at_least("k", K if flags.k is None else flags.k, 1)
    if flags.duplicates is not None and (flags.queries or flags.without):
        raise UsageError("--duplicates compares all vectors with one another: give either it or a QUERY")
    for name in ("k", "exact"):
        if getattr(flags, name) and flags.duplicates is not None:
            raise UsageError(f"--{name} is of a search: leave it out beside --duplicates, which compares all with all")
    for name in ("without", "k", "label", "folder", "sheet", "exact"):
        if getattr(flags, name) and not flags.queries and flags.duplicates is None:
            raise UsageError(f"--{name} without anything to search for: give a video after {flags.vectors}")
    if flags.sheet and Path(flags.sheet).suffix.lower() != ".png":
        raise UsageError(f"--sheet is {flags.sheet}: give the name of a .png file")
    if flags.sheet:
        require_place(flags.sheet)


def search(index: Index, flags: Search) -> None:
    """What is like the examples."""
    from kinema.search.index import listed

    wanted, unwanted = listed(flags.queries), listed(flags.without)
    if flags.sheet and any(Path(each.path).resolve() == Path(flags.sheet).resolve() for each in (*wanted, *unwanted)):
        raise UsageError(f"--sheet {flags.sheet} is what is searched with, and would be lost: give another name")
    hits = index.query(
        wanted, without=unwanted, k=flags.k or K, labels=flags.label, folders=flags.folder, exact=flags.exact
    )
    if flags.sheet:
        from kinema.search.sheet import sheet_of_hits

        write_sheet(flags.sheet, sheet_of_hits(wanted, unwanted, hits, say))
    if flags.json:
        asked = {"query": [str(each) for each in wanted], "without": [str(each) for each in unwanted]}
        print(json.dumps(asked | {"results": [asdict(hit) for hit in hits]}, indent=2))
        return
    print_table([(str(rank), *line(hit)) for rank, hit in enumerate(hits, 1)], first="")


def duplicates(index: Index, flags: Search, threshold: float) -> None:
    """What is like one another."""
    found = index.duplicates(threshold, labels=flags.label, folders=flags.folder)
    if flags.sheet and found:
        from kinema.search.sheet import sheet_of_groups

        write_sheet(flags.sheet, sheet_of_groups(found, threshold, say))
    if flags.json:
        print(json.dumps({"duplicates": threshold, "groups": [members(group) for group in found]}, indent=2))
        return
    rows = [(str(number), *line(hit)) for number, group in enumerate(found, 1) for hit in group.hits]
    if rows:
        print_table(rows, first="group")
    what = "group" if len(found) == 1 else "groups"
    say(f"{len(found)} {what} of {len(rows)} vectors have a cosine of {threshold:g} or more")


def members(group: Group) -> list[dict[str, Any]]:
    """A group for JSON."""
    return [asdict(hit) for hit in group.hits]


def describe(index: Index, flags: Search) -> None:
    """What is in the index."""
    from kinema.search.database import described

    labels = index.labels()
    if flags.json:
        print(json.dumps({"run": str(index.run), "index": asdict(index.about), "labels": labels}, indent=2))
        return
    print(described(index.about))
    print(f"vectors of {index.run}, view {index.vectors.view}")
    print("labels: " + (", ".join(f"{name} {count}" for name, count in labels.items()) or "none"))


def write_sheet(name: str, content: bytes) -> None:
    """Write a sheet and say where it is."""
    from kinema.atomic import write_bytes

    write_bytes(Path(name), content)
    say(f"the contact sheet is {name}")


def line(hit: Hit) -> tuple[str, ...]:
    """A hit's cells."""
    return f"{hit.cosine:.4f}", hit.label or "-", f"{hit.start:.1f}-{hit.end:.1f}", hit.path


def print_table(rows: Sequence[Sequence[str]], *, first: str) -> None:
    """Columns as wide as they must be; paths last, and whole, so that other programs can read them."""
    lines = [(first, "cosine", "label", "seconds", "path"), *rows]
    widths = [max(len(row[column]) for row in lines) for column in range(4)]
    for row in lines:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)), row[4]]))
