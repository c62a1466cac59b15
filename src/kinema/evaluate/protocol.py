"""What one number carries with it: the score, the protocol it was measured by, what was measured, and when.

Two results may stand in one table only if their `Protocol` is the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from kinema.atomic import name_anew, write_bytes
from kinema.errors import UsageError
from kinema.evaluate.json_record import from_json, to_json
from kinema.settings.added import recorded

Task = Literal["retrieval", "knn", "linear", "finetune", "fewshot", "hard_positives", "motion_share"]
Setting = str | bool | int | float | tuple[float, ...] | None


@dataclass(frozen=True)
class Score:
    """The figures, in percent."""

    metric: str
    """The headline figure's name: R@1, top1, or 5-way 1-shot."""
    value: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval of `value` over test videos, or over episodes; says nothing of other training runs."""
    values: dict[str, float]
    """All figures by name, the headline among them: R@1 ... R@50; top1, top5."""
    intervals: dict[str, tuple[float, float]]
    """Intervals of `values`, where there is one."""
    chosen: dict[str, float]
    """What was chosen on held-out train videos: lr, weight_decay, epoch; empty where nothing was."""


@dataclass(frozen=True)
class Protocol:
    """Everything but the features that decides the score."""

    task: Task
    data: str
    """The data set's name."""
    split: str | None
    """The official split's number, or what else tells it ("mean over 7 persons"); `None` where there is one only."""
    queries: int
    """Test videos that count."""
    gallery: int
    """Train videos: searched in, voting, fitted on, or drawn from; 0 where none is used."""
    classes: int
    train_list: str
    """Fingerprint of the train videos and labels, see `fingerprint`; "" where none is used."""
    test_list: str
    """Fingerprint of the test videos and labels."""
    frames: int
    """Frames of a clip."""
    stride: int
    """Frames of the video from one frame of a clip to the next."""
    size: int
    """Pixels a side that the network sees."""
    clips: int
    """Clips of a test video."""
    crops: int
    """Crops of a clip."""
    average: Literal["feature", "prob", "logits", "share"]
    """What is averaged over a video's clips."""
    pooling: str
    """How the backbone's maps become a feature: gap, or none."""
    view: str
    """What the network is shown: rgb, residual, flow; both (RGB and residual), rgb+flow."""
    distance: Literal["cosine", "l2"] | None
    """For retrieval, kNN and the nearest centroid."""
    centred: bool
    """Each set's own mean was subtracted first."""
    selection: str
    """What choices were made on: "none", "20 % of the train videos, whole groups", "last epoch"."""
    settings: dict[str, Setting]
    """The task's own settings, as `dataclasses.asdict` gives them: k and temperature; epochs and batch size. In
    a paired difference, `against` names the network whose figure was subtracted."""


@dataclass(frozen=True)
class Subject:
    """What was measured."""

    weights: Literal["pretrained", "random init"]
    method: str | None
    """The method that trained it; `None` for random init."""
    backbone: str
    width: float
    parameters: int
    """Of the backbone."""
    recipe: str | None
    """The name of the recipe it was trained by; `None` for random init."""
    recipe_hash: str | None
    """See `recipe_hash`."""
    pretrain_data: str | None
    epoch: int | None
    """Epochs of pre-training behind the weights."""
    seed: int | None
    """Of pre-training, or of the random weights; `None` where weights that were trained elsewhere do not say."""
    source: str | None = None
    """The file that weights trained elsewhere were converted from: its name, and its SHA-256; `None` for our own."""


@dataclass(frozen=True)
class Origin:
    """Where a number comes from; `kinema.evaluate.origin.origin` fills it in."""

    version: str
    """kinema's."""
    commit: str | None
    """git's, with "+changes" where the package's files differ from it; `None` outside a checkout."""
    torch: str
    device: str
    command: str
    date: str
    """Start, in UTC, ISO 8601."""
    seconds: float
    """From start to end."""


@dataclass(frozen=True)
class Result:
    """One result file."""

    score: Score
    protocol: Protocol
    subject: Subject
    origin: Origin
    format: Literal[1] = 1


def fingerprint(paths: Sequence[str], labels: Tensor | Sequence[int], classes: Sequence[str]) -> str:
    """SHA-256 of sorted lines "path TAB class name", so that neither order nor numbering of classes matters.

    Paths should be relative to the data set's folder, with forward slashes.
    """
    lines = sorted(f"{path}\t{classes[int(label)]}\n" for path, label in zip(paths, labels, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def recipe_hash(recipe: Any) -> str:
    """SHA-256 of a recipe (a dataclass instance) as JSON with sorted keys; see `kinema.settings.added.recorded`."""
    return hashlib.sha256(json.dumps(recorded(recipe), sort_keys=True).encode()).hexdigest()


def split_name(split: str) -> str:
    """ "split 1" for an official split's number; other names as they are."""
    return f"split {split}" if split.isdecimal() else split


def file_name(result: Result) -> str:
    """`retrieval_mocap15.json`, `retrieval_mocap15_random_init.json`; with split, view, `l2`, `centred`, `bf16` if any.

    So too the look of hard positives, and their candidates if not the test videos alone:
    `hard_positives_asl18_person_all.json`; what is unusual of few-shot episodes: `fewshot_asl18_way_18_logistic.json`;
    and in a paired difference what was subtracted: `..._minus_cmc.json`.
    """
    protocol = result.protocol
    parts: list[str] = [protocol.task, protocol.data]
    if protocol.split is not None:
        parts.append(split_name(protocol.split))
    if protocol.view != "rgb":
        parts.append(protocol.view)
    if protocol.distance == "l2":
        parts.append("l2")
    if protocol.centred:
        parts.append("centred")
    if "feature_precision" in protocol.settings:
        parts.append("bf16")
    if "look" in protocol.settings:
        parts.append(str(protocol.settings["look"]))
    if protocol.settings.get("candidates", "test") != "test":
        parts.append(str(protocol.settings["candidates"]))
    if protocol.task == "fewshot":
        for name, usual, told in (("way", 5, "way {}"), ("head", "centroid", "{}"), ("support", "train", "{} support")):
            if protocol.settings.get(name, usual) != usual:
                parts.append(told.format(protocol.settings[name]))
    if "against" in protocol.settings:
        parts.append(f"minus {protocol.settings['against']}")
    if result.subject.weights == "random init":
        parts.append("random init")
    return "_".join(re.sub(r"[^a-z0-9.+-]+", "_", part.lower()).strip("_") for part in parts) + ".json"


def write(result: Result, folder: str | Path) -> Path:
    """Write a result into a folder under `file_name`, replacing an earlier one of that name; returns the path."""
    path = Path(folder) / file_name(result)
    write_bytes(path, to_json(result).encode())
    return path


def keep_of_other_lists(result: Result, folder: str | Path) -> Path | None:
    """Give the file that `write` is about to replace another name, if it is of other videos; returns that name.

    Lists of one folder have one name for their data, but a result of one is none of the other.
    """
    path = Path(folder) / file_name(result)
    try:
        before = read(path).protocol
    except (OSError, UsageError):  # there is none, or no result that could be kept
        return None
    if (before.train_list, before.test_list) == (result.protocol.train_list, result.protocol.test_list):
        return None
    names = (path.with_name(f"{path.name}.of-other-lists-{number}") for number in count(1))
    kept = next(name for name in names if not name.exists())
    try:
        name_anew(path, kept)
    except OSError as problem:
        raise UsageError(f"{kept}: cannot be written ({problem.strerror}); free space") from problem
    return kept


def read(path: str | Path) -> Result:
    """Read what `write` wrote; unknown, missing and mistyped fields are a `UsageError` naming file and field."""
    return from_json(Result, Path(path))
