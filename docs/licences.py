"""Make the table of docs/licences.md from the metadata of the installed packages: `make licences`.

One row for each package that kinema needs, or that one of its extras does, with the packages that those need in turn.
A package that is not installed here keeps the row that it had, if constraints.txt still names that version.
"""

from __future__ import annotations

import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
PAGE = HERE / "licences.md"
BEGIN, END = "<!-- licences: made by `make licences` -->", "<!-- end of licences -->"
OF_CUDA = ("cuda-", "nvidia-", "triton")
"""What a torch that is built for CUDA brings along, at versions that torch itself names."""
UNSAID = {"torchcodec": "BSD-3-Clause"}
"""Packages whose metadata names no licence, by the text that they come with."""


def main() -> None:
    """Replace what stands between the two marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    kept, after = rows(text), rest.split(END)[1]
    lines, unknown = [], []
    for name, version in sorted(pins().items()):
        row = made(name, version) or kept.get(name)
        if row is None or row[1] != version:
            unknown.append(f"{name}=={version}")
        else:
            lines.append(f"| {' | '.join(row)} |\n")
    if unknown:
        sys.exit(f"install {' '.join(unknown)} to read what their licences are")
    head = "| package | version | licence | needed by |\n| --- | --- | --- | --- |\n"
    PAGE.write_text(f"{before}{BEGIN}\n{head}{''.join(lines)}{END}{after}", encoding="utf-8")


def made(name: str, version: str) -> tuple[str, str, str, str] | None:
    """A package's row; None where it is not installed at that version."""
    found = installed(name)
    if found is None or plain(found.version) != version:
        return None
    groups = [group for group, packages in needed().items() if name in packages]
    return name, version, licence(found), "kinema" if "kinema" in groups else ", ".join(groups)


def rows(text: str) -> dict[str, tuple[str, str, str, str]]:
    """The rows of a page's table, by package."""
    table = text.split(BEGIN)[1].split(END)[0].strip().splitlines()[2:]
    found = (tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in table)
    return {name: (name, version, terms, groups) for name, version, terms, groups in found}


def pins() -> dict[str, str]:
    """The versions in constraints.txt, by package."""
    lines = (HERE.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    split = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in split}


def declared() -> dict[str, list[str]]:
    """What pyproject.toml asks for: "kinema" for what is always needed, then each extra."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"kinema": project["dependencies"], **project["optional-dependencies"]}


def needed() -> dict[str, set[str]]:
    """The packages of each group of `declared`, with all that the installed ones of them need in turn."""
    return {group: closure(lines) for group, lines in declared().items()}


def closure(lines: Iterable[str]) -> set[str]:
    """All packages that some requirements lead to, here and with this Python."""
    found: dict[str, set[str]] = defaultdict(set)  # the extras that were followed, by package
    waiting = [Requirement(line) for line in lines]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        extras = {"", *wanted.extras} - found[name]
        found[name] |= extras
        package = installed(name) if extras else None
        for line in (package.requires or []) if package else []:
            each = Requirement(line)
            if any(each.marker is None or each.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(each)
    return {name for name in found if not name.startswith(OF_CUDA)}


def installed(name: str) -> Distribution | None:
    """A package's metadata."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def plain(version: str) -> str:
    """A version without the name of its build, such as +cpu."""
    return version.partition("+")[0]


def licence(package: Distribution) -> str:
    """What a package's metadata says of its licence: the expression, a short text, or the classifiers."""
    about = package.metadata
    if "License-Expression" in about:
        return str(about["License-Expression"])
    text = str(about["License"]).strip() if "License" in about else ""
    if text not in ("", "UNKNOWN") and len(text) < 40 and "\n" not in text:
        return text
    classes = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    return ", ".join(classes) or UNSAID.get(canonicalize_name(about["Name"]), "")


if __name__ == "__main__":
    main()
