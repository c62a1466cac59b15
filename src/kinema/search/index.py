"""`kinema search` as a class: the index of a folder of vectors, searched by example."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from kinema.data.skip import absolute
from kinema.errors import UsageError
from kinema.evaluate.settings import Evaluation
from kinema.feature_store import network_key
from kinema.loading import VideoEncoder, load
from kinema.machine import pick_device
from kinema.ranges import at_least
from kinema.search.database import Database, build, find_database
from kinema.search.duplicates import Group, groups, usual
from kinema.search.examples import Example, combined, parse, vector_of
from kinema.search.filters import condition, quoted
from kinema.search.rows import COLUMNS, Hit
from kinema.search.vectors import Vectors, open_vectors

Given = str | Path | Example


class Index:
    """The index of a folder of vectors; `Index.open` makes one."""

    def __init__(
        self,
        vectors: Vectors,
        database: Database,
        *,
        run: str | Path | None = None,
        device: str = "auto",
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.vectors = vectors
        self.database = database
        self.about = database.about
        self.run = run or vectors.run
        self.device = device
        self.say = say or (lambda line: None)

    @classmethod
    def open(
        cls,
        vectors: str | Path,
        *,
        at: str | None = None,
        run: str | Path | None = None,
        device: str = "auto",
        say: Callable[[str], None] | None = None,
        describe: bool = True,
    ) -> Self:
        """The index of the vectors that `kinema embed` wrote; built if it is not there or they have changed.

        Args:
            vectors: the folder of vectors.
            at: where the index is kept: a folder, or an address in object storage; `search` in the folder of vectors
                if not given.
            run: where the run that made the vectors is now; where it was then if not given.
            device: auto, cpu, cuda or cuda:N.
            say: called with lines that a person may want to read.
            describe: whether one of them is on the index that has been built; without, `about` has it.

        Raises:
            UsageError: there are no vectors, or the index is damaged or of another model.
        """
        found, say = open_vectors(Path(vectors)), say or (lambda line: None)
        where = at or str(found.folder / "search")
        database = find_database(where)
        if database is not None and database.about.model != found.card:
            raise UsageError(
                f"the index {where} is of another model's vectors than those in {vectors}: remove it, or give another "
                "place by --index"
            )
        if database is not None and database.about.vectors != found.digest:
            say(f"the vectors in {vectors} have changed since the index was built")
            database = None
        database = database or build(found, where, say, describe=describe)
        return cls(found, database, run=run, device=device, say=say)

    def query(
        self,
        examples: Given | Sequence[Given],
        *,
        without: Given | Sequence[Given] = (),
        k: int = 10,
        labels: Sequence[str] = (),
        folders: Sequence[str] = (),
        exact: bool = False,
    ) -> list[Hit]:
        """The rows that are nearest to some examples, nearest first; windows that an example itself covers left out.

        Args:
            examples: each a path, a text as in `kinema.search.examples`, or an `Example`; of several the mean is taken.
            without: examples of what is not wanted; their mean is subtracted.
            k: how many, at most.
            labels: only rows of these classes.
            folders: only videos below these folders, named by the last parts of their paths or by all.
            exact: compare all rows even where there is an ANN index.

        Raises:
            UsageError: there is no such label, folder or file, nothing to search for, or no such time in a video, or
                the run is not the one that made the vectors.
            DataError: a file cannot be read.
        """
        wanted, unwanted = listed(examples), listed(without)
        if not wanted:
            raise UsageError("nothing to search for: give a video, a stretch of one as FILE@2-4, or a picture")
        among = condition(self.database, labels, folders)
        vector = combined(self._vectors(wanted), self._vectors(unwanted))
        own = {id for example in (*wanted, *unwanted) for id in self._covered(example)}
        hits = self.nearest(vector, k=k + len(own), exact=exact, among=among)
        return [hit for hit in hits if hit.id not in own][:k]

    def nearest(self, vector: Tensor, *, k: int = 10, exact: bool = False, among: str = "") -> list[Hit]:
        """The k rows of highest cosine with a vector float [D]; `among` is SQL, as `condition` makes it.

        Raises:
            UsageError: the vector is of another length than those of the index.
        """
        at_least("k", k, 1)
        if tuple(vector.shape) != (self.vectors.length,):
            raise UsageError(
                f"the vector has the shape {tuple(vector.shape)}, and those in {self.vectors.folder} have "
                f"{self.vectors.length} numbers: give one that the same network made"
            )
        return self.database.nearest(vector.tolist(), k, condition=among, exact=exact)

    def duplicates(self, threshold: float, *, labels: Sequence[str] = (), folders: Sequence[str] = ()) -> list[Group]:
        """Groups of rows of different files whose cosine is the threshold or more; all pairs are compared.

        Raises:
            UsageError: there is no such label or folder, or the threshold is above 1 or of no use.
        """
        if not -1 < threshold <= 1:
            raise UsageError(f"--duplicates is {threshold:g}: give a cosine up to 1, such as 0.98")
        table = self.database.rows([*COLUMNS, "vector"], condition(self.database, labels, folders))
        table = table.sort_by([("path", "ascending"), ("start", "ascending"), ("end", "ascending")])
        rows = [Hit.of(row, 0.0) for row in table.drop_columns(["vector"]).to_pylist()]
        flat = table.column("vector").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = torch.from_numpy(flat.copy()).view(len(rows), -1)
        if found := usual(rows, vectors):
            self.say(f"of random pairs, half have a cosine above {found[0]:.4f}, and one in 1000 above {found[1]:.4f}")
        return groups(rows, vectors, threshold)

    def labels(self) -> dict[str, int]:
        """The classes, with the rows of each; rows without a class are not counted."""
        found = Counter(self.database.rows(["label"]).column("label").to_pylist())
        return {label: found[label] for label in sorted(filter(None, found))}

    @cached_property
    def encoder(self) -> VideoEncoder:
        """The network that made the vectors.

        Raises:
            UsageError: it is not there, or is not the one.
        """
        if not Path(self.run).exists():
            raise UsageError(f"the run that made {self.vectors.folder}, {self.run}, is not there: give it by --run")
        encoder = load(self.run, view=self.vectors.view).to(pick_device(self.device)).eval()
        if network_key(encoder, Evaluation()) != self.vectors.weights:
            raise UsageError(
                f"{self.run} is not the network that made {self.vectors.folder}, or was trained on since: give the one "
                "that did by --run, or embed the videos anew"
            )
        return encoder

    def _vectors(self, examples: Sequence[Example]) -> Tensor:
        """float32 [examples, D]."""
        found = [vector_of(each, self.encoder, self.vectors.windows, self.say) for each in examples]
        return torch.stack(found) if found else torch.empty(0)

    def _covered(self, example: Example) -> list[str]:
        """The rows of the stretch of video that an example is."""
        name = Path(example.path).name
        rows: Any = self.database.rows(COLUMNS, f"ends_with(path, {quoted(name)})").to_pylist()
        start, end = span(example)
        own = [
            row["id"]
            for row in rows
            if row["start"] < end and row["end"] > start and absolute(row["path"]) == absolute(example.path)
        ]
        if own:
            self.say(f"{example} is in the index itself, and left out of what is found")
        return own


def span(example: Example) -> tuple[float, float]:
    """Where an example begins and ends; a frame is as short as can be."""
    if example.start is None:
        return 0.0, math.inf
    return example.start, math.nextafter(example.start, math.inf) if example.end is None else example.end


def listed(given: Given | Sequence[Given]) -> list[Example]:
    """Examples, each as its dataclass."""
    several = [given] if isinstance(given, str | Path | Example) else given
    return [each if isinstance(each, Example) else parse(str(each)) for each in several]
