"""`kinema export` as a function: a run's backbone as a folder that others can use (see `kinema.exported`)."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from kinema.atomic import write_bytes
from kinema.errors import UsageError, nearest
from kinema.exported import config, folder
from kinema.exported.card import UNKNOWN, card
from kinema.exported.formats import FORMATS
from kinema.exported.origin import Origin, origin_of
from kinema.loading import VideoEncoder, View, allowed, built, of_checkpoint, opened
from kinema.run_folder import set_aside
from kinema.trained import Trained


def export(
    run: str | Path,
    out: str | Path,
    *,
    formats: Sequence[str] = (),
    view: View | None = None,
    license: str = UNKNOWN,
    overwrite: bool = False,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Export the backbone of a run as safetensors with config.json and a model card; returns the folder `out`.

    Args:
        run: a run's folder, or one of its checkpoints.
        out: the folder to make; it gets its name when all is in it.
        formats: graphs to add, "onnx" and "torch"; each is kept where it agrees with PyTorch.
        view: what the network is shown; RGB if not given.
        license: of the weights, as the Hub abbreviates it: "apache-2.0", "cc-by-nc-4.0", "other".
        overwrite: set aside an exported folder in `out`.
        say: called with lines that a person may want to read.

    Raises:
        UsageError: something given cannot be exported, or `out` is taken.
        KinemaError: a graph does not compute what PyTorch does; nothing is written then.
    """
    source, target, say = Path(run), Path(out), say or (lambda line: None)
    check(source, target, formats, license, overwrite=overwrite)
    saved = opened(source)
    found, origin = of_checkpoint(saved, str(run)), origin_of(saved, source)
    shown = allowed(found.name, found.pixels, view) or found.view
    if shown not in config.VIEWS:
        raise UsageError(f"{run} is shown {shown}, which a video does not have: kinema exports networks that see video")
    encoder = built(found.backbone(), found.clip, found.pixels, shown, found.statistics).eval()
    files = contents(found, encoder, origin, shown, formats, license, say)
    place(files, target, overwrite=overwrite)
    return target


def check(source: Path, out: Path, wanted: Sequence[str], license: str, *, overwrite: bool) -> None:
    """Refuse what cannot be done before anything is."""
    for each in wanted:
        if each not in FORMATS:
            raise UsageError(f"unknown format '{each}': {nearest(each, list(FORMATS))}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", license):
        raise UsageError(
            f"license '{license}' is not as the Hub abbreviates it: give apache-2.0, cc-by-4.0 or the like"
        )
    if folder.is_exported(source):
        raise UsageError(f"{source} is an exported folder: give the run that it was exported from")
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() and not overwrite:
        what = "is not empty" if out.is_dir() else "is a file"
        raise UsageError(f"{out} {what}: use --overwrite to replace an exported folder, or another --out")
    if out.exists() and not folder.is_exported(out):
        raise UsageError(f"{out} is no exported folder, so --overwrite leaves it alone: use another --out")


def contents(
    found: Trained,
    encoder: VideoEncoder,
    origin: Origin,
    view: str,
    wanted: Sequence[str],
    license: str,
    say: Callable[[str], None],
) -> dict[str, bytes]:
    """The folder's files by their names."""
    weights = folder.weight_files(found)
    digests = {name: folder.digest(content) for name, content in weights.items()}
    said = config.described(found, encoder.backbone.feature_dim, view, digests)
    made = []
    for each in dict.fromkeys(wanted):
        graph = FORMATS[each](encoder, said)
        say(f"{graph.name}: {graph.agreement}")
        made.append(graph)
    parameters = sum(each.numel() for each in encoder.backbone.parameters())
    page = card(said, parameters, origin, license, made)
    return {
        **weights,
        **{graph.name: graph.content for graph in made},
        "README.md": page.encode(),
        config.NAME: (json.dumps(said, indent=2) + "\n").encode(),
    }


def place(files: dict[str, bytes], out: Path, *, overwrite: bool) -> None:
    """Write the files into a folder beside `out`, and give it that name.

    Raises:
        UsageError: there is no place for them; what was there is untouched.
    """
    half = out.resolve().with_name(f".{out.resolve().name}.{secrets.token_hex(6)}.half")
    try:
        for name, content in files.items():
            write_bytes(half / name, content)
        if overwrite and folder.is_exported(out):
            set_aside(out)
        half.replace(out.resolve())
    except OSError as problem:
        raise UsageError(f"cannot write to {out} ({problem.strerror}): use another --out") from problem
    finally:
        shutil.rmtree(half, ignore_errors=True)
