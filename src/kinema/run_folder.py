"""Whether a folder can take a run: it is empty, or what is in it was cut short at its beginning, or is set aside."""

from __future__ import annotations

from pathlib import Path

from kinema.errors import UsageError

FOLDERS = ("checkpoints", "results")
"""What a run makes first."""
BEGINNING = {"data.json", "environment.json", "data.json.partial", "environment.json.partial", "recipe.json.partial"}
"""What it writes then, before its `recipe.json`; from the moment that a folder has that, it is a run."""


def make_room(
    folder: Path, *, overwrite: bool, instead: str = "use --overwrite to replace it, or another --out"
) -> None:
    """See that a folder can be made; a run that is there is renamed if `overwrite`.

    Raises:
        UsageError: it holds something else, or may not be replaced; `instead` is what a user can do then.
    """
    if not folder.exists() or cut_short(folder):
        return
    if not overwrite:
        what = "is not empty" if folder.is_dir() else "is a file"
        raise UsageError(f"{folder} {what}: {instead}")
    if not (folder / "recipe.json").is_file():
        raise UsageError(f"{folder} is not a kinema run, so --overwrite leaves it alone: use another --out")
    try:
        set_aside(folder)
    except OSError as problem:
        raise UsageError(f"cannot write to {folder} ({problem.strerror}): use another --out") from problem


def cut_short(folder: Path) -> bool:
    """Whether a folder holds nothing, or only what a program left that was killed while it began a run."""
    if not folder.is_dir():
        return False
    inside = list(folder.iterdir())
    empty = {path.name for path in inside if path.name in FOLDERS and path.is_dir() and not any(path.iterdir())}
    files = {path.name for path in inside} - empty
    return not files or (empty == set(FOLDERS) and files <= BEGINNING)


def never_saved(folder: Path) -> bool:
    """Whether a run was killed before its first checkpoint was whole, so that it can only begin again.

    The log is opened after that: where there is one, a checkpoint that is missing has been taken away.
    """
    checkpoints = folder / "checkpoints"
    return folder.is_dir() and not any(checkpoints.glob("*.pt")) and not any(folder.glob("metrics.*"))


def set_aside(folder: Path) -> None:
    """Rename a run that is to be replaced; nothing a user made is deleted."""
    folder = folder.resolve()
    number = 1
    while (target := folder.with_name(f"{folder.name}.replaced-{number}")).exists():
        number += 1
    folder.rename(target)
