"""`kinema data flow` as a function: from a data set to a folder of its optical flow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kinema.atomic import clear_unfinished
from kinema.data import sources
from kinema.data.decode import check_decoder, open_video
from kinema.data.fitting import fit
from kinema.data.flow import ALGORITHM, grey, tvl1
from kinema.data.flow_folder import (
    MANIFEST,
    FlowFolder,
    Making,
    archive_path,
    open_folder,
    write_archive,
    write_manifest,
)
from kinema.data.skip import read_skip
from kinema.data.spread import Processes, Spread
from kinema.data.store import source_bytes
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.machine import cores, pick_device
from kinema.own_data import relative_paths
from kinema.ranges import at_least, positive

DECODED = 256_000_000
"""Bytes of decoded frames that are held at once; the grey frames made of them are far smaller."""
PIXELS = {"cpu": 2**16, "cuda": 2**22}
"""Pixels of the frames whose flow is computed at once: as many as a core's cache holds, or as keep a GPU busy."""


def make_flow(
    data: str | Path,
    *,
    out: str | Path,
    split: int = 1,
    skip: str | Path | None = None,
    short_side: int = 128,
    bound: float = 20.0,
    workers: int | None = None,
    spread: Spread | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> FlowFolder:
    """Compute the TV-L1 flow of every video of `data`, both sides, into the folder `out`.

    Called again it goes on with the videos that have none yet, or have changed; videos of another list may be added.

    Args:
        data: a list, a folder of videos, or a known data set's folder.
        out: the folder; made if it is not there.
        split: for data sets that come in several.
        skip: a text file of paths to leave out, as `kinema data check` writes it.
        short_side: shorter side, in pixels, of the frames that the flow is taken from.
        bound: flow beyond this many pixels is clipped.
        workers: processes; `None` means one a core.
        spread: who reads and computes in the place of processes here, such as `kinema.data.on_ray.OnRay`; on CPUs.
        device: where the flow is computed; on a CPU, in the processes that read.
        progress: called with the number of videos done and the number of those to do.
        say: called with lines that a person may want to read.

    Raises:
        UsageError: something given cannot be used, or `out` holds something else.
        DataError: some videos could not be read; the others have their flow.
    """
    at_least("short-side", short_side, 16)
    positive("bound", bound)
    at_least("workers", workers or 0, 0)
    check_decoder()
    say = say or (lambda line: None)
    if spread is not None and device not in ("auto", "cpu"):
        raise UsageError(
            f"--device {device} is on this machine, and Ray's nodes compute on their CPUs: drop one of them"
        )
    chosen = pick_device("cpu" if spread is not None else device)
    source = sources.read_source(data, split=split, skip=read_skip(skip) if skip is not None else frozenset())
    videos = list({video.path: video for side in source.sides().values() for video in side.videos}.values())
    flow = begin(Path(out), Making(dict(ALGORITHM), short_side, bound), videos)
    jobs = [Job(video, path) for video in videos if not (path := flow.file(video)).is_file()]
    if len(jobs) < len(videos):
        say(f"{len(videos) - len(jobs)} of {len(videos)} videos have their flow already")
    failed = []
    spread = spread or Processes(cores() if workers is None else workers)
    for number, result in enumerate(spread(Maker(flow.making, computes=chosen.type == "cpu"), jobs)):
        if isinstance(result, Tensor):
            compute(result, jobs[number].target, flow.making, chosen)
        elif result:
            say(result)
            failed.append(result)
        if progress:
            progress(number + 1, len(jobs))
    if failed:
        raise DataError(
            f"{len(failed)} of {len(videos)} videos have no flow, the first: {failed[0]}: "
            f"`kinema data check {data} --bad FILE` lists for --skip what cannot be read; add other paths to FILE"
        )
    require_all(jobs)
    clear_unfinished(flow.folder)
    return flow


def begin(folder: Path, making: Making, videos: Sequence[Video]) -> FlowFolder:
    """The folder with a manifest that names the videos; flow of videos that have changed since is gone.

    Raises:
        UsageError: it holds something else, flow made in another way, or flow of other videos only.
    """
    sizes = {name: source_bytes(video.path) for name, video in zip(relative_paths(videos), videos, strict=True)}
    before: dict[str, int] = {}
    if (folder / MANIFEST).exists():
        old = open_folder(folder)
        if old.making != making:
            raise UsageError(
                f"{folder} holds flow made otherwise ({difference(old.making, making)}): use another --out"
            )
        if not set(old.sizes) & set(sizes):
            raise UsageError(f"{folder} holds flow of other videos, as of {next(iter(old.sizes))}: use another --out")
        before = old.sizes
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there and holds no flow: use another --out")
    flow = FlowFolder(folder, making, before | sizes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, size in sizes.items():
            if before.get(name, size) != size:
                archive_path(folder, name).unlink(missing_ok=True)
        write_manifest(flow)
        clear_unfinished(folder)
    except OSError as problem:
        raise UsageError(f"cannot write to {folder} ({problem.strerror}): use another --out") from problem
    return flow


def difference(old: Making, new: Making) -> str:
    """The first thing in which two ways of making flow differ."""
    if old.short_side != new.short_side:
        return f"--short-side {old.short_side}, not {new.short_side}"
    if old.bound != new.bound:
        return f"--bound {old.bound:g}, not {new.bound:g}"
    return "by other parameters of TV-L1"


@dataclass(frozen=True)
class Job:
    """A video, and where its flow goes."""

    video: Video
    target: Path

    def __str__(self) -> str:
        return self.video.path


def require_all(jobs: Sequence[Job]) -> None:
    """Raise UsageError unless what other machines say they have written is there."""
    missing = [job.target for job in jobs if not job.target.is_file()]
    if missing:
        raise UsageError(
            f"flow of {len(missing)} videos was written and is not here, the first: {missing[0]}: put --out on storage "
            "that every node has under the same path; if it is, the same command goes on"
        )


@dataclass(frozen=True)
class Maker:
    """The work on a video: all of it, or no more than reading, where a GPU computes.

    It gives the grey frames, or "" where the flow has been written, or what is wrong with the video.
    """

    making: Making
    computes: bool

    def __call__(self, job: Job) -> Tensor | str:
        """Work on a video."""
        try:
            frames = grey_frames(job.video, self.making.short_side)
        except DataError as problem:
            return str(problem)
        if not self.computes:
            return frames
        compute(frames, job.target, self.making, torch.device("cpu"))
        return ""


def grey_frames(video: Video, short_side: int) -> Tensor:
    """uint8 [L, H, W]: all frames of a video, in grey, at the size that the flow is taken from.

    Raises:
        DataError: it cannot be read, or has only one frame.
    """
    with open_video(video.path) as reader:
        if reader.num_frames < 2:
            raise DataError(f"{video.path}: a video of one frame has no flow")
        chunk = max(1, DECODED // (3 * reader.height * reader.width))
        starts = range(0, reader.num_frames, chunk)
        parts = [reader.at(range(start, min(start + chunk, reader.num_frames))) for start in starts]
        return torch.cat([grey(fit(part, short_side)) for part in parts])


def compute(frames: Tensor, target: Path, making: Making, device: torch.device) -> None:
    """Write the flow of grey frames uint8 [L, H, W]."""
    pairs = max(1, PIXELS[device.type] // frames[0].numel())
    moved = frames.to(device)
    fields = []
    for start in range(0, len(frames) - 1, pairs):
        part = moved[start : start + pairs + 1]
        fields.append(making.to_bytes(tvl1(part[:-1], part[1:])).cpu())
    write_archive(target, torch.cat(fields))
