"""The published layouts of UCF101, HMDB51 and Kinetics, recognised by the files that come with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinema.data.files import Folders, ucf_group
from kinema.data.lists import class_names
from kinema.data.text_files import text_lines
from kinema.data.video import Missing, Source, Video, VideoList
from kinema.errors import UsageError

SPLITS = 3


@dataclass(frozen=True)
class Listed:
    """A video that an official list names."""

    where: str
    """The list's file and line."""
    file: str
    """Its path below the folder that holds the class folders."""
    label: str
    """The name of its class."""


def ucf101(folder: Path, split: int) -> Source | None:
    """UCF101 as published, or None: `UCF-101/<Class>/v_<Class>_gXX_cYY.avi` and lists in `ucfTrainTestlist/`.

    The lists and the published archive spell HandstandPushups in different ways; capitals are not told apart.
    """
    lists = _lists_folder(folder, "ucfTrainTestlist")
    if lists is None or not (lists / "classInd.txt").is_file():
        return None
    classes = class_names(lists / "classInd.txt", first=1)
    root = _class_folders(folder, classes, lists)
    if root is None:
        return None
    _require_split(lists, split)
    train, test = (_ucf_lines(lists / f"{side}list{split:02d}.txt") for side in ("train", "test"))
    return _source("ucf101", root, classes, train, test, split)


def _ucf_lines(path: Path) -> list[Listed]:
    """Lines `Class/file.avi` or `Class/file.avi number`."""
    return [Listed(f"{path}:{number}", line.split()[0], line.split("/")[0]) for number, line in text_lines(path)]


def hmdb51(folder: Path, split: int) -> Source | None:
    """HMDB51 as published, or None: `<class>/<video>.avi` and `testTrainMulti_7030_splits/<class>_test_splitN.txt`."""
    lists = _lists_folder(folder, "testTrainMulti_7030_splits")
    if lists is None:
        return None
    classes = tuple(sorted(path.name.removesuffix("_test_split1.txt") for path in lists.glob("*_test_split1.txt")))
    root = _class_folders(folder, classes, lists)
    if root is None:
        return None
    _require_split(lists, split)
    sides: dict[str, list[Listed]] = {"1": [], "2": [], "0": []}
    for name in classes:
        path = lists / f"{name}_test_split{split}.txt"
        for number, line in text_lines(path):
            video, _, code = line.rpartition(" ")
            if code not in sides:
                raise UsageError(f"{path}:{number}: '{code}' where 1 (train), 2 (test) or 0 (unused) is expected")
            sides[code].append(Listed(f"{path}:{number}", f"{name}/{video.strip()}", name))
    return _source("hmdb51", root, classes, sides["1"], sides["2"], split)


def _lists_folder(folder: Path, name: str) -> Path | None:
    """The folder `name` in `folder`, one level further down, or next to `folder`."""
    places = [folder / name, *sorted(folder.glob(f"*/{name}")), folder.resolve().parent / name]
    return next((place for place in places if place.is_dir()), None)


def _class_folders(folder: Path, classes: Sequence[str], lists: Path) -> str | None:
    """Where the class folders are, `folder` or one level down; None if this is another data set beside the lists."""
    files = Folders()
    below = sorted(str(path) for path in folder.iterdir() if path.is_dir())
    for place in (str(folder), *below):
        if any(files.find(place, name) for name in classes):
            return place
    if lists.parent in (folder, *(Path(path) for path in below)):
        known = f"no class folder such as '{classes[0]}'" if classes else "it names no classes"
        raise UsageError(f"{folder}: {lists.name} is there, but {known}")
    return None


def _require_split(lists: Path, split: int) -> None:
    if not 1 <= split <= SPLITS:
        raise UsageError(f"{lists}: there is no split {split}, only 1 to {SPLITS}")


def _source(
    name: str, root: str, classes: tuple[str, ...], train: Sequence[Listed], test: Sequence[Listed], split: int
) -> Source:
    files = Folders()
    lists = [
        _to_list(f"{name}/{side}{split}", root, classes, rows, files)
        for side, rows in (("train", train), ("test", test))
    ]
    return Source(name, name, lists[0], lists[1], split)


def _to_list(name: str, root: str, classes: tuple[str, ...], rows: Sequence[Listed], files: Folders) -> VideoList:
    label_of = {known.casefold(): label for label, known in enumerate(classes)}
    videos, missing = [], []
    for row in rows:
        label = label_of.get(row.label.casefold())
        if label is None:
            raise UsageError(f"{row.where}: unknown class '{row.label}'")
        found = files.find(root, row.file) or files.find(root, os.path.splitext(row.file)[0])  # noqa: PTH122  # frames
        if found:
            videos.append(Video(found, label, ucf_group(found)))
        else:
            missing.append(Missing(f"{root}/{row.file}", row.where))
    return VideoList(tuple(videos), classes, name, tuple(missing))
