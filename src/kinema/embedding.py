"""`kinema embed` as a function: a vector for each video, or for each window of it, in Parquet files.

    out/
      model.json             what made the vectors: run, weights, view, clip, windows
      part-00000.parquet     the first `PART` videos of the list, then the next ...

A part depends on its videos and on the model alone once they are done; until then it holds those that are, of which it
is written anew from time to time. A file is there whole or not at all. A video whose vectors are there already is not
read again, whatever comes before it or cannot be read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from kinema import __version__
from kinema.atomic import write_bytes
from kinema.data import sources
from kinema.data.decode import check_decoder
from kinema.data.files import is_video
from kinema.data.skip import absolute, read_skip
from kinema.data.spread import Spread
from kinema.data.video import Video
from kinema.data.windows import Windows
from kinema.embedded import HALF, digest, embedded, finished, mark, part_path, remove_parts, require_listed
from kinema.embedded_parts import part_bytes, parts_of
from kinema.errors import DataError, UsageError
from kinema.evaluate.settings import Evaluation
from kinema.feature_store import network_key
from kinema.json_file import read_object
from kinema.loading import FLOW_VIEWS, VideoEncoder, View, load
from kinema.machine import pick_device, pick_workers
from kinema.precision import mixed
from kinema.short_windows import Short, refuse_short
from kinema.vectors import Found, Numbered, embed_here, embed_spread

Precision = Literal["32-true", "bf16-mixed"]
PART = 256
"""Videos in a part."""
SAVE_SECONDS = 30
"""After which what is done of a part is kept; the most of reading that is lost if the program ends, besides videos that
were begun."""


def embed(
    run: str | Path,
    videos: str | Path | Sequence[str],
    out: str | Path,
    *,
    windows: Windows | None = None,
    view: View | None = None,
    skip: str | Path | None = None,
    allow_short: bool = False,
    precision: Precision = "32-true",
    device: str = "auto",
    workers: int | None = None,
    spread: Spread | None = None,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Embed videos with a run's encoder; returns the folder `out`.

    Args:
        run: a run's folder, or one of its checkpoints.
        videos: a video, a list, a folder or a known data set (all of its parts), or paths.
        out: a folder; one that holds vectors of the same model goes on. Vectors of files that are gone are dropped.
        windows: how videos are cut; whole by default.
        view: what the network is shown, as for `kinema.load`.
        skip: a file of videos to leave out, as `kinema data check --bad` writes it.
        allow_short: take windows that are shorter than a clip of the network, which then repeats their first frame.
        precision: what the network computes in; search compares vectors in bf16 with queries in float32.
        device: where this process computes.
        workers: processes that read video; `None` means one a core, up to 8.
        spread: who reads and computes in the place of this machine, such as `kinema.data.on_ray.OnRay`; on CPUs.
        progress: called with (videos done, videos in all).
        say: called with lines that a person may want to read.

    Raises:
        UsageError: something given cannot be used, windows are shorter than a clip, or `out` holds vectors of another
            model, or of other videos.
        DataError: some videos could not be read; the others are embedded.
    """
    check_decoder()
    windows, folder, say = windows or Windows(), Path(out), say or (lambda line: None)
    found, classes = videos_of(videos)
    left_out = read_skip(skip) if skip is not None else frozenset()
    listed = [video for video in found if absolute(video.path) not in left_out]
    if len(listed) < len(found):
        say(f"{len(found) - len(listed)} of {len(found)} videos left out, as {skip} says")
    if not listed:
        raise UsageError("no videos to embed: give a video, a folder, a list, or paths on standard input")
    if spread is not None and device not in ("auto", "cpu"):
        raise UsageError(
            f"--device {device} is for this machine, and with --ray the nodes compute, on CPUs: leave it out"
        )
    if spread is not None and precision != "32-true":
        raise UsageError(f"--precision {precision} is for this machine, and --ray for others: leave one of them out")
    place = pick_device("cpu" if spread is not None else device)
    autocast = mixed(precision, place, "--precision")
    encoder = load(run, view=view).to(place).eval()
    if encoder.view in FLOW_VIEWS:
        raise UsageError(f"{run} is shown flow, which a video does not have: give another --view, or another run")
    if not allow_short:
        refuse_short(windows, encoder.clip, listed)
    card = begin(folder, encoder, run, windows, precision)
    held, marks = embedded(folder), [mark(video) for video in listed]
    if gone := require_listed(folder, held, marks, listed, left_out):
        say(f"{len(gone)} of the videos embedded before are gone, the first: {gone[0]}: their vectors are dropped")
    parts = [range(start, min(start + PART, len(listed))) for start in range(0, len(listed), PART)]
    digests = [digest(listed[part.start : part.stop], marks[part.start :], classes) for part in parts]
    todo = {n: part for n, part in enumerate(parts) if not finished(folder, n, digests[n])}
    kept = held.read(marks[i] for part in todo.values() for i in part)
    numbered = [Numbered(i, listed[i]) for part in todo.values() for i in part if marks[i] not in kept]
    if len(numbered) < len(listed):
        say(f"{len(listed) - len(numbered)} of {len(listed)} videos are embedded already")
    if spread is not None:
        pieces = embed_spread(spread, str(run), view, numbered, windows)
    else:
        pieces = embed_here(encoder, numbered, windows, pick_workers(workers), autocast=autocast)
    short = Short()
    pieces = short.counted(pieces)
    if progress:
        pieces = counted(pieces, progress, len(listed) - len(numbered), len(listed))
    failed: list[str] = []
    before = {i: kept[each] for i, each in enumerate(marks) if each in kept}
    for number, rows, whole in parts_of(pieces, todo, before, SAVE_SECONDS):
        told = {
            "videos": digests[number] if whole else HALF,
            "marks": json.dumps({listed[i].path: marks[i] for i in rows.done(todo[number])}),
            "failed": str(len(rows.failed)),
            "model": card,
        }
        write_bytes(part_path(folder, number), part_bytes(listed, todo[number], rows, classes, encoder.length, told))
        if whole:
            for problem in rows.failed.values():
                say(problem)
            failed += rows.failed.values()
    remove_parts(folder, len(parts))
    if line := short.told(windows, encoder.clip):
        say(line)
    if failed:
        raise DataError(
            f"{len(failed)} of {len(listed)} videos cannot be embedded, the first: {failed[0]}; the others are in "
            f"{folder} (--skip FILE leaves out what `kinema data check --bad FILE` finds)"
        )
    return folder


def videos_of(given: str | Path | Sequence[str]) -> tuple[list[Video], tuple[str, ...]]:
    """The videos asked for, each once, and the names of their classes if they have any."""
    if not isinstance(given, str | Path):
        return [Video(path) for path in dict.fromkeys(given)], ()
    if Path(given).is_file() and is_video(Path(given).name):
        return [Video(str(given))], ()
    source = sources.read_source(given)
    found = [*source.train.videos, *(source.test.videos if source.test else ())]
    return list({video.path: video for video in found}.values()), source.train.classes


def begin(folder: Path, encoder: VideoEncoder, run: str | Path, windows: Windows, precision: Precision) -> str:
    """Write or compare `model.json`; returns its hash.

    Raises:
        UsageError: the folder holds vectors of another model, or other things.
    """
    made = {
        "kinema": __version__,
        "run": str(run),
        "view": encoder.view,
        "clip": asdict(encoder.clip),
        "windows": asdict(windows),
        "length": encoder.length,
        "precision": precision,
        "weights": network_key(encoder, Evaluation()),
    }
    usual = {"precision": "32-true"}  # of which folders of earlier versions say nothing
    told = {name: value for name, value in made.items() if name not in ("kinema", "run") and usual.get(name) != value}
    card = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / "model.json"
    if path.exists():
        try:
            before = read_object(path)
        except (OSError, ValueError) as problem:
            raise UsageError(f"{path} is damaged ({problem}): use another --out") from problem
        if before.get("hash") != card:
            before, now = usual | before, usual | told
            differs = next((name for name in now if before.get(name) != now[name]), "hash")
            raise UsageError(
                f"{folder} holds vectors of another model ({differs}: {before.get(differs)}, now {now.get(differs)}): "
                "use another --out"
            )
        return card
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty and holds no vectors" if folder.is_dir() else "is a file"
        raise UsageError(f"{folder} {what}: use another --out")
    write_bytes(path, (json.dumps(made | {"hash": card}, indent=2) + "\n").encode())
    return card


def counted(pieces: Iterable[Found], progress: Callable[[int, int], None], done: int, total: int) -> Iterator[Found]:
    """The same pieces; `progress` is told of each video when it is done, `done` of `total` being so before."""
    for piece in pieces:
        yield piece
        done += piece.last
        if piece.last:
            progress(done, total)
