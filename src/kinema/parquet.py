"""Vectors and what they are of in Parquet files, by way of pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from kinema.errors import UsageError


def pyarrow() -> Any:
    """pyarrow with its Parquet part.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError("vectors are kept in Parquet files: pip install 'kinema[search]'") from None
    return pyarrow


def table_bytes(columns: Mapping[str, Sequence[Any]], vectors: Tensor, told: Mapping[str, str]) -> bytes:
    """A file of `columns`, of `vectors` float32 [rows, D] as the column `vector`, and of `told` about them."""
    arrow = pyarrow()
    kinds = {"id": arrow.string(), "path": arrow.string(), "label": arrow.string()}
    arrays = {
        name: arrow.array(list(values), type=kinds.get(name, arrow.float64())) for name, values in columns.items()
    }
    flat = arrow.array(vectors.flatten().numpy(), type=arrow.float32())
    arrays["vector"] = arrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    schema = arrow.schema([(name, array.type) for name, array in arrays.items()], metadata=dict(told))
    sink = arrow.BufferOutputStream()
    arrow.parquet.write_table(arrow.Table.from_arrays(list(arrays.values()), schema=schema), sink)
    return bytes(sink.getvalue())


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """What goes wrong while a file is read as an error of one line that names it.

    Raises:
        UsageError: the file is damaged.
    """
    try:
        yield
    except (OSError, pyarrow().ArrowException) as problem:
        reason = " ".join(str(problem).split())
        raise UsageError(f"{path} is damaged ({reason}): remove it, and `kinema embed` makes it anew") from problem


def no_vectors(folder: Path) -> UsageError:
    """What to say where a folder of vectors was wanted, and there is none."""
    if (folder / "recipe.json").is_file():
        return UsageError(
            f"{folder} is a run and holds no vectors: make them with `kinema embed {folder} VIDEOS --out DIR`, and "
            "give DIR"
        )
    where = "DIR`, and give DIR" if folder.exists() else f"{folder}`"
    return UsageError(f"{folder} holds no vectors: make them with `kinema embed RUN VIDEOS --out {where}")


def read_metadata(path: Path) -> dict[str, str]:
    """What `table_bytes` was told.

    Raises:
        UsageError: the file is damaged.
    """
    with damage_named(path):
        found = pyarrow().parquet.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items()}


def read_vectors(folder: Path) -> tuple[list[dict[str, Any]], Any]:
    """The rows of all parts of a folder, without their vectors, and float32 [rows, D] in NumPy.

    Raises:
        UsageError: there are none, or a part is damaged.
    """
    import numpy as np

    arrow = pyarrow()
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise no_vectors(folder)
    tables = []
    for part in parts:
        with damage_named(part):
            tables.append(arrow.parquet.read_table(part))
    table = arrow.concat_tables(tables)
    column = table.column("vector").combine_chunks()
    flat: Any = column.flatten().to_numpy(zero_copy_only=False)
    return table.drop_columns(["vector"]).to_pylist(), np.ascontiguousarray(flat.reshape(len(table), -1))
