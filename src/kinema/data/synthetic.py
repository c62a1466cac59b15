"""A data set of synthetic videos, as real encoded files: `kinema.data.shapes` says what moves in them.

    folder/
      train/<motion>/look07_0.mp4    H.264, yuv420p
      test/<motion>/look52_0.mp4
      train.csv  test.csv            path,label
      classes.txt                    one motion a line; the label counts them from 0
      meta.csv                       every factor of every clip
      synthetic.json                 the arguments; written last

Every look appears with every motion, and equally often. The looks of `test` are not among those of `train`.
"""

from __future__ import annotations

import csv
import json
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import av
from torch import Tensor

from kinema.batch import generator
from kinema.data.shapes import MOTIONS, Look, Nuisance, draw_look, draw_nuisance, render
from kinema.errors import UsageError
from kinema.json_file import read_object

_VERSION = 2  # raised when the same arguments begin to give other frames
# With x264's macroblock tree, the same frames encode differently from one time to the next (measured, AVX-512).
_ENCODING = {"preset": "veryfast", "crf": "18", "mbtree": "0"}


@dataclass(frozen=True)
class Plan:
    """One clip before it is rendered."""

    path: str
    label: int
    split: str
    motion: str
    look: int
    nuisance: Nuisance


def make(
    folder: str | Path,
    *,
    train: int = 384,
    test: int = 160,
    frames: int = 32,
    size: int = 80,
    fps: int = 25,
    seed: int = 0,
    motions: int = 8,
    train_looks: int = 48,
    test_looks: int = 20,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write `train` + `test` clips of `frames` frames of `size` x `size` pixels; returns `folder`.

    The frames depend on the arguments only, not on `workers` (threads). The folder appears when it is complete: a
    broken run leaves nothing behind. One that was made with the same arguments is used again. `progress` is called
    with (clips written, clips in all).

    Raises `UsageError` for numbers that make no balanced set, for a folder that holds anything else, and where the
    folder cannot be written.
    """
    folder = Path(folder)
    arguments = {
        "version": _VERSION, "train": train, "test": test, "frames": frames, "size": size, "fps": fps, "seed": seed,
        "motions": motions, "train_looks": train_looks, "test_looks": test_looks,
    }  # fmt: skip
    _check(arguments)
    if _is_made(folder, arguments):
        return folder
    plans = [
        *plan("train", train, motions=motions, looks=range(train_looks), seed=seed),
        *plan("test", test, motions=motions, looks=range(train_looks, train_looks + test_looks), seed=seed),
    ]
    partial = folder.absolute().with_name(f".{folder.absolute().name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        for name in {str(Path(each.path).parent) for each in plans}:
            (partial / name).mkdir(parents=True, exist_ok=True)
        _write_clips(partial, plans, arguments, workers, progress)
        _write_lists(partial, plans, MOTIONS[:motions])
        (partial / "synthetic.json").write_text(json.dumps(arguments, indent=2) + "\n")
        partial.replace(folder)
    except (OSError, av.error.FFmpegError) as error:
        raise UsageError(f"cannot write synthetic videos to {folder}: {error}; choose another folder") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def plan(split: str, clips: int, *, motions: int, looks: range, seed: int) -> list[Plan]:
    """The clips of a split, motion by motion: every look with every motion before any look a second time."""
    plans = []
    for label, motion in enumerate(MOTIONS[:motions]):
        for i in range(clips // motions):
            look, take = looks[i % len(looks)], i // len(looks)
            nuisance = draw_nuisance(generator("synthetic", seed, split, motion, i))
            plans.append(Plan(f"{split}/{motion}/look{look:02d}_{take}.mp4", label, split, motion, look, nuisance))
    return plans


def look(number: int, *, seed: int = 0) -> Look:
    """The data set's look of that number."""
    return draw_look(generator("synthetic", seed, "look", number))


def write_video(path: str | Path, frames: Tensor, *, fps: int = 25) -> None:
    """Encode uint8 [T, H, W, 3] as H.264 in an mp4; H and W even."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=_ENCODING)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1  # a clip is one job; threads would cost more than they save
        for frame in frames.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _check(arguments: dict[str, int]) -> None:
    motions, size = arguments["motions"], arguments["size"]
    if not 2 <= motions <= len(MOTIONS):
        raise UsageError(f"motions is {motions}; give 2 to {len(MOTIONS)}")
    for name in ("train", "test"):
        if arguments[name] < motions or arguments[name] % motions:
            raise UsageError(f"{name} is {arguments[name]}; give a multiple of the {motions} motions, for balance")
    for name in ("train_looks", "test_looks", "fps"):
        if arguments[name] < 1:
            raise UsageError(f"{name} is {arguments[name]}; give 1 or more")
    if arguments["frames"] < 2:
        raise UsageError(f"frames is {arguments['frames']}; give 2 or more, or nothing moves")
    if size < 16 or size % 2:
        raise UsageError(f"size is {size}; give an even number of pixels, 16 or more")


def _is_made(folder: Path, arguments: dict[str, int]) -> bool:
    """Whether the folder already holds this very data set; an error if it holds anything else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    record = folder / "synthetic.json"
    if not record.is_file():
        raise UsageError(f"{folder} exists and holds no synthetic videos; choose another folder")
    try:
        found = read_object(record)
        with (folder / "meta.csv").open(newline="") as lines:
            paths = [row["path"] for row in csv.DictReader(lines)]
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{folder} is damaged ({error!r}); remove it to make it anew") from error
    differing = [
        f"{name} {found.get(name)}, not {value}" for name, value in arguments.items() if found.get(name) != value
    ]
    if differing:
        raise UsageError(f"{folder} was made with {'; '.join(differing)}; choose another folder or remove it")
    missing = sum(not (folder / path).is_file() for path in paths)
    if missing:
        raise UsageError(f"{folder} lacks {missing} of its videos; remove it to make it anew")
    return True


def _write_clips(
    root: Path, plans: list[Plan], arguments: dict[str, int], workers: int, progress: Callable[[int, int], None] | None
) -> None:
    looks = {number: look(number, seed=arguments["seed"]) for number in {each.look for each in plans}}

    def write(each: Plan) -> None:
        frames = render(
            each.motion, looks[each.look], each.nuisance, frames=arguments["frames"], size=arguments["size"]
        )
        write_video(root / each.path, frames, fps=arguments["fps"])

    pool = ThreadPoolExecutor(max_workers=max(workers, 1))  # rendering and encoding both release the GIL
    try:
        for done, _ in enumerate(pool.map(write, plans), start=1):
            if progress is not None:
                progress(done, len(plans))
    finally:
        pool.shutdown(cancel_futures=True)


def _write_lists(root: Path, plans: list[Plan], classes: tuple[str, ...]) -> None:
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    for split in ("train", "test"):
        rows = [{"path": each.path, "label": each.label} for each in plans if each.split == split]
        _write_csv(root / f"{split}.csv", rows)
    _write_csv(root / "meta.csv", [_factors(each) for each in plans])


def _factors(each: Plan) -> dict[str, object]:
    """A row of meta.csv."""
    row: dict[str, object] = {name: value for name, value in vars(each).items() if name != "nuisance"}
    return row | asdict(each.nuisance)


def _write_csv(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
