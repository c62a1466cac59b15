"""`kinema convert` as a function: from another repository's checkpoint to a folder that is used as a run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from kinema import backbones
from kinema.conversion.coverage import COUNTER, Coverage, cover, idle, prefix_of
from kinema.conversion.families import find
from kinema.conversion.family import Family
from kinema.conversion.names import bare
from kinema.conversion.reading import Foreign, read
from kinema.engine import checkpoint
from kinema.engine.checkpoint import Checkpoint
from kinema.errors import UsageError
from kinema.run import Run, environment
from kinema.run_folder import make_room
from kinema.settings import Backbone, Clip, Converted

FLOATING = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
WHOLE = {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
FRESH_SEED = 0
"""Draws what is left out."""


class NotCovered(UsageError):  # noqa: N818 - named for what happened
    """A file and a backbone do not fit together; `coverage` has it tensor by tensor."""

    def __init__(self, message: str, coverage: Coverage) -> None:
        super().__init__(message)
        self.coverage = coverage


@dataclass(frozen=True)
class Conversion:
    """What was made, and of what."""

    run: Run
    coverage: Coverage
    changes: dict[str, str]
    """Tensors of the backbone that are not as they stand in the file, and how they were changed."""


def convert(
    file: str | Path,
    family: str,
    *,
    out: str | Path,
    backbone: str | None = None,
    leave: Sequence[str] = (),
    frames: int | None = None,
    stride: int | None = None,
    size: int | None = None,
    normalise: Literal["unit", "imagenet", "kinetics", "slowfast"] | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Take the backbone out of a checkpoint that another repository published.

    Args:
        file: the checkpoint.
        family: a key of `kinema.conversion.families.FAMILIES`.
        out: the folder to make; `kinema retrieve`, `kinema.load` and the others take it as they take a run.
        backbone: which network it is; found by the names and shapes in the file if not given.
        leave: patterns (`fnmatch`) of tensors that may be without a counterpart on the other side. Those of the
            backbone stay as a fresh network has them.
        frames, stride, size: the clip that evaluation shows it, where other than the repository's.
        normalise: how pixels are shown, where other than the repository's.
        overwrite: set aside what is in `out`.

    Raises:
        UsageError: the file cannot be read safely, is not of the family, or does not cover the backbone and nothing
            but the backbone; nothing has been written then.
    """
    known = find(family)
    backbone = None if backbone is None else backbones.resolve(backbone)
    path = Path(file)
    foreign = read(path, known.entries)
    coverage = choose(path, foreign, family, known, backbone, leave)
    clip = coverage.layout.clip or known.clip
    given = {"frames": frames, "stride": stride, "size": size}
    clip = replace(clip, **{name: value for name, value in given.items() if value is not None})
    left = tuple(name for name in coverage.left if not name.endswith(COUNTER))
    origin = Converted(
        family=family,
        repository=known.repository,
        file=path.name,
        sha256=foreign.sha256,
        left=left,
        normalise=normalise or known.normalise,
    )
    weights, changes = take(path, foreign, known, coverage)
    said = record(origin, foreign, coverage, changes)
    run = write(Path(out), origin, clip, weights, said, overwrite=overwrite)
    return Conversion(run, coverage, changes)


def choose(
    path: Path, foreign: Foreign, name: str, family: Family, backbone: str | None, leave: Sequence[str]
) -> Coverage:
    """The network that the file holds all of, and nothing else of.

    Raises:
        UsageError: there is none, or more than one.
    """
    plain = [bare(tensor) for tensor in foreign.tensors]
    for pattern, what in family.lacking.items():
        if any(fnmatchcase(each, pattern) for each in plain):
            raise UsageError(f"{path} holds {what}, a backbone that kinema does not have")
    if prefix_of(list(foreign.tensors), family) is None:
        wanted = " or ".join(f"{prefix}*" for prefix in family.prefixes)
        raise UsageError(
            f"{path} has no tensor named {wanted}, as files of {family.repository} have, but {plain[0]}: "
            "give --from of the repository that wrote it"
        )
    layouts = [each for each in family.layouts if backbone in (None, each.backbone)]
    if not layouts:
        ours = ", ".join(dict.fromkeys(each.backbone for each in family.layouts))
        raise UsageError(f"--backbone {backbone} is none of those that --from {name} converts: {ours}")
    covered = (cover(foreign.tensors, family, each, leave) for each in layouts)
    found = sorted(covered, key=lambda each: (each.problems, -each.weights))
    best = found[0]
    for pattern in idle(best, foreign.tensors, leave):
        raise UsageError(f"--leave {pattern} fits no tensor of {path} or of {best.layout.backbone}")
    if best.problems:
        raise NotCovered(f"{path} {best.lacks()}; {advice(best)}", best)
    if not best.weights:
        raise NotCovered(
            f"{path} has nothing of {best.layout.backbone}: give --from of the repository that wrote it", best
        )
    if len(found) > 1 and found[1].weights and not found[1].problems:
        both = f"{best.layout.backbone} and {found[1].layout.backbone}"
        raise UsageError(f"{path} could be {both}, with so much left out: give --backbone")
    return best


def advice(coverage: Coverage) -> str:
    """What a user can do about it."""
    if coverage.missing and all(name.split(".")[-1].startswith("running_") for name in coverage.missing):
        return "batch norm kept no statistics in training: --leave '*.running_*' makes a network to fine-tune, no other"
    return "name what to leave out by --leave PATTERN, or give --from of the repository that wrote it"


def take(path: Path, foreign: Foreign, family: Family, coverage: Coverage) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The backbone's tensors in their order, float32, and what was changed of which.

    Raises:
        UsageError: one of the file's holds NaN or infinity, or numbers of another kind.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(FRESH_SEED)
        fresh = backbones.build(coverage.layout.backbone).state_dict()
    weights, changes = {}, {}
    first = next(name for name, value in fresh.items() if value.ndim == 5)  # its inputs are the colours
    for name, value in fresh.items():
        if name in coverage.sources:
            value = as_numbers(path, coverage.sources[name], foreign.tensors[coverage.sources[name]], value.dtype)
        if name == first and name in coverage.sources and (family.bgr or family.scale != 1):
            value, changes[name] = as_for_rgb(value, bgr=family.bgr, scale=family.scale)
        weights[name] = value
    return weights, changes


def as_numbers(path: Path, name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor of the file as float32, or a counter as a whole number."""
    if value.dtype not in (FLOATING if dtype.is_floating_point else FLOATING | WHOLE):
        raise UsageError(
            f"{path}: {name} is of {value.dtype}, not of floating-point numbers: give the network as it was trained"
        )
    if not value.float().isfinite().all():
        raise UsageError(f"{path}: {name} holds NaN or infinity: the file is of no use")
    return value.to(dtype).contiguous()


def as_for_rgb(weight: Tensor, *, bgr: bool, scale: float) -> tuple[Tensor, str]:
    """A first convolution [O, 3, t, h, w] that does with RGB in [0, 1] what it did with its own input; and in words."""
    said = []
    if bgr:
        weight = weight.flip(1)
        said.append("input channels reversed, from BGR")
    if scale != 1:
        weight = weight * scale
        said.append(f"times {scale:g}, from pixels up to {scale:g}")
    return weight, "; ".join(said)


def write(
    folder: Path, origin: Converted, clip: Clip, weights: dict[str, Tensor], said: dict[str, Any], *, overwrite: bool
) -> Run:
    """A folder with a checkpoint, the record `said`, and of a recipe only what is known."""
    run = Run(folder)
    known: dict[str, Any] = {
        "recipe": origin.name,
        "method": asdict(origin),
        "clip": asdict(clip),
        "backbone": asdict(Backbone(said["backbone"])),
    }
    make_room(folder, overwrite=overwrite)
    try:
        run.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        run.results.mkdir(exist_ok=True)
        run.write("recipe.json", known)
        run.write("converted.json", said)
        run.write("environment.json", environment())
    except OSError as problem:
        raise UsageError(f"cannot write to {folder} ({problem.strerror}): use another --out") from problem
    named = {f"backbone.{name}": value for name, value in weights.items()}
    checkpoint.save(Checkpoint(recipe=known, data={}, step=0, method=named, optimizer={}, means={}), run.checkpoint)
    return run


def record(origin: Converted, foreign: Foreign, coverage: Coverage, changes: dict[str, str]) -> dict[str, Any]:
    """What `converted.json` says: the file, what stands in it beside tensors, and each tensor of either side."""
    tensors = [
        {"name": name, "shape": list(shape), "from": coverage.sources.get(name), "changed": changes.get(name)}
        for name, shape in coverage.shapes.items()
    ]
    unused = [
        {"name": name, "shape": list(foreign.tensors[name].shape), "why": why} for name, why in coverage.unused.items()
    ]
    says = {"file_says": foreign.facts, "backbone": coverage.layout.backbone}
    return asdict(origin) | says | {"tensors": tensors, "unused": unused}
