"""The weights of an exported folder as bytes, and a folder read back, strictly."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kinema import backbones
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.exported import config
from kinema.meta import State, running_statistics
from kinema.trained import Trained


def safetensors() -> Any:
    """safetensors with its part for torch.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import safetensors
        import safetensors.torch
    except ImportError:
        raise UsageError("exported weights are kept in safetensors files: pip install 'kinema[export]'") from None
    return safetensors


def is_exported(folder: Path) -> bool:
    """Whether a folder is one that `kinema export` made, and not a run."""
    return (folder / config.NAME).is_file() and not (folder / "recipe.json").exists()


def weight_files(found: Trained) -> dict[str, bytes]:
    """The files of weights by their names.

    Raises:
        UsageError: a tensor holds NaN or infinity.
    """
    parts = {config.WEIGHTS: found.weights} | ({config.STATISTICS: found.statistics} if found.statistics else {})
    for state in parts.values():
        for name, value in state.items():
            if not torch.isfinite(value).all():
                raise UsageError(f"{found.source}: {name} holds NaN or infinity: export an earlier checkpoint")
    about = {"format": "pt", "architecture": found.architecture, "width": str(found.width)}
    return {
        name: safetensors().torch.save({key: value.contiguous().clone() for key, value in state.items()}, about)
        for name, state in parts.items()
    }


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def read(folder: Path) -> Trained:
    """The network in an exported folder.

    Raises:
        UsageError: something is missing, damaged, too much, or not what config.json says.
    """
    said = config.read(folder)
    with torch.device("meta"):  # a width that somebody made up takes no memory
        network = backbones.build(said["architecture"], said["width"])
    if network.feature_dim != said["feature_length"]:
        raise UsageError(
            f"{folder / config.NAME}: feature_length is {said['feature_length']}, and {said['architecture']} at width "
            f"{said['width']} has {network.feature_dim}: export the run again"
        )
    weights = tensors(folder / config.WEIGHTS, network.state_dict(), said["files"])
    statistics = None
    if config.STATISTICS in said["files"] or (folder / config.STATISTICS).exists():
        statistics = tensors(folder / config.STATISTICS, running_statistics(network), said["files"])
    return Trained(
        source=str(folder),
        name=str(folder),
        architecture=said["architecture"],
        width=said["width"],
        clip=said["clip"],
        pixels=said["pixels"],
        weights=weights,
        statistics=statistics,
        view=said["view"],
    )


def tensors(path: Path, wanted: State, digests: dict[str, Any]) -> State:
    """The tensors of a safetensors file, which are those wanted and no others, in the order wanted.

    Raises:
        UsageError: there is no such file, it is damaged, a tensor is missing, superfluous, or of another shape or kind,
            or the file is not the one that config.json was written with.
    """
    library = safetensors()
    try:
        content = path.read_bytes()
        found: State = library.torch.load(content)
    except FileNotFoundError:
        raise UsageError(f"{path.parent} has no {path.name}: export the run again, or fetch the whole folder") from None
    except (OSError, ValueError, library.SafetensorError) as problem:
        raise UsageError(
            f"{path} is no readable safetensors file ({checkpoint.first_line(problem)}): fetch or export it again"
        ) from problem
    if problems := misfits(found, wanted):
        raise UsageError(
            f"{path} does not fit {path.parent / config.NAME}: {problems[0]} (and {len(problems) - 1} more of "
            f"{len(wanted)} tensors): export the run again"
        )
    if digests.get(path.name) != digest(content):
        raise UsageError(
            f"{path} is not the file that {path.parent / config.NAME} was written with (SHA-256): fetch or export both"
        )
    return {name: found[name] for name in wanted}


def misfits(found: State, wanted: State) -> list[str]:
    """What of a file is not what the network needs, a few words each."""

    def kind(value: Tensor) -> str:
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"

    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} has no place" for name in found if name not in wanted]
    both = (name for name in wanted if name in found)
    return problems + [
        f"{name} is {kind(found[name])}, not {kind(wanted[name])}"
        for name in both
        if kind(found[name]) != kind(wanted[name])
    ]
