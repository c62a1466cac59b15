"""A run's folder: what is in it, how one is begun, and how it is opened again.

```
runs/mcn/
  recipe.json         every setting that decided the run
  data.json           the list it was trained on: name, number of videos, digest
  appearance.npy      thumbnails of the videos, where batches are of look-alikes
  environment.json    versions, device, git commit, command
  metrics.jsonl/.csv  one row an epoch
  checkpoints/last.pt previous.pt   the latest checkpoint, and the one before it
  results/*.json      one file a reported number
  report.html
```

`kinema convert` makes one for weights that were trained elsewhere: `recipe.json` has the network, the clip and where
the weights come from, `converted.json` says it tensor by tensor, and there are neither data nor metrics.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kinema import __version__
from kinema.atomic import replacing
from kinema.errors import UsageError
from kinema.json_file import read_json
from kinema.run_folder import cut_short, make_room
from kinema.settings import Converted, Recipe, differences, from_dict

FREE_TO_CHANGE = (
    "train.workers:",
    "train.device:",
    "train.checkpoint_activations:",
    "train.compile:",
    "train.retreats:",
    "method.meta.form:",
)
"""Settings that a resumed run may change: they say where, in how much memory and how long it runs, not what it does."""


def is_list(kind: type) -> Callable[[Any], bool]:
    """What tells a list of some kind, or nothing, from anything else."""
    return lambda value: value is None or (isinstance(value, list) and all(type(each) is kind for each in value))


DATA: dict[str, Callable[[Any], bool]] = {
    "path": lambda value: isinstance(value, str),
    "split": lambda value: type(value) is int,
    "name": lambda value: isinstance(value, str),
    "videos": lambda value: type(value) is int and value >= 0,
    "digest": lambda value: isinstance(value, str),
    "skip": is_list(str),
    "sizes": is_list(int),
    "flow": lambda value: (
        value is None or (isinstance(value, dict) and {"path", "algorithm", "short_side", "bound"} <= set(value))
    ),
}
"""What `data.json` holds, and what each of it looks like; the last three may be missing."""


@dataclass(frozen=True)
class Run:
    """A folder that `kinema pretrain` made."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The latest checkpoint."""
        return self.folder / "checkpoints" / "last.pt"

    @property
    def results(self) -> Path:
        """The folder of result files."""
        return self.folder / "results"

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe.

        Raises:
            UsageError: it is missing or damaged.
        """
        content = self.read("recipe.json")
        try:
            return from_dict(Recipe, content)
        except UsageError as problem:
            raise UsageError(f"{self.folder / 'recipe.json'}: {problem}") from problem

    @property
    def converted(self) -> Converted | None:
        """Where its weights come from, if they were trained elsewhere.

        Raises:
            UsageError: `recipe.json` is missing or damaged.
        """
        if not (self.folder / "converted.json").is_file():
            return None
        method = self.recipe.method
        return method if isinstance(method, Converted) else None

    @property
    def data(self) -> dict[str, Any]:
        """What it was trained on.

        Raises:
            UsageError: it is missing or damaged.
        """
        data = self.read("data.json")
        wrong = next((name for name, fits in DATA.items() if not fits(data.get(name))), None)
        if wrong is not None:
            raise UsageError(
                f"{self.folder / 'data.json'} has no '{wrong}' as kinema writes it: restore it, or train anew"
            )
        return data

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder.

        Raises:
            UsageError: it is missing or damaged.
        """
        path = self.folder / name
        try:
            content = read_json(path)
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(
                f"{self.folder} is not a run: it has no {name}; give a folder made by `kinema pretrain`"
            ) from None
        except OSError as problem:
            raise UsageError(f"{path} cannot be read ({problem.strerror}): give a run that you may read") from problem
        except ValueError:
            raise UsageError(f"{path} is not valid JSON: restore it from a copy, or train anew") from None
        if not isinstance(content, dict):
            raise UsageError(f"{path} does not hold a JSON object: restore it from a copy, or train anew")
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """A JSON file of the folder, written whole or not at all."""
        with replacing(self.folder / name) as file:
            file.write((json.dumps(content, indent=2) + "\n").encode())


def begin(folder: Path, recipe: Recipe, data: dict[str, Any], *, resume: bool, overwrite: bool) -> Run:
    """Make the folder ready for training; one that was killed while it was made ready is begun again.

    Raises:
        UsageError: it holds something and neither `resume` nor `overwrite` says what to do; it cannot be written; or
            the run to be resumed had other settings or other data.
    """
    run = Run(folder)
    if resume and not cut_short(folder):
        check_same(run, recipe, data)
        return run
    make_room(folder, overwrite=overwrite, instead="use --resume to go on, --overwrite to replace it, or another --out")
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        run.results.mkdir(exist_ok=True)
        run.write("data.json", data)
        run.write("environment.json", environment() | {"precision": "bf16-mixed" if in_bf16(recipe) else "32-true"})
        run.write("recipe.json", asdict(recipe))  # the last, as what has one is a run
    except OSError as problem:
        raise UsageError(f"cannot write to {folder} ({problem.strerror}): use another --out") from problem
    return run


def check_same(run: Run, recipe: Recipe, data: dict[str, Any]) -> None:
    """Refuse to resume under other settings or on other videos."""
    setting = changed_setting(run, recipe)
    trained = run.data.get("flow")
    if (trained is None) != (data.get("flow") is None):
        had = "no --flow: drop it" if trained is None else f"--flow {trained['path']}: give it again"
        raise UsageError(f"--resume goes on unchanged, but {run.folder} was begun with {had}")
    if setting is not None:
        command = str(run.read("environment.json").get("command"))
        begun = f"flags that it was begun with (`{command}`)"
        if not command.startswith("kinema pretrain "):  # begun by a program of somebody's own
            begun = "settings that it was begun with"
        raise UsageError(f"--resume goes on unchanged, but {setting}: give the {begun}, or start anew with --init-from")
    check_same_flow(run.folder, run.data, data.get("flow"), "--resume goes on unchanged")
    if not same_videos(run.data, data):
        raise UsageError(
            f"--resume goes on unchanged, but {data['path']} now lists other videos than {run.data['path']} did: "
            "restore the list, begin anew with --overwrite, or take its weights to another --out with --init-from"
        )


def changed_setting(run: Run, recipe: Recipe) -> str | None:
    """The first setting in which a run differs from a recipe, as "name: old -> new"; `None` if none does."""
    # Settings that came to kinema after the run began have the value that it ran with as their default.
    before, now = (json.loads(json.dumps(asdict(each))) for each in (run.recipe, recipe))
    found = differences(before, now)
    return next((line for line in found if not line.startswith(FREE_TO_CHANGE)), None)


def check_same_flow(who: str | Path, data: dict[str, Any], flow: dict[str, Any] | None, why: str) -> None:
    """Refuse flow that was made in another way than that which a run was trained with; its place may be another.

    `who` is the run, `data` what it was trained on.
    """
    trained = data.get("flow")
    for name in ("algorithm", "short_side", "bound"):
        if trained is not None and flow is not None and trained[name] != flow[name]:
            raise UsageError(
                f"{why}, but the flow was made with {name} {flow[name]}, and {who} was trained on flow with "
                f"{trained[name]}: give --flow {trained['path']}, or make the like"
            )


def same_videos(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether two records are of the same videos: the same names, and mostly the same sizes; some may be mended."""
    pairs = list(zip(old.get("sizes", ()), new.get("sizes", ()), strict=False))
    return bool(old["digest"] == new["digest"]) and 2 * sum(a != b for a, b in pairs) <= len(pairs)


def in_bf16(recipe: Recipe) -> bool:
    """Whether a run of the recipe would be in bf16 here, which `auto` leaves to the device.

    Raises:
        UsageError: it asks for bf16, which is not to be had here.
    """
    from kinema.machine import pick_device
    from kinema.precision import mixed

    return mixed(recipe.train.precision, pick_device(recipe.train.device))


def environment() -> dict[str, Any]:
    """What the run ran on, for the record."""
    import torch

    from kinema.distributed import place
    from kinema.evaluate.origin import git_commit

    packages: dict[str, str | None] = {}
    for name in ("torch", "numpy", "av", "torchcodec", "tyro"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {
        "kinema": __version__,
        "git": git_commit(Path(__file__).parent),
        "python": platform.python_version(),
        "packages": packages,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "cpus": os.cpu_count(),
        "processes": place().size,
        "platform": platform.platform(),
        "command": " ".join(["kinema", *sys.argv[1:]]),
    }
