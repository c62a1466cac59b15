"""`kinema list recipes | methods | backbones`."""

from __future__ import annotations

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
            print(f"{name}:")
            print("\n".join(f"  {key:14} {line}" for key, line in lines()))
    return 0


def recipe_lines() -> list[tuple[str, str]]:
    """Each recipe and the first line of its docstring."""
    from kinema.recipes import RECIPES

    return [(name, (make.__doc__ or "").splitlines()[0]) for name, make in RECIPES.items()]


def method_lines() -> list[tuple[str, str]]:
    """Each method and its description."""
    from kinema.methods import METHODS

    return [(name, line) for name, (_, _, line) in METHODS.items()]


def backbone_lines() -> list[tuple[str, str]]:
    """Each backbone and its description."""
    from kinema.backbones import BACKBONES

    return [(name, listed.description) for name, listed in BACKBONES.items()]
