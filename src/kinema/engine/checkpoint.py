"""Checkpoints that cannot hurt: written beside the last one and renamed over it, and read without running code."""

from __future__ import annotations

import json
import lzma
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import torch
from torch import Tensor

from kinema.archive import check_saved
from kinema.atomic import replacing
from kinema.errors import KinemaError, UsageError
from kinema.json_file import parsed

FORMAT = 1
LAST, PREVIOUS = "last.pt", "previous.pt"
"""The latest checkpoint of a run, and the one before it, kept for the day that the latest is found damaged."""
UNREADABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, pickle.UnpicklingError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError),
)
"""What torch raises at a file that it cannot read; it does as a damaged pickle says before it looks whether it can."""


@dataclass(frozen=True)
class Checkpoint:
    """All that training needs to go on exactly where it stopped."""

    recipe: dict[str, Any]
    """The resolved recipe, as in `recipe.json`."""
    data: dict[str, Any]
    """What it was trained on: the list's name, number of videos and digest."""
    step: int
    """Optimiser steps taken."""
    method: dict[str, Tensor]
    """The method's state dict: weights, running statistics, banks."""
    optimizer: dict[str, Any]
    means: dict[str, tuple[float, int]]
    """Sum and count of each figure of the epoch in progress, so that its logged means are whole."""
    retreats: int = 0
    """How often the run has gone back from a loss that was no number; each time halved the learning rate."""


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write to a temporary file in the same folder, flush it to the disk, rename; `last.pt` stays as `previous.pt`.

    Raises:
        KinemaError: the disk is full or not writable; the file that was there is untouched.
    """
    content = {
        "kinema_format": FORMAT,
        "recipe": json.dumps(checkpoint.recipe),
        "data": json.dumps(checkpoint.data),
        "step": checkpoint.step,
        "method": checkpoint.method,
        "optimizer": checkpoint.optimizer,
        "means": checkpoint.means,
        "retreats": checkpoint.retreats,
    }
    try:
        with replacing(path, kept=path.with_name(PREVIOUS) if path.name == LAST else None) as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as problem:  # torch reports a full disk as a RuntimeError of its zip writer
        cause = problem.__context__ if isinstance(problem.__context__, OSError) else problem
        kept = "the one before it is kept" if path.exists() else "there was none before it"
        raise KinemaError(
            f"checkpoint {path} could not be written ({first_line(cause)}); {kept}: free space and --resume"
        ) from problem


def is_object(text: object) -> bool:
    """Whether a value is the text of a JSON object."""
    try:
        return isinstance(text, str) and isinstance(parsed(text), dict)
    except ValueError:
        return False


def is_state(value: object) -> bool:
    """Whether a value is plain tensors by name."""
    return isinstance(value, dict) and all(isinstance(name, str) and plain(each) for name, each in value.items())


def plain(value: object) -> bool:
    """Whether a value is a tensor whose numbers are there, one beside the other."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_nested:
        return False
    return value.device.type == "cpu" and not value.is_quantized


def is_sums(value: object) -> bool:
    """Whether a value is a sum and a count by name."""
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(pair, tuple) and [type(each) for each in pair] == [float, int]
        for name, pair in value.items()
    )


TEXTS = ("recipe", "data")
PARTS: dict[str, Callable[[object], bool]] = {
    "recipe": is_object,
    "data": is_object,
    "step": lambda value: type(value) is int and 0 <= value < 2**63,
    "method": is_state,
    "optimizer": lambda value: isinstance(value, dict),
    "means": is_sums,
    "retreats": lambda value: type(value) is int and 0 <= value < 1000,
}
"""What a checkpoint file has besides its format, and what each of it looks like; the texts are JSON."""
LATER = {"retreats": 0}
"""What came to kinema after the first checkpoints were written."""


def load(path: Path) -> Checkpoint:
    """Read a checkpoint that `save` wrote.

    Raises:
        UsageError: there is none, or it is damaged, or not kinema's.
    """
    if not path.is_file():
        raise UsageError(f"no checkpoint at {path}: give the folder of a run, or one of its checkpoints")
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is wrong with it, we say one line
            check_saved(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as problem:
        raise UsageError(
            f"{path} is not a readable checkpoint ({first_line(problem)}): it is damaged or another program's"
        ) from problem
    if not isinstance(content, dict) or content.get("kinema_format") != FORMAT:
        raise UsageError(f"{path} is not a kinema checkpoint of format {FORMAT}: give one that `kinema pretrain` wrote")
    whole: dict[str, Any] = LATER | content
    wrong = next((name for name, fits in PARTS.items() if name not in whole or not fits(whole[name])), None)
    if wrong is not None:
        raise UsageError(f"{path} is not a whole checkpoint, its '{wrong}' is not what it should be: it is damaged")
    return Checkpoint(**{name: parsed(whole[name]) if name in TEXTS else whole[name] for name in PARTS})


def load_last(folder: Path) -> Checkpoint:
    """The latest checkpoint in a run's folder of them.

    Raises:
        UsageError: it is damaged or not there; names the one before it where that is whole, and what to type.
    """
    last, previous = folder / LAST, folder / PREVIOUS
    try:
        return load(last)
    except UsageError as problem:
        try:
            step = load(previous).step
        except UsageError:
            raise problem from None
        raise UsageError(
            f"{problem}; the one before it is whole, at step {step}: mv {quote(str(previous))} {quote(str(last))} and "
            "--resume goes on from there to the same end"
        ) from problem


def first_line(problem: BaseException) -> str:
    """What went wrong, in at most 120 characters; torch adds advice behind it and a stack of C++ calls below it."""
    line = str(problem).splitlines()[0].split(". ")[0][:120] if str(problem) else type(problem).__name__
    return "".join(character if character.isprintable() else "?" for character in line)


def load_state(module: torch.nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load every tensor, or none.

    Raises:
        UsageError: a tensor is missing, superfluous or of another shape; names the first and counts the rest.
    """
    own = module.state_dict()
    problems = [f"{name} is missing" for name in own if name not in state]
    problems += [f"{name} has no place" for name in state if name not in own]
    problems += [
        f"{name} is {list(state[name].shape)}, not {list(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    if problems:
        raise UsageError(
            f"{source} does not fit this network: {problems[0]} (and {len(problems) - 1} more of {len(own)} tensors); "
            "use the backbone, width and method it was trained with"
        )
    module.load_state_dict(state)


def kinds(group: dict[str, Any]) -> dict[str, Any]:
    """Of an optimiser's group its parameters' numbers, and of what kind each setting is; 0 and 0.0 are of one."""
    return {
        name: value if name == "params" else float if type(value) is int else type(value)
        for name, value in group.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any], source: str) -> None:
    """Load an optimiser's whole state, of the same parameters.

    Raises:
        UsageError: it is of another optimiser or of other parameters.
    """
    own = optimizer.state_dict()
    shapes = {
        number: parameter.shape
        for ours, group in zip(own["param_groups"], optimizer.param_groups, strict=True)
        for number, parameter in zip(ours["params"], group["params"], strict=True)
    }
    try:
        fits = [kinds(group) for group in state["param_groups"]] == [
            kinds(group) for group in own["param_groups"]
        ] and all(
            plain(value) and value.shape in ((), shapes[number])
            for number, kept in state["state"].items()
            for value in kept.values()
            if value is not None
        )
    except (AttributeError, LookupError, TypeError):
        fits = False
    if not fits:
        raise UsageError(f"{source} is of another optimiser, or of other weights: give the run's own --optim.name")
    optimizer.load_state_dict(state)
