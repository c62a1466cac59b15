"""The record of a run: one JSON line and one CSV row a logged moment, TensorBoard where it is installed."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from kinema.atomic import replacing
from kinema.errors import KinemaError
from kinema.json_file import parsed


class Log:
    """Writes `metrics.jsonl`, `metrics.csv` and, where installed, TensorBoard events into a run's folder.

    Opened at a step, it drops what an interrupted run had recorded after it: those steps are about to be taken again.
    """

    def __init__(self, folder: Path, *, start_step: int = 0) -> None:
        self.path = folder / "metrics.jsonl"
        kept = [row for row in read(self.path) if row["step"] <= start_step] if start_step else []
        with writing(self.path):
            with replacing(self.path) as file:
                file.write("".join(json.dumps(row) + "\n" for row in kept).encode())
            self.file = self.path.open("a")
        self.board = _tensorboard(folder, start_step)

    def write(self, step: int, epoch: int, figures: Mapping[str, float]) -> None:
        """Record figures under their names; `step` counts optimiser steps taken.

        Raises:
            KinemaError: the disk is full or not writable.
        """
        with writing(self.path):
            self.file.write(json.dumps({"step": step, "epoch": epoch, **figures}) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())  # before the checkpoint of this step is, which would not write it again
        if self.board is not None:
            for name, value in figures.items():
                self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Finish the files; the CSV is made from the JSON lines, since its columns are known only now."""
        with writing(self.path):
            self.file.close()
            write_csv(self.path)
        if self.board is not None:
            self.board.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except KinemaError:
            if value is None:  # an error that is already under way says more, and is likely of the same cause
                raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a failure to write a log into one line for the user."""
    try:
        yield
    except OSError as problem:
        raise KinemaError(
            f"{path} could not be written ({problem.strerror}); the last checkpoint is whole: free space and --resume"
        ) from problem


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a `metrics.jsonl`, up to the first line that is none, such as one cut off by a crash."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            row = parsed(line)
        except ValueError:
            break
        if not isinstance(row, dict) or type(row.get("step")) is not int or type(row.get("epoch")) is not int:
            break
        rows.append(row)
    return rows


def write_csv(path: Path) -> None:
    """`metrics.csv` beside `metrics.jsonl`, with a column for every figure that was ever logged."""
    rows = read(path)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns)
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path.with_suffix(".csv")) as file:
        file.write(table.getvalue().encode(errors="replace"))


def _tensorboard(folder: Path, start_step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:  # an optional extra: the JSON lines hold the same figures
        return None
    # It shows nothing more of the step it is told, nor of those behind: that at which the run goes on is to stay.
    return SummaryWriter(str(folder / "tensorboard"), purge_step=start_step + 1)
