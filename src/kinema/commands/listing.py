"""`kinema list recipes | methods | backbones`."""

from __future__ import annotations

from collections.abc import Sequence

from kinema.errors import UsageError, nearest


def main(verb: str, argv: list[str]) -> int:
    """Print a table; all of them without an argument."""
    tables = {"recipes": recipe_lines, "methods": method_lines, "backbones": backbone_lines}
    if argv and argv[0] in ("-h", "--help"):
        print("usage: kinema list [recipes | methods | backbones]")
        return 0
    if len(argv) > 1 or (argv and argv[0] not in tables):
        raise UsageError(f"cannot list '{' '.join(argv)}': {nearest(argv[0], list(tables))}")
    for name, lines in tables.items():
        if argv in ([], [name]):
            print(f"{name}:\n{lines()}")
    return 0


def recipe_lines() -> str:
    """Each recipe and the first line of its docstring, under what the file it stands in says of itself."""
    from kinema import recipes

    return "\n".join(
        f"  {heading}\n" + aligned([(name, recipes.first_line(name)) for name in names], indent=4)
        for heading, names in recipes.headings().items()
    )


def method_lines() -> str:
    """Each method and its description."""
    from kinema.methods import METHODS

    return aligned([(name, f"{listed.paper}: {listed.does}") for name, listed in METHODS.items()])


def backbone_lines() -> str:
    """Each backbone and its description."""
    from kinema.backbones import BACKBONES

    return aligned([(name, listed.description) for name, listed in BACKBONES.items()])


def aligned(lines: Sequence[tuple[str, str]], indent: int = 2) -> str:
    """Names and what is said of them, in two columns."""
    return "\n".join(f"{' ' * indent}{name:14} {line}" for name, line in lines)
