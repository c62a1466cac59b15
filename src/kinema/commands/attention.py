"""`kinema attention RUN VIDEO...` and `kinema motionshare RUN`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro
from rich.console import Console

from kinema.cli import parse
from kinema.commands.evaluate import Common, open_measured
from kinema.console import Bars, say


@dataclass(frozen=True)
class MotionShare(Common):
    """How much of a network's attention lies on the tenth of the pixels that change most, over all test videos.

    Attention is the mean squared activation of the last convolutional layer; a map that is the same everywhere has 10
    percent there. Beside it the figure of the network's mean map, which follows nothing.
    """

    against: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """Another run to measure beside; may be given several times."""


@dataclass(frozen=True)
class Attention:
    """Draw where networks look: frames of a video, and below them the attention of other runs and of RUN.

    Attention is the mean squared activation of the last convolutional layer, laid over the frames in colour. No label
    is used. Rows are named as the runs' folders are.
    """

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """The run's folder."""
    videos: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="[VIDEO ...]")] = ()
    """Videos, or folders of frames; without any, four of the run's own test videos, of classes evenly spaced over the
    class list."""
    against: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="RUN")] = ()
    """Another run to show above; may be given several times. Without any, random init is shown."""
    frames: tuple[int, ...] | None = None
    """Frames of the clip, counted from 1, after the videos: --frames 1 4 8. If not given, 1, 4, 8 and 12 as in the
    paper, as far as the clip has them."""
    view: Literal["rgb", "residual"] = "rgb"
    """What the networks are shown."""
    gif: bool = False
    """Also write a GIF of all frames, networks side by side."""
    mp4: bool = False
    """The same as MP4."""
    out: str | None = None
    """The folder to write to; attention in the run's folder if not given."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""


def main(verb: str, argv: list[str]) -> int:
    """Dispatch on the verb."""
    return {"attention": attention, "motionshare": motion_share}[verb](argv)


def attention(argv: list[str]) -> int:
    """Draw, and print the files."""
    flags = parse(Attention, argv, prog="kinema attention")

    from kinema.attention import attention as draw

    with Bars() as bars:
        asked = {name: value for name, value in vars(flags).items() if name not in ("run", "videos")}
        files = draw(flags.run, flags.videos, **asked, progress=bars.show)
    for file in files:
        print(file)
    return 0


def motion_share(argv: list[str]) -> int:
    """Measure, print the table, and say where the results are."""
    flags = parse(MotionShare, argv, prog="kinema motionshare")

    from kinema.motion_share import motion_share as measure

    with Bars() as bars:
        task = open_measured(flags, bars)
        found, most = measure(task, flags.against, baseline=flags.random_init)
    Console().print(found.table().rich())
    say(f"an even map has 10.0 percent; a map of as few cells as these can have {most:.1f} at most")
    say(f"written to {task.run.results}")
    return 0
