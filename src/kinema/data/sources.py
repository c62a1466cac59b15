"""Whatever is given as `--data`, as lists of videos: a list file, or a folder in one of the layouts below.

    a list file                      see `kinema.data.lists`
    UCF101, HMDB51, Kinetics         as published, see `kinema.data.official` and `kinema.data.kinetics`
    train.csv [test.csv]             lists in a folder; .tsv and .txt too, val where there is no test
    train/ test/                     each a folder of class folders; val/ where there is no test/
    walk/ run/ ...                   class folders
    a.mp4 b.mp4 ...                  videos without labels
    a.mp4 2024/b.mp4 ...             videos beside folders of videos: all of them, without labels
    store.json                       what `kinema data pack` made of any of these

Where a video file is expected, a folder of frames (images) will do.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kinema.data.files import VIDEO_SUFFIXES, Folders, is_video, ucf_group, videos_below
from kinema.data.kinetics import is_kinetics, kinetics, kinetics_list
from kinema.data.lists import agree_on_classes, read_classes, read_rows, require_present, to_list
from kinema.data.official import hmdb51, ucf101
from kinema.data.skip import without
from kinema.data.store import is_store, opened
from kinema.data.video import Missing, Source, Video, VideoList
from kinema.errors import DataError, UsageError

__all__ = ["Missing", "Source", "Video", "VideoList", "read_list", "read_pair", "read_source", "require_classes"]

LIST_SUFFIXES = (".csv", ".tsv", ".txt")


def read_source(
    path: str | Path, split: int = 1, *, skip: frozenset[str] = frozenset(), allow_missing: bool = False
) -> Source:
    """The data set at `path`; its layout is recognised by its files.

    `split` chooses among the official splits of UCF101 and HMDB51. Videos named in `skip` (see `kinema.data.skip`) are
    left out and counted in `VideoList.skipped`. Listed videos that are not there are an error, or with `allow_missing`
    are left out and named in `VideoList.missing`. Raises UsageError, one line naming file and line.
    """
    if not str(path):
        raise UsageError("the path of the data is empty: give a list or a folder")
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    try:
        source = _folder(path, split) if path.is_dir() else _file(path)
    except PermissionError as problem:
        where = problem.filename or path
        raise UsageError(
            f"{where}: cannot be looked at ({problem.strerror}): ask its owner, or give a list"
        ) from problem
    if source.split is None and split != 1:
        raise UsageError(f"{path}: split {split} was asked for, but this layout ({source.kind}) has no official splits")
    settle = _settled(skip, allow_missing=allow_missing)
    test = settle(source.test) if source.test is not None else None
    return Source(source.name, source.kind, settle(source.train), test, source.split)


def read_list(path: str | Path, *, skip: frozenset[str] = frozenset(), allow_missing: bool = False) -> VideoList:
    """The videos of one list file; `skip` and `allow_missing` as in `read_source`."""
    return _settled(skip, allow_missing=allow_missing)(_file(_list_file(path)).train)


def read_pair(train: str | Path, test: str | Path) -> Source:
    """Two list files as the two sides of one data set; class names mean the same label in both."""
    source = _lists(_list_file(train), _list_file(test))
    for side in source.sides().values():
        require_present(side)
    return source


def require_classes(videos: VideoList, at_least: int = 2) -> VideoList:
    """`videos`, if they have labels of at least that many classes; otherwise a DataError."""
    labels = {video.label for video in videos.videos}
    if not videos.classes or -1 in labels:
        raise DataError(
            f"{videos.name}: the videos have no labels, which this evaluation needs: give a list of `path,label`, or "
            "class folders with no videos beside them"
        )
    if len(labels) < at_least:
        only = ", ".join(videos.classes[label] for label in sorted(labels))
        raise DataError(f"{videos.name}: {len(labels)} class ({only}), but telling classes apart takes {at_least}")
    return videos


def _settled(skip: frozenset[str], *, allow_missing: bool) -> Callable[[VideoList], VideoList]:
    def settle(videos: VideoList) -> VideoList:
        videos, _ = without(videos, skip)
        if not allow_missing:
            require_present(videos)
        return videos

    return settle


def _list_file(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such list file")
    return path


def _file(path: Path) -> Source:
    if path.suffix.lower() not in LIST_SUFFIXES:
        what = "a video; give a list or the folder that it is in" if is_video(path.name) else "not a list"
        raise UsageError(f"{path}: {what} (a list's name ends in {', '.join(LIST_SUFFIXES)})")
    if is_kinetics(path):
        listed = kinetics_list(path)
        return Source(listed.name, "kinetics", listed, None, None)
    return _lists(path, None)


def _lists(train: Path, test: Path | None) -> Source:
    paths = [train] if test is None else [train, test]
    rows = [read_rows(path) for path in paths]
    classes = agree_on_classes([row for side in rows for row in side], read_classes(train.parent))
    files = Folders()
    sides = [to_list(path, side, classes, files) for path, side in zip(paths, rows, strict=True)]
    name = sides[0].name if test is None else sides[0].name.rpartition("/")[0]
    return Source(name, "list" if test is None else "lists", sides[0], sides[1] if test else None, None)


def _folder(folder: Path, split: int) -> Source:
    if is_store(folder):
        return opened(folder).source(split)
    source = ucf101(folder, split) or hmdb51(folder, split) or kinetics(folder)
    if source:
        return source
    train, test = _side(folder, "train"), _side(folder, "test") or _side(folder, "val")
    if train:
        return _lists(train, test)
    if (folder / "train").is_dir():
        return _two_folders(folder)
    return _one_folder(folder)


def _side(folder: Path, side: str) -> Path | None:
    return next((path for suffix in LIST_SUFFIXES if (path := folder / f"{side}{suffix}").is_file()), None)


def _two_folders(folder: Path) -> Source:
    test = next((folder / side for side in ("test", "val", "validation") if (folder / side).is_dir()), None)
    if test is None:
        return _one_folder(folder)
    names = {side: _classes(side) for side in (folder / "train", test)}
    classes = tuple(sorted(set().union(*names.values())))
    sides = [_scan(side, classes, f"{folder.resolve().name}/{side.name}") for side in names]
    return Source(folder.resolve().name, "train and test folders", sides[0], sides[1], None)


def _one_folder(folder: Path) -> Source:
    loose, inner = _loose_and_inner(folder)
    classes = () if loose else inner
    kind = "folders" if classes else "a tree without labels" if inner else "flat"
    videos = _scan(folder, classes, folder.resolve().name)
    return Source(videos.name, kind, videos, None, None)


def _classes(folder: Path) -> tuple[str, ...]:
    """The class folders of one of two sides; () where videos lie in the folder itself."""
    loose, inner = _loose_and_inner(folder)
    if loose and inner:
        raise UsageError(f"{folder}: holds both videos ({loose[0]}) and folders of videos ({inner[0]}); use a list")
    return inner


def _loose_and_inner(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the videos that lie in a folder itself, and of the folders in it that hold videos."""
    videos = list(videos_below(folder))
    if not videos:
        looked_for = " ".join(sorted(VIDEO_SUFFIXES))
        raise UsageError(f"{folder}: no videos found (looked for {looked_for} and folders of images)")
    if videos == [folder]:
        raise UsageError(f"{folder}: the frames of one video; give the folder that holds several such folders")
    parts = [video.relative_to(folder).parts for video in videos]
    loose = tuple(part[0] for part in parts if len(part) == 1)
    return loose, tuple(sorted({part[0] for part in parts if len(part) > 1}))


def _scan(folder: Path, classes: tuple[str, ...], name: str) -> VideoList:
    label_of = {known: label for label, known in enumerate(classes)}
    videos = []
    for path in videos_below(folder):
        label = label_of.get(path.relative_to(folder).parts[0], -1)
        videos.append(Video(str(path), label, ucf_group(path.name)))
    return VideoList(tuple(videos), classes, name)
