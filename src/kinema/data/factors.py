"""What is known of each video besides its class: the columns of `meta.csv` in a folder above it.

mocap15/meta.csv                    path,label,look,azimuth,camera,...
mocap15/backflip/tr_000.mp4         backflip/tr_000.mp4,0,0,97.08,still,...
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kinema.data.lists import GROUP_COLUMNS, PATH_COLUMNS, column
from kinema.data.text_files import columns, text_lines
from kinema.data.video import Video
from kinema.errors import UsageError, nearest

Row = dict[str, str]
"""A line of meta.csv, by its header in lower case."""


def rows_of(videos: Sequence[Video]) -> list[Row]:
    """The line of meta.csv that lists each video: of the nearest folder above it whose meta.csv does.

    Raises:
        UsageError: no meta.csv above a video lists it.
    """
    tables: dict[Path, dict[str, Row]] = {}
    rows = []
    for video in videos:
        path = Path(video.path).absolute()
        for folder in path.parents:
            if folder not in tables:
                tables[folder] = _read(folder / "meta.csv")
            row = tables[folder].get(path.relative_to(folder).as_posix())
            if row is not None:
                rows.append(row)
                break
        else:
            raise UsageError(f"{video.path}: no meta.csv in a folder above lists it, so its look is not known")
    return rows


def values(rows: Sequence[Row], name: str) -> list[str]:
    """One column; capitals do not matter. Looks of rendered videos are counted anew in each split: `split look`.

    Raises:
        UsageError: there is no such column.
    """
    name = name.lower()
    for row in rows:
        if name not in row:
            raise UsageError(f"meta.csv has no column '{name}': {nearest(name, list(row))}")
    if name == "look" and all("split" in row for row in rows):
        return [f"{row['split']} {row[name]}" for row in rows]
    return [row[name] for row in rows]


def look_column(rows: Sequence[Row]) -> str:
    """The column that says which videos look alike, if none is named: the first of `GROUP_COLUMNS` that is there.

    Raises:
        UsageError: there is none of them.
    """
    header = list(rows[0])
    at = column(header, GROUP_COLUMNS)
    if at is None:
        raise UsageError(f"meta.csv has none of {', '.join(GROUP_COLUMNS)}: name the column with --look")
    return header[at]


def _read(path: Path) -> dict[str, Row]:
    """Lines by their path; none where there is no file or it has no column of paths."""
    if not path.is_file():
        return {}
    header, *lines = [columns(line, f"{path}:{number}") for number, line in text_lines(path)] or [[]]
    header = [name.strip().lower() for name in header]
    at = column(header, PATH_COLUMNS)
    if at is None:
        return {}
    return {line[at]: dict(zip(header, line, strict=True)) for line in lines if len(line) == len(header)}
