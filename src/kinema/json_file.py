"""JSON files of which nobody knows who wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MOST = 2**28
"""Bytes; a list of all the videos of Kinetics-700 takes a tenth of it."""


def read_json(path: Path) -> Any:
    """What is in a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file of JSON in UTF-8, or longer or deeper than any file of ours.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no ordinary file")  # a pipe or a device, which may have no end
    if path.stat().st_size > MOST:
        raise ValueError(f"{path.stat().st_size} bytes are more than any file of kinema's has")
    return parsed(path.read_text(encoding="utf-8"))


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises as `read_json` does, and ValueError where there is something else."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def parsed(text: str) -> Any:
    """What a piece of JSON says; raises ValueError where it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested deeper than any file of kinema's") from None
