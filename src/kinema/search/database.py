"""The index: a table in LanceDB, which is a folder, or an address in object storage, and needs no server.

    kinema_windows   the rows of the Parquet files, and from `EXACT_BELOW` rows on an index for approximate search (ANN)
    kinema_about     one row: what the index is of, and how well it finds

The latter is written last: an index without it is not whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinema.engine.checkpoint import first_line
from kinema.errors import UsageError
from kinema.parquet import pyarrow
from kinema.search.ann import Measured, index_and_measure
from kinema.search.rows import COLUMNS, Hit
from kinema.search.storage import check_place, is_address, unreachable
from kinema.search.vectors import Vectors

EXACT_BELOW = 100_000
"""Rows from which on a search does not compare all of them."""
APPROXIMATE = 100
"""Results up to which a search may be approximate."""
WINDOWS, ABOUT = "kinema_windows", "kinema_about"


@dataclass(frozen=True)
class About:
    """What is known of an index."""

    model: str
    """`Vectors.card` and `digest` of what it was made of."""
    vectors: str
    rows: int
    seconds: float
    """What building took."""
    partitions: int = 0
    """Of the ANN index; 0 where there is none, and every search is exact."""
    probes: int = 0
    """Partitions that a search looks into."""
    recall: float | None = None
    """Recall@10 of ANN against exact search."""
    sample: int = 0
    """The index's own vectors that recall was measured on."""


class Database:
    """An open index; `build` and `find_database` make one."""

    def __init__(self, where: str, table: Any, about: About) -> None:
        self.where = where
        self.table = table
        self.about = about

    def nearest(self, vector: Sequence[float], k: int, *, condition: str, exact: bool) -> list[Hit]:
        """The k rows of highest cosine, highest first; those of a condition in SQL, if it is not empty.

        The measured recall says nothing of a part of the rows, or of many more results: such searches are exact.
        """
        search = self.table.search(vector, vector_column_name="vector").distance_type("cosine")
        if condition:
            search = search.where(condition, prefilter=True)
        if exact or condition or k > APPROXIMATE or not self.about.partitions:
            search = search.bypass_vector_index()
        else:
            search = search.nprobes(self.about.probes)
        with reading(self.where):
            rows = search.select([*COLUMNS, "_distance"]).limit(k).to_arrow().to_pylist()
        hits = [Hit.of(row, 1 - row["_distance"]) for row in rows]
        return sorted(hits, key=lambda hit: (-hit.cosine, hit.path, hit.start))

    def count(self, condition: str) -> int:
        """Rows of a condition in SQL; all rows if it is empty."""
        with reading(self.where):
            return int(self.table.count_rows(condition or None))

    def rows(self, columns: Sequence[str], condition: str = "") -> Any:
        """Some columns of the rows of a condition as an Arrow table, in no particular order."""
        search = self.table.search().select(list(columns)).limit(self.about.rows)
        with reading(self.where):
            return (search.where(condition) if condition else search).to_arrow()


def build(vectors: Vectors, where: str, say: Callable[[str], None], *, describe: bool = True) -> Database:
    """Make the index of some vectors, in the place of an earlier one; `describe` says what came of it.

    Raises:
        UsageError: it cannot be written.
    """
    began = time.monotonic()
    say(f"building the index of {vectors.rows} vectors in {where}")
    with writing(where):
        database = lancedb().connect(where)
        for name in (ABOUT, WINDOWS):
            if name in names(database):
                database.drop_table(name)
        table = database.create_table(WINDOWS, data=vectors.batches(), schema=vectors.schema())
        found = Measured() if vectors.rows < EXACT_BELOW else index_and_measure(table)
        about = About(vectors.card, vectors.digest, vectors.rows, time.monotonic() - began, **asdict(found))
        database.create_table(ABOUT, data=pyarrow().table({"json": [json.dumps(asdict(about))]}))
    if describe:
        say(described(about))
    return Database(where, table, about)


def find_database(where: str) -> Database | None:
    """The index that is there; None where there is none, or one that was not finished.

    Raises:
        UsageError: it is damaged, or the address is no whole one or cannot be reached.
    """
    check_place(where)
    if not is_address(where) and not Path(where).exists():
        return None  # LanceDB would make the folder
    with reading(where):
        database = lancedb().connect(where)
        if ABOUT not in names(database):
            return None
        [row] = database.open_table(ABOUT).to_arrow().to_pylist()
        about = About(**json.loads(row["json"]))
        table = database.open_table(WINDOWS)
        if (rows := table.count_rows()) != about.rows:
            raise ValueError(f"it has {rows} of {about.rows} rows")
    return Database(where, table, about)


def described(about: About) -> str:
    """One line on an index."""
    what = f"the index of {about.rows} vectors took {about.seconds:.1f} s to build"
    if not about.partitions:
        return f"{what}; a search compares all of them"
    return (
        f"{what}; a search looks into {about.probes} of {about.partitions} partitions: recall@10 {about.recall:.3f} "
        f"against exact search, measured on {about.sample} of its own vectors"
    )


def names(database: Any) -> list[str]:
    """The tables of a database."""
    return list(database.list_tables().tables)


def lancedb() -> Any:
    """LanceDB.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import lancedb
    except ImportError:
        raise UsageError("the index is kept by LanceDB: pip install 'kinema[search]'") from None
    return lancedb


@contextmanager
def reading(where: str) -> Iterator[None]:
    """What goes wrong in LanceDB while an index is read, as one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, TypeError, LookupError) as problem:
        raise unreachable(where, problem) or UsageError(
            f"the index {where} cannot be read ({first_line(problem)}): if it is damaged, remove it, and the next "
            "search builds it anew"
        ) from problem


@contextmanager
def writing(where: str) -> Iterator[None]:
    """What goes wrong in LanceDB while an index is built, as one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as problem:
        raise unreachable(where, problem) or UsageError(
            f"the index {where} cannot be written ({first_line(problem)}): free space, or give another place by --index"
        ) from problem
