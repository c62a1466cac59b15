"""Settings that came to kinema after results had been recorded."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

LATER = {"later": True}
"""Metadata of a field whose default is what was done before there was the field."""


def recorded(recipe: Any) -> Any:
    """A recipe as nested dictionaries, without later settings that are at their default.

    So the hash of a recipe stays what it was when results of it were recorded.
    """
    if not is_dataclass(recipe):
        return recipe
    return {
        each.name: recorded(getattr(recipe, each.name))
        for each in fields(recipe)
        if not (each.metadata.get("later") and getattr(recipe, each.name) == each.default)
    }
