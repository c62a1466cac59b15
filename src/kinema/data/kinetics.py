"""Kinetics: a CSV of YouTube excerpts beside files named by excerpt, in `train/` and `val/` or in class folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from kinema.data.files import videos_below
from kinema.data.text_files import columns, text_lines
from kinema.data.video import Missing, Source, Video, VideoList
from kinema.errors import UsageError

_TRAIN, _TEST = ("train",), ("val", "validate", "validation", "test")


@dataclass(frozen=True)
class Excerpt:
    """One line of a Kinetics CSV."""

    name: str
    """The file's name without its ending: `<youtube_id>_<start:06d>_<end:06d>`, times in seconds."""
    label: str
    side: str
    where: str


def is_kinetics(path: Path) -> bool:
    """True for a CSV whose header has `youtube_id`, `time_start` and `time_end`."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = {cell.strip() for cell in file.readline(2**16).split(",")}
    return {"youtube_id", "time_start", "time_end"} <= header


def kinetics(folder: Path) -> Source | None:
    """Kinetics as distributed, or None: CSVs in `folder` or `folder/annotations`, videos anywhere below.

    `val` lines are the test side; `test` lines only where there are none, since Kinetics publishes no labels for them.
    """
    tables = [path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.csv"))]
    excerpts = [excerpt for path in tables if is_kinetics(path) for excerpt in read_excerpts(path)]
    if not excerpts:
        return None
    files = {path.stem: str(path) for path in videos_below(folder)}
    classes = tuple(sorted({excerpt.label for excerpt in excerpts if excerpt.label}))
    name = folder.resolve().name
    train = [excerpt for excerpt in excerpts if excerpt.side in _TRAIN]
    test = next((some for side in _TEST if (some := [e for e in excerpts if e.side == side])), [])
    lists = [
        to_list(f"{name}/{side}", rows, classes, files, folder) for side, rows in (("train", train), ("test", test))
    ]
    if not train:
        return Source(name, "kinetics", lists[1], None, None)
    return Source(name, "kinetics", lists[0], lists[1] if test else None, None)


def kinetics_list(path: Path) -> VideoList:
    """One Kinetics CSV, whatever its `split` column says; videos are below its folder, or that of `annotations/`."""
    folder = path.parent.parent if path.parent.name == "annotations" else path.parent
    excerpts = list(read_excerpts(path))
    if not excerpts:
        raise UsageError(f"{path}: the list names no videos")
    classes = tuple(sorted({excerpt.label for excerpt in excerpts if excerpt.label}))
    files = {file.stem: str(file) for file in videos_below(folder)}
    return to_list(f"{folder.resolve().name}/{path.stem}", excerpts, classes, files, folder)


def read_excerpts(path: Path) -> Iterator[Excerpt]:
    """The lines of a Kinetics CSV. Raises UsageError naming file and line where a time is no number."""
    header: list[str] | None = None
    for number, line in text_lines(path):
        where = f"{path}:{number}"
        cells = [cell.strip() for cell in columns(line, where)]
        if header is None:
            header = cells
            continue
        row = dict(zip(header, cells, strict=False))
        start, end = (_seconds(row.get(key, ""), where) for key in ("time_start", "time_end"))
        side = (row.get("split") or path.stem).lower()
        yield Excerpt(f"{row.get('youtube_id', '')}_{start:06d}_{end:06d}", row.get("label", ""), side, where)


def _seconds(text: str, where: str) -> int:
    try:
        return round(float(text))
    except (OverflowError, ValueError) as error:
        raise UsageError(f"{where}: time_start and time_end are not both numbers of seconds") from error


def to_list(
    name: str, rows: list[Excerpt], classes: tuple[str, ...], files: Mapping[str, str], folder: Path
) -> VideoList:
    """The videos of excerpts; `files` maps names without ending to paths."""
    label_of = {known: label for label, known in enumerate(classes)}
    videos, missing = [], []
    for row in rows:
        found = files.get(row.name)
        if found:
            youtube_id = row.name[:-14]
            videos.append(Video(found, label_of.get(row.label, -1), youtube_id))
        else:
            missing.append(Missing(str(folder / f"{row.name}.mp4"), row.where))
    return VideoList(tuple(videos), classes, name, tuple(missing))
