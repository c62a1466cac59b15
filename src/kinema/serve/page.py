"""The files of the page, read once: no name in a request ever becomes a path."""

from __future__ import annotations

from pathlib import Path

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
FILES = {path.name: path.read_bytes() for path in (Path(__file__).parent / "static").iterdir() if path.is_file()}
"""By name."""
