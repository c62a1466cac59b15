"""Refusals of settings out of their range: one line that names the flag and the value, a `UsageError`."""

from __future__ import annotations

import math

from kinema.errors import UsageError


def at_least(flag: str, value: int, least: int) -> None:
    """`least` or more."""
    if value < least:
        raise UsageError(f"--{flag} is {value}: give {least} or more")


def positive(flag: str, value: float) -> None:
    """Above 0, and not infinite."""
    if not 0 < value < math.inf:
        raise UsageError(f"--{flag} is {value:g}: give a number above 0")


def within(flag: str, low: float, high: float, *values: float) -> None:
    """Each value within [low, high], and the values in ascending order."""
    if not all(low <= value <= high for value in values):
        raise UsageError(f"--{flag} is {_spaced(values)}: give a number from {low:g} to {high:g}")
    if list(values) != sorted(values):
        raise UsageError(f"--{flag} is {_spaced(values)}: give the lower number first")


def between(flag: str, low: float, high: float, value: float) -> None:
    """Between `low` and `high`, neither included."""
    if not low < value < high:
        raise UsageError(f"--{flag} is {value:g}: give a number between {low:g} and {high:g}")


def _spaced(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
