"""Recipes: functions that return a whole `Recipe`. Their docstrings give the command, the cost and what to expect.

`RECIPES` is the only table; `kinema list recipes` prints it.
"""

from collections.abc import Callable

from kinema.errors import UsageError, nearest
from kinema.recipes import demo, paper, plus, tiny
from kinema.settings import Recipe

RECIPES: dict[str, Callable[[], Recipe]] = {
    "mcn": paper.mcn,
    "cmc": paper.cmc,
    "mcn_plus": plus.mcn_plus,
    "tiny_mcn": tiny.tiny_mcn,
    "tiny_mcn_plus": tiny.tiny_mcn_plus,
    "tiny_cmc": tiny.tiny_cmc,
    "demo_mcn": demo.demo_mcn,
    "demo_cmc": demo.demo_cmc,
}


def get(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe '{name}': {nearest(name, list(RECIPES))}")
    return RECIPES[name]()
