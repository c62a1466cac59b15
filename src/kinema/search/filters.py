"""Which rows of an index a search is among: those of some classes, or below some folders."""

from __future__ import annotations

import os
from collections.abc import Sequence

from kinema.errors import UsageError, nearest
from kinema.search.database import Database


def condition(database: Database, labels: Sequence[str], folders: Sequence[str]) -> str:
    """SQL for rows of any of the classes and below any of the folders; empty without either.

    A folder is named by the last parts of its path or by all of them: `jump`, `clips/jump`, `/data/clips/jump`.

    Raises:
        UsageError: no row is of one of them, or none of both.
    """
    for label in labels:
        if not database.count(of_label(label)):
            raise UsageError(f"no vector has the label '{label}': {known_labels(database, label)}")
    for folder in folders:
        if not database.count(below(folder)):
            raise UsageError(f"no vector is of a video below the folder '{folder}': {known_folders(database, folder)}")
    groups = [[of_label(label) for label in labels], [below(folder) for folder in folders]]
    found = " AND ".join(f"({' OR '.join(group)})" for group in groups if group)
    if found and not database.count(found):
        raise UsageError(f"no vector of the labels {', '.join(labels)} is below the folders {', '.join(folders)}")
    return found


def of_label(label: str) -> str:
    """SQL for the rows of a class."""
    return f"label = {quoted(label)}"


def below(folder: str) -> str:
    """SQL for the rows of videos below a folder."""
    name = os.path.normpath(folder).lstrip("/") if folder else ""
    inner = f"contains(path, {quoted(f'/{name}/')})"
    return inner if folder.startswith("/") else f"({inner} OR starts_with(path, {quoted(f'{name}/')}))"


def quoted(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def known_labels(database: Database, label: str) -> str:
    """A hint for a label that is not there."""
    known = sorted(set(database.rows(["label"]).column("label").to_pylist()) - {None})
    return nearest(label, known) if known else "none has a label"


def known_folders(database: Database, folder: str) -> str:
    """A hint for a folder that is not there: the last parts of folders' paths, as many as were given."""
    depth = len(folder.strip("/").split("/"))
    parents = {path.rpartition("/")[0] for path in database.rows(["path"]).column("path").to_pylist()}
    return nearest(folder.strip("/"), sorted({"/".join(path.split("/")[-depth:]) for path in parents}))
