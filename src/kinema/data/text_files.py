"""Text files that people write, line by line, with errors that name file and line."""

from __future__ import annotations

import csv
from pathlib import Path

from kinema.errors import UsageError

MOST_BYTES = 2**30
"""Of a text file; a million videos take a tenth of it."""


def text_lines(path: Path, *, errors: str = "strict") -> list[tuple[int, str]]:
    """The lines of a text file numbered from 1, without blank ones. Raises UsageError if it cannot be read.

    `errors` is for what is no UTF-8, as `open` has it.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path}: not a list of videos (it has {path.stat().st_size:,} bytes)")
        text = path.read_text(encoding="utf-8-sig", errors=errors)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a list of videos (it is no UTF-8 text)") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def columns(line: str, where: str, delimiter: str = ",") -> list[str]:
    """What stands in the columns of one line. Raises UsageError naming `where` if that cannot be told."""
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error as error:
        raise UsageError(f"{where}: not a line of a table ({error})") from error
