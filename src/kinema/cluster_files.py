"""Where clusters are written. What is in the way is said before any work, and set aside only if that is asked for.

vectors/clusters.csv     path,start,end,cluster,distance: a line a vector
sheets/cluster_000.png   frames of the largest cluster, then of the next ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kinema.errors import UsageError
from kinema.run_folder import set_aside

COLUMNS = ("path", "start", "end", "cluster", "distance")
_SHEET = re.compile(r"cluster_\d{3,}\.png|\.cluster_.*\.half")
"""A sheet, or what a program left that was killed while it wrote one."""


@dataclass(frozen=True)
class Places:
    """The CSV file, and the folder of contact sheets if they are wanted."""

    file: Path
    sheets: Path | None

    def check(self, *, overwrite: bool) -> None:
        """See that both can be made, with `overwrite` in the place of an earlier clustering.

        Raises:
            UsageError: something is there, and is no clustering or may not be replaced.
        """
        if self.file.exists():
            if not overwrite:
                raise UsageError(f"{self.file} is there: use --overwrite to replace it, or another --out")
            if not is_clusters(self.file):
                raise UsageError(
                    f"{self.file} is no file of clusters, so --overwrite leaves it alone: use another --out"
                )
        if self.sheets is not None and taken(self.sheets):
            if not overwrite:
                what = "is not empty" if self.sheets.is_dir() else "is a file"
                raise UsageError(f"--sheets {self.sheets} {what}: use --overwrite to replace its sheets, or another")
            if not self.sheets.is_dir() or not all(_SHEET.fullmatch(each.name) for each in self.sheets.iterdir()):
                what = f"--sheets {self.sheets} holds other things than sheets"
                raise UsageError(f"{what}, so --overwrite leaves it alone: use another")

    def clear(self) -> None:
        """Rename what is there and, as `check` has seen, may be replaced.

        Raises:
            UsageError: it cannot be renamed.
        """
        for place in (self.file, self.sheets):
            if place is not None and place.exists() and (place.is_file() or taken(place)):
                try:
                    set_aside(place)
                except OSError as problem:
                    raise UsageError(f"{place} cannot be set aside ({problem.strerror}): use another place") from None


def taken(folder: Path) -> bool:
    """Whether a folder to be made is there already, with something in it, or is a file."""
    return folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))


def is_clusters(file: Path) -> bool:
    """Whether a file begins as one of clusters does."""
    if not file.is_file():
        return False
    first = ",".join(COLUMNS).encode() + b"\n"
    with file.open("rb") as content:
        return content.read(len(first)) == first
