"""`kinema convert FILE --from FAMILY --out FOLDER`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from kinema.cli import parse
from kinema.commands.listing import aligned
from kinema.console import say
from kinema.conversion.families import find, lines

if TYPE_CHECKING:
    from kinema.conversion.coverage import Coverage


@dataclass(frozen=True)
class Convert:
    """Take the backbone out of a checkpoint that another repository published.

    What comes out is a folder that kinema retrieve, knn, linear, finetune, attention and pretrain --init-from take as
    they take a run. Every tensor of the backbone has to be in the file, and every tensor of the file to have a place or
    a known use. Nothing in the file is run.
    """

    file: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="FILE")]
    """The checkpoint (.pth, .pt, .tar)."""
    family: Annotated[str, tyro.conf.arg(name="from", metavar="FAMILY")]
    """The repository that wrote it; `kinema convert --help` lists them."""
    out: str
    """The folder to make."""
    backbone: str | None = None
    """Which network it is; found by the names and shapes in the file if not given."""
    leave: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A pattern of tensors that may be left out, of the backbone (they stay as in a fresh network) or of the file; may
    be given several times."""
    frames: Annotated[int | None, tyro.conf.arg(name="clip.frames")] = None
    """Frames of a clip in evaluation, if other than the repository's."""
    stride: Annotated[int | None, tyro.conf.arg(name="clip.stride")] = None
    """Distance between them, if other than the repository's."""
    size: Annotated[int | None, tyro.conf.arg(name="clip.size")] = None
    """Pixels a side, if other than the repository's."""
    normalise: Literal["unit", "imagenet", "kinetics", "slowfast"] | None = None
    """How pixels are shown, if otherwise than in the repository."""
    overwrite: bool = False
    """Replace the run in --out; the old one is renamed, not deleted."""


def main(verb: str, argv: list[str]) -> int:
    """Convert, and print where each tensor went."""
    if argv and argv[0] in ("-h", "--help"):
        print(f"families:\n{aligned(lines())}\n")
    flags = parse(Convert, argv, prog="kinema convert")
    find(flags.family)

    from kinema.conversion.convert import NotCovered, convert

    try:
        done = convert(
            flags.file,
            flags.family,
            out=flags.out,
            backbone=flags.backbone,
            leave=flags.leave,
            frames=flags.frames,
            stride=flags.stride,
            size=flags.size,
            normalise=flags.normalise,
            overwrite=flags.overwrite,
        )
    except NotCovered as problem:
        print_tables(problem.coverage, {})
        raise
    print_tables(done.coverage, done.changes)
    held, left = len(done.coverage.sources), len(done.coverage.left)
    beside = f", {left} left as in a fresh network" if left else ""
    say(
        f"{held} of {len(done.coverage.shapes)} tensors of {done.coverage.layout.backbone} taken from {flags.file}"
        f"{beside}; {len(done.coverage.unused)} of the file's not used"
    )
    say(f"next: kinema retrieve {done.run.folder} --data DATA")
    return 0


def print_tables(coverage: Coverage, changes: dict[str, str]) -> None:
    """A line for each tensor of the backbone, and one for each of the file that is not in it."""
    rows = []
    for name, shape in coverage.shapes.items():
        absent = "MISSING" if name in coverage.missing else "as in a fresh network"
        note = changes.get(name, "") if name in coverage.sources else absent
        rows.append((name, "x".join(map(str, shape)) or "1", coverage.sources.get(name, "-"), note))
    print(in_columns((f"tensor of {coverage.layout.backbone}", "shape", "in the file", ""), rows))
    rest = [(name, f"NO PLACE: {why}") for name, why in coverage.unplaced.items()] + list(coverage.unused.items())
    if rest:
        print("\n" + in_columns(("of the file, not used", "what it is"), rest))


def in_columns(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Lines that are never folded, so that they can be searched."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
