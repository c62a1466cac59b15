"""config.json: which network an exported folder holds, and what it is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from kinema import __version__, backbones
from kinema.encoder import SIDE_BY_SIDE
from kinema.errors import UsageError
from kinema.exported.preprocess import preprocess
from kinema.json_file import read_object
from kinema.settings import Clip, Pixels, from_dict
from kinema.trained import Trained

NAME = "config.json"
FORMAT = 1
WIDEST = 100
"""The largest width multiplier that is believed."""
WEIGHTS, STATISTICS = "model.safetensors", "second_view.safetensors"
View = Literal["rgb", "residual", "both"]
VIEWS = ("rgb", "residual", "both")
"""What an exported network can be made for: views that a video alone has."""
FIELDS: dict[str, type | tuple[type, ...]] = {
    "kinema_export": int,
    "kinema": str,
    "architecture": str,
    "width": (int, float),
    "feature_length": int,
    "view": str,
    "vector_length": int,
    "clip": dict,
    "pixels": dict,
    "files": dict,
    "preprocess": dict,
}
"""What config.json holds, and no more."""


def described(found: Trained, length: int, view: str, files: Mapping[str, str]) -> dict[str, Any]:
    """What config.json says of a network.

    Args:
        found: the network.
        length: of the backbone's feature.
        view: what the exported network is shown.
        files: SHA-256 of each file of weights, by its name.
    """
    return {
        "kinema_export": FORMAT,
        "kinema": __version__,
        "architecture": found.architecture,
        "width": found.width,
        "feature_length": length,
        "view": view,
        "vector_length": length * (2 if view in SIDE_BY_SIDE else 1),
        "clip": asdict(found.clip),
        "pixels": asdict(found.pixels),
        "files": dict(files),
        "preprocess": preprocess(found.clip, found.pixels, view),
    }


def read(folder: Path) -> dict[str, Any]:
    """config.json of an exported folder, with a `Clip` and `Pixels` in the place of their fields.

    Raises:
        UsageError: it is missing or damaged, of another version, or contradicts itself.
    """
    path = folder / NAME
    try:
        said = read_object(path)
    except (OSError, ValueError) as problem:
        raise UsageError(f"{path} cannot be read ({problem}): export the run again") from problem
    if "kinema_export" not in said:
        raise UsageError(
            f"{path} is of no network that kinema exported: give a folder that `kinema export` made, or a run"
        )
    if said["kinema_export"] != FORMAT:
        raise UsageError(
            f"{path} is of export format {said['kinema_export']}, and this kinema reads {FORMAT}: export again"
        )
    wrong = next((name for name, kind in FIELDS.items() if type(said.get(name)) not in kinds(kind)), None)
    wrong = wrong or next((name for name in said if name not in FIELDS), None)
    if wrong is not None:
        raise UsageError(f"{path}: '{wrong}' is not as kinema writes it: export the run again")
    try:
        backbones.resolve(said["architecture"])
        clip, pixels = from_dict(Clip, said["clip"]), from_dict(Pixels, said["pixels"])
    except UsageError as problem:
        raise UsageError(f"{path}: {problem}") from problem
    for name, value in (("clip", clip), ("pixels", pixels)):
        if set(said[name]) != set(asdict(value)):
            raise UsageError(f"{path}: '{name}' does not have all of {', '.join(asdict(value))}: export the run again")
    if not 0 < said["width"] <= WIDEST:
        raise UsageError(f"{path}: width is {str(said['width'])[:20]}, not above 0 and up to {WIDEST}: export again")
    if said["view"] not in VIEWS:
        raise UsageError(f"{path}: view '{said['view'][:60]}' is none of {', '.join(VIEWS)}: export the run again")
    read_as = said | {"clip": clip, "pixels": pixels}
    check_preprocess(path, said["preprocess"], read_as)
    return read_as


def kinds(kind: type | tuple[type, ...]) -> tuple[type, ...]:
    """One or several types as several."""
    return kind if isinstance(kind, tuple) else (kind,)


def check_preprocess(path: Path, said: dict[str, Any], read_as: dict[str, Any]) -> None:
    """Refuse a block `preprocess` that says otherwise than what kinema would show the network; its words may differ."""
    meant = json.loads(json.dumps(preprocess(read_as["clip"], read_as["pixels"], read_as["view"])))
    for name in dict.fromkeys([*meant, *said]):
        if name != "rules" and said.get(name) != meant.get(name):
            raise UsageError(
                f"{path}: preprocess.{name} is {said.get(name)}, and its clip and pixels make it {meant.get(name)}: "
                "change neither by hand, but export the run again"
            )
