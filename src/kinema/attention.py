"""`kinema attention` as a function: where networks look in a few videos, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from kinema.against import require_same_clip, run_names
from kinema.atomic import write_bytes
from kinema.data.decode import open_video
from kinema.data.store import refuse_absent
from kinema.data.video import Video
from kinema.errors import UsageError
from kinema.loading import VideoEncoder, load, random_init
from kinema.machine import pick_device
from kinema.own_data import relative_paths, reopen
from kinema.reporting import middle_clip
from kinema.run import Run
from kinema.settings import Clip
from kinema.task import Progress
from kinema.visualise.animation import gif_bytes, mp4_bytes
from kinema.visualise.attention import attention_maps, cells, require_map
from kinema.visualise.attention_figure import attention_film, attention_png
from kinema.visualise.choice import spread_over_classes

PAPER_FRAMES = (1, 4, 8, 12)
"""The frames of MCN's Figure 5, counted from 1."""
SHOWN = 4
"""Test videos that are drawn if none are named."""
UNKNOWN_FPS = 10.0
"""Frames a second of a moving picture whose video says none (a folder of images)."""


def attention(
    run: str | Path,
    videos: Sequence[str | Path] = (),
    *,
    against: Sequence[str | Path] = (),
    frames: Sequence[int] | None = None,
    view: Literal["rgb", "residual"] = "rgb",
    gif: bool = False,
    mp4: bool = False,
    out: str | Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> list[Path]:
    """Draw the attention of a run on the middle clip of each video, and return the files.

    A PNG a video has a row for the input, each network in `against` (random init if there is none) and the run.

    Args:
        run: the run's folder.
        videos: files or folders of frames; if none, `SHOWN` of the run's own test videos, by `spread_over_classes`.
        against: folders of other runs with the same clip.
        frames: frames of the clip to show, counted from 1; `PAPER_FRAMES`, as far as the clip has them, if not given.
        view: what the networks are shown.
        gif: also write a GIF of all frames, networks side by side, at the video's own speed.
        mp4: the same as MP4.
        out: the folder to write to; `attention` in the run's folder if not given. Earlier pictures of the same videos
            are replaced.
        device: auto, cpu, cuda or cuda:N.
        progress: called with what is done, how many videos are done, and how many there are.

    Raises:
        UsageError: there is no such run, checkpoint, video or frame, a network has no spatial map, or the runs' clips
            differ.
        DataError: a video cannot be read.
    """
    for path in videos:
        refuse_absent(path)
    opened = Run(Path(run))
    clip = opened.recipe.clip
    chosen = frames_to_show(frames, clip)
    encoders = _encoders(opened, [Run(Path(path)) for path in against], view)
    for encoder in encoders.values():
        require_map(encoder.to(pick_device(device)), clip)
    listed = [Video(str(path)) for path in videos] or _test_videos(opened)
    grids = dict.fromkeys(" x ".join(map(str, cells(encoder, clip))) for encoder in encoders.values())
    note = f"last map: {', '.join(grids)} cells (time x height x width); shown the {view} clip"
    folder = Path(out) if out is not None else opened.folder / "attention"
    read, written = middle_clip(clip), []
    for done, (video, name) in enumerate(zip(listed, _names(listed), strict=True), 1):
        pixels = read(video.path)
        maps = {who: attention_maps(encoder, pixels[None])[0] for who, encoder in encoders.items()}
        files = {".png": attention_png(pixels, maps, chosen, title=name, note=note)}
        if gif or mp4:
            film, fps = attention_film(pixels, maps, title=name, note=note), _fps(video, clip)
            files |= {".gif": gif_bytes(film, fps=fps)} if gif else {}
            files |= {".mp4": mp4_bytes(film, fps=fps)} if mp4 else {}
        for ending, content in files.items():
            written.append(folder / (name.replace("/", "_") + ending))
            write_bytes(written[-1], content)
        if progress is not None:
            progress("videos drawn", done, len(listed))
    return written


def frames_to_show(frames: Sequence[int] | None, clip: Clip) -> tuple[int, ...]:
    """The frames asked for, or those of the paper that a clip has; UsageError for one that it has not."""
    if frames is None:
        return tuple(number for number in PAPER_FRAMES if number <= clip.frames)
    for number in frames:
        if not 1 <= number <= clip.frames:
            raise UsageError(f"--frames {number}: the run's clips have frames 1 to {clip.frames}")
    if not frames:
        raise UsageError("--frames is empty: give the numbers of frames, counted from 1")
    return tuple(frames)


def _encoders(run: Run, others: Sequence[Run], view: Literal["rgb", "residual"]) -> dict[str, VideoEncoder]:
    """By name, the run last."""
    for other in others:
        require_same_clip(run.folder, run.recipe.clip, other.folder, other.recipe.clip)
    names = run_names([each.folder for each in (*others, run)])
    found = {name: load(each.folder, view=view) for name, each in zip(names, (*others, run), strict=True)}
    return found if others else {"random init": random_init(run.recipe, view=view), **found}


def _test_videos(run: Run) -> list[Video]:
    """A few of the run's own test videos, chosen without a look at any result."""
    instead = "name videos after the run"
    source = reopen(run, instead)
    if source.test is None:
        raise UsageError(f"{source.name} has no test videos to choose from: {instead}")
    labels = torch.tensor([video.label for video in source.test.videos])
    return [source.test.videos[row] for row in spread_over_classes(labels, SHOWN)]


def _names(videos: Sequence[Video]) -> list[str]:
    """`folder/file` of each video, with its ending or more folders where that does not tell them apart."""
    paths = [Path(video.path).resolve() for video in videos]
    choices = (
        [f"{path.parent.name}/{path.stem}" for path in paths],
        [f"{path.parent.name}/{path.name}" for path in paths],
    )
    return next((names for names in choices if len(set(names)) == len(set(paths))), relative_paths(videos))


def _fps(video: Video, clip: Clip) -> float:
    """Frames of the clip in a second of the video."""
    with open_video(video.path) as reader:
        return (reader.fps or UNKNOWN_FPS) / clip.stride
