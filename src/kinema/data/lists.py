"""Text files that list videos: `path,label` or `path label`, with comma, tab or space, with or without a header.

    path,label              clips/a b.mp4<tab>walk        clips/a.mp4 0           clips/a.mp4
    clips/a.mp4,walk        clips/c.mp4<tab>run           clips/c.mp4 1           clips/c.mp4

Labels are class numbers from 0 or class names, all of one sort, for every line or for none. A file `classes.txt` beside
the list or in the folder above names the classes (one a line, or `0 walk`); without one, names are sorted. Paths are
relative to the list's folder or, if nothing is there, to the folder above it (lists kept in a folder of their own).
A header may name more columns, of which a group column is read; see `groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinema.data.files import VIDEO_SUFFIXES, Folders, ucf_group
from kinema.data.text_files import columns, text_lines
from kinema.data.video import Missing, Video, VideoList
from kinema.errors import UsageError, nearest

PATH_COLUMNS = ("path", "file", "filename", "video", "video_path", "filepath")
LABEL_COLUMNS = ("label", "class", "class_name", "action")
GROUP_COLUMNS = ("group", "person", "signer", "subject", "actor", "source", "look")
"""Columns that say which videos belong together; the first that is present counts."""
DIGITS = 6
"""Of a class number: what has more is some other number, and would ask for as many classes."""


@dataclass(frozen=True)
class Row:
    """One line of a list."""

    path: str
    label: str
    """"" where there is none."""
    group: str
    where: str
    """The file and line, for messages."""


def read_rows(path: Path) -> list[Row]:
    """The lines of a list file, checked to be labelled alike. Raises UsageError naming file and line."""
    lines = text_lines(path)
    delimiter = _delimiter([line for _, line in lines])
    rows = _spaced_rows(path, lines) if delimiter == " " else _table(path, lines, delimiter)
    if not rows:
        raise UsageError(f"{path}: the list names no videos")
    for row in rows:
        if _sort(row) != _sort(rows[0]):
            raise UsageError(f"{row.where}: {_sort(row)}, but {rows[0].where} has {_sort(rows[0])}; label all alike")
        if row.label.isdecimal():
            class_number(row.label, row.where)
    return rows


def class_number(text: str, where: str) -> int:
    """The number that some digits stand for. Raises UsageError naming `where` if there are too many for a class."""
    if len(text.lstrip("0")) > DIGITS:
        raise UsageError(f"{where}: {text[:20]} is no number of a class; number the classes from 0")
    return int(text)


def _sort(row: Row) -> str:
    return "no label" if not row.label else "a number as label" if row.label.isdecimal() else "a name as label"


def _delimiter(lines: list[str]) -> str:
    if any("\t" in line for line in lines):
        return "\t"
    return "," if any("," in line and not _is_path(line) and not _ends_in_label(line) for line in lines) else " "


def _ends_in_label(line: str) -> bool:
    """True for `a, b.mp4 0`: a comma in a path, not between columns."""
    return _is_path(line.rsplit(maxsplit=1)[0])


def _is_path(text: str) -> bool:
    """True for what ends as a video's name does, whatever stands before: `./a b.mp4` and `../.a, b.mp4` too."""
    return Path(text).suffix.lower() in VIDEO_SUFFIXES


def _is_header(cells: Sequence[str]) -> bool:
    return bool(cells) and any(cell.strip().lower() in PATH_COLUMNS for cell in cells)


def _spaced_rows(path: Path, lines: list[tuple[int, str]]) -> list[Row]:
    after_header = lines[1:] if lines and _is_header(lines[0][1].split()) else lines
    return [_spaced(line, f"{path}:{number}") for number, line in after_header]


def _spaced(line: str, where: str) -> Row:
    """`path`, `path label`, or `folder number_of_frames label`; the path may hold spaces if it ends like a video's."""
    if _is_path(line) or " " not in line:
        return Row(line, "", "", where)
    path, label = line.rsplit(maxsplit=1)
    folder, _, count = path.rpartition(" ")
    if count.isdecimal() and label.isdecimal() and folder:
        path = folder.strip()
    return Row(path, label, "", where)


def _table(path: Path, lines: list[tuple[int, str]], delimiter: str) -> list[Row]:
    cells = [columns(line, f"{path}:{number}", delimiter) for number, line in lines]
    numbers = [number for number, _ in lines]
    if cells and _is_header(cells[0]):
        header = [name.strip().lower() for name in cells[0]]
        at_path, at_label = column(header, PATH_COLUMNS), column(header, LABEL_COLUMNS)
        at_group = column(header, GROUP_COLUMNS)
        cells, numbers = cells[1:], numbers[1:]
    else:
        at_path, at_label, at_group = 0, 1, None
        for number, row in zip(numbers, cells, strict=True):
            if len(row) > 2:
                raise UsageError(f"{path}:{number}: {len(row)} columns and no header; start with `path,label,...`")
    rows = [
        Row(_cell(row, at_path), _cell(row, at_label), _cell(row, at_group), f"{path}:{number}")
        for number, row in zip(numbers, cells, strict=True)
    ]
    for listed in rows:
        if not listed.path:
            raise UsageError(f"{listed.where}: no path on this line")
    return rows


def column(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The place in `header` of the first of `names` that it holds."""
    return next((header.index(name) for name in names if name in header), None)


def _cell(row: list[str], at: int | None) -> str:
    return row[at].strip() if at is not None and at < len(row) else ""


def read_classes(folder: Path) -> tuple[str, ...]:
    """The names in `classes.txt` of this folder or the one above, by label; () if there is no such file."""
    for path in (folder / "classes.txt", folder.parent / "classes.txt"):
        if path.is_file():
            return class_names(path, first=0)
    return ()


def class_names(path: Path, *, first: int) -> tuple[str, ...]:
    """Names from lines `name`, or `number name` with the numbers counting up from `first`."""
    lines = text_lines(path)
    pairs = [line.split(maxsplit=1) for _, line in lines]
    if not all(len(pair) == 2 and pair[0].isdecimal() for pair in pairs):
        return tuple(line for _, line in lines)
    for expected, ((number, _), pair) in enumerate(zip(lines, pairs, strict=True), first):
        if class_number(pair[0], f"{path}:{number}") != expected:
            raise UsageError(f"{path}:{number}: class number {pair[0]}, expected {expected}")
    return tuple(name for _, name in pairs)


def agree_on_classes(rows: Sequence[Row], known: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of one list, or of several that are used together: `known` ones, or those the labels imply."""
    labels = [row.label for row in rows if row.label]
    if not labels or known:
        return known if labels else ()
    if all(label.isdecimal() for label in labels):
        return tuple(str(number) for number in range(1 + max(map(int, labels))))
    return tuple(sorted(set(labels)))


def to_list(path: Path, rows: Sequence[Row], classes: tuple[str, ...], files: Folders) -> VideoList:
    """The videos of a list's rows; those that are not there are in `missing`."""
    base = _base(path.parent, rows, files)
    group_of = groups(base, path.parent)
    numbered = all(row.label.isdecimal() for row in rows)
    videos, missing = [], []
    for row in rows:
        where = str(Path(base, row.path))
        label = _label(row, classes, numbered=numbered)
        if files.has(where):
            videos.append(Video(where, label, row.group or group_of.get(row.path, "") or ucf_group(row.path)))
        else:
            missing.append(Missing(where, row.where))
    return VideoList(tuple(videos), classes, f"{Path(base).resolve().name}/{path.stem}", tuple(missing))


def _base(folder: Path, rows: Sequence[Row], files: Folders) -> str:
    for base in (str(folder), str(folder.parent)):
        if any(files.has(str(Path(base, row.path))) for row in rows):
            return base
    return str(folder)


def _label(row: Row, classes: tuple[str, ...], *, numbered: bool) -> int:
    if not row.label:
        return -1
    if not numbered:
        if row.label not in classes:
            raise UsageError(f"{row.where}: unknown class '{row.label}'; {nearest(row.label, list(classes))}")
        return classes.index(row.label)
    if int(row.label) >= len(classes):
        raise UsageError(f"{row.where}: label {row.label}, but there are only classes 0 to {len(classes) - 1}")
    return int(row.label)


def groups(*folders: str | Path) -> dict[str, str]:
    """Group by listed path, from the first `meta.csv` in `folders` with a path column and one of GROUP_COLUMNS.

    Looks of rendered videos are counted anew in each split, so the number 3 of train is another look than that of test.
    """
    for folder in folders:
        path = Path(folder) / "meta.csv"
        if path.is_file() and (lines := text_lines(path)):
            header, *rows = (columns(line, f"{path}:{number}") for number, line in lines)
            at_path, at_group = column(header, PATH_COLUMNS), column(header, GROUP_COLUMNS)
            if at_path is not None and at_group is not None:
                whole = [row for row in rows if len(row) == len(header)]
                at_split = column(header, ("split",)) if header[at_group] == "look" else None
                return {row[at_path]: _group(row, at_group, at_split) for row in whole}
    return {}


def _group(row: list[str], at_group: int, at_split: int | None) -> str:
    return row[at_group] if at_split is None else f"{row[at_split]} {row[at_group]}"


def require_present(videos: VideoList) -> None:
    """Raise UsageError if listed videos are missing: how many, the first and where it is listed."""
    count = len(videos.missing)
    if count:
        first = videos.missing[0]
        total = count + len(videos)
        raise UsageError(
            f"{first.where}: no file {first.path} ({count} of {total} listed videos are missing; "
            "`kinema data check` lists them and can write a skip file)"
        )
