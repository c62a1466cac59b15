"""Lay the sources of the documentation's site under build/pages, with the pages that are made from the code.

    docs/*.md, *.png       as they are
    methods/NAME.md        what the file of a method says of itself, its recipes, and every setting with its source
    commands.md            the help of every verb
    api.md                 what Python users call, for mkdocstrings to fill in
    benchmarks/, ...       other pages of the repository that the documentation points to

`make docs` then builds the site of it (zensical.toml).
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from kinema import recipes, settings
from kinema.cli import VERBS
from kinema.commands.listing import published_cells
from kinema.methods import METHODS
from kinema.methods.listed import Listed

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
PAGES = REPOSITORY / "build" / "pages"
BESIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/RESULTS.md",
    "benchmarks/NOTES.md",
    "benchmarks/scale.py",
    "examples/slurm/pretrain.sbatch",
)
"""Pages outside docs/ that those inside point to."""
MORE = {"data": ((), ("check",), ("flow",), ("pack",), ("synthetic",)), "pretrain": (("tiny_mcn",),)}
"""Words that follow a verb whose help comes in parts."""
API = {
    "Train": ("kinema.pretraining.pretrain",),
    "Use what was learned": (
        "kinema.loading.load",
        "kinema.loading.VideoEncoder",
        "kinema.embedding.embed",
        "kinema.clustering.cluster",
        "kinema.exporting.export",
        "kinema.exported.hub.push_to_hub",
    ),
    "Search": ("kinema.search.Index", "kinema.search.Example", "kinema.search.Hit"),
    "Networks": ("kinema.encoder.Encoder", "kinema.backbones.build"),
    "The meta step": ("kinema.meta",),
    "Banks, queues, losses": ("kinema.bank", "kinema.queue", "kinema.losses"),
    "Views and frames": ("kinema.views", "kinema.sampler"),
    "Data": ("kinema.data.sources.read_source", "kinema.data.check.check", "kinema.packing.pack"),
}
"""What of kinema Python users call: headings, and the names under each."""


def main() -> None:
    """Lay everything under build/pages anew."""
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    for path in [*HERE.glob("*.md"), *HERE.glob("*.png")]:
        place(path, PAGES / path.name)
    for name in BESIDE:
        place(REPOSITORY / name, PAGES / name)
    (PAGES / "methods").mkdir()
    for name, listed in METHODS.items():
        (PAGES / "methods" / f"{name}.md").write_text(method_page(name, listed), encoding="utf-8")
    (PAGES / "methods" / "index.md").write_text(methods_page(), encoding="utf-8")
    (PAGES / "commands.md").write_text(commands_page(), encoding="utf-8")
    (PAGES / "api.md").write_text(api_page(), encoding="utf-8")


def place(source: Path, target: Path) -> None:
    """Copy a file; in a page, what is linked from another folder is found where that lies here."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix != ".md":
        shutil.copyfile(source, target)
        return
    text = source.read_text(encoding="utf-8")
    if source.parent == HERE:
        text = text.replace("](../", "](")
    text = re.sub(r"\]\((\.\./)?docs/", r"](\1", text)
    target.write_text(text, encoding="utf-8")


def method_page(name: str, listed: Listed) -> str:
    """One method: the docstring of its file, published figures, recipes, settings."""
    said = inspect.getdoc(importlib.import_module(f"kinema.methods.{listed.module}")) or ""
    title, _, text = said.partition("\n")
    tuned, retrieved = published_cells(name, listed.printed)
    lines = [
        f"# {title.rstrip('.')}\n",
        text.strip() + "\n",
        f"Published on UCF101: fine-tuned {tuned}, R@1 {retrieved} (\\* after pre-training on a larger set).\n",
        f"Clips of a video in a step: {listed.clips}. Kept of earlier batches: {listed.memory or 'nothing'}.\n",
        "## Recipes\n",
    ]
    for recipe in recipes.RECIPES:
        if recipes.get(recipe).method.name == name:
            lines.append(f"### {recipe}\n\n{commands_as_code(inspect.getdoc(recipes.RECIPES[recipe]) or '')}\n")
    lines.append("## Settings\n\nEach is a flag of `kinema pretrain` (a `_` is written `-` there), with its default.\n")
    for prefix, kind in groups("method", settings.METHOD_SETTINGS[name]):
        lines.append(f"### --{prefix}.\n\n::: {kind.__module__}.{kind.__name__}\n")
    return "\n".join(lines)


def groups(prefix: str, kind: type[Any]) -> Iterator[tuple[str, type[Any]]]:
    """A class of settings and those within it, each with what its flags begin with."""
    yield prefix, kind
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from groups(f"{prefix}.{field.name}".replace("_", "-"), hints[field.name])


def commands_as_code(text: str) -> str:
    """A docstring with its lines of commands as blocks of code."""
    return re.sub(r"((?:^kinema .*(?:\n|$))+)", r"```sh\n\1```\n", text + "\n", flags=re.M)


def methods_page() -> str:
    """All methods in a table."""
    lines = ["# Methods\n", "One file each. `kinema list methods` prints more of this.\n"]
    lines += [
        "| | paper | learns from | clips a step | fine-tuned on UCF101 | R@1 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, listed in METHODS.items():
        cells = (
            f"[{name}]({name}.md)",
            listed.paper,
            listed.does,
            str(listed.clips),
            *published_cells(name, listed.printed),
        )
        lines.append(f"| {' | '.join(cells)} |".replace("*", r"\*"))
    lines.append("\n\\* after pre-training on a larger set than UCF101.")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help of every verb, as it prints."""
    lines = ["# Commands\n", f"```text\n{help_of()}\n```\n"]
    for verb, (_, does) in VERBS.items():
        lines.append(f"## kinema {verb}\n\n{does[0].upper()}{does[1:]}.\n")
        lines += [f"```text\n{help_of(verb, *more)}\n```\n" for more in MORE.get(verb, ((),))]
    return "\n".join(lines)


def help_of(*words: str) -> str:
    """What `kinema ... --help` prints, 100 columns wide."""
    command = [sys.executable, "-m", "kinema", *words, "--help"]
    wide = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=wide)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def api_page() -> str:
    """What Python users call, by headings; mkdocstrings puts the docstrings in."""
    lines = ["# Python\n", "Everything below is typed. `kinema.load` and `kinema.pretrain` are what most need.\n"]
    for heading, names in API.items():
        lines += [f"## {heading}\n", *(f"::: {name}\n" for name in names)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
