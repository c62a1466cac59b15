"""Checkpoints that cannot hurt: written beside the last one and renamed over it, and read without running code."""

from __future__ import annotations

import json
import lzma
import pickle
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import torch
from torch import Tensor

from kinema.atomic import replacing
from kinema.errors import KinemaError, UsageError

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


def load(path: Path) -> Checkpoint:
    """Read a checkpoint that `save` wrote.

    Raises:
        UsageError: there is none, or it is damaged, or not kinema's.
    """
    if not path.is_file():
        raise UsageError(f"no checkpoint at {path}: give the folder of a run, or one of its checkpoints")
    try:
        check_sums(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as problem:
        raise UsageError(
            f"{path} is not a readable checkpoint ({first_line(problem)}): it is damaged or another program's"
        ) from problem
    if not isinstance(content, dict) or content.get("kinema_format") != FORMAT:
        raise UsageError(f"{path} is not a kinema checkpoint of format {FORMAT}: give one that `kinema pretrain` wrote")
    lost = [name for name in ("recipe", "data", "step", "method", "optimizer", "means") if name not in content]
    if lost:
        raise UsageError(f"{path} is not a whole checkpoint, it has no '{lost[0]}': it is damaged")
    return Checkpoint(
        recipe=json.loads(content["recipe"]),
        data=json.loads(content["data"]),
        step=content["step"],
        method=content["method"],
        optimizer=content["optimizer"],
        means=content["means"],
        retreats=content.get("retreats", 0),
    )


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


def check_sums(path: Path) -> None:
    """Compare every part of the file with the checksum written beside it, which `torch.load` does not look at.

    Raises:
        BadZipFile: one differs, or the file is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} differs from its checksum")


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
