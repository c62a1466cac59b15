import csv
import json
import sys
import types

import pytest

from kinema.engine import log as module
from kinema.engine.log import Log, read
from kinema.errors import KinemaError


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_rows_are_on_disk_as_soon_as_they_are_written(tmp_path):
    with Log(tmp_path) as log:
        log.write(4, 1, {"train/loss": 2.5})
        assert rows(tmp_path) == [{"step": 4, "epoch": 1, "train/loss": 2.5}]


def test_row_that_does_not_reach_the_disk_is_an_error(tmp_path, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    with Log(tmp_path) as log:
        monkeypatch.setattr(module.os, "fsync", full)
        with pytest.raises(KinemaError, match=r"metrics\.jsonl could not be written \(No space left on device\)"):
            log.write(4, 1, {"train/loss": 2.5})
        monkeypatch.undo()


def test_csv_has_a_column_for_every_figure_ever_logged(tmp_path):
    with Log(tmp_path) as log:
        log.write(4, 1, {"train/loss": 2.5})
        log.write(8, 2, {"train/loss": 2.0, "probe/knn_top1": 30.0})
    with (tmp_path / "metrics.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [row["train/loss"] for row in found] == ["2.5", "2.0"]
    assert [row["probe/knn_top1"] for row in found] == ["", "30.0"]


def test_reopened_log_drops_what_came_after_the_step_it_resumes_at(tmp_path):
    with Log(tmp_path) as log:
        for epoch in (1, 2, 3):
            log.write(4 * epoch, epoch, {"train/loss": float(epoch)})
    with Log(tmp_path, start_step=8) as log:
        assert [row["step"] for row in rows(tmp_path)] == [4, 8]
        log.write(12, 3, {"train/loss": 9.0})
    assert [row["train/loss"] for row in rows(tmp_path)] == [1.0, 2.0, 9.0]


def test_new_log_drops_everything(tmp_path):
    with Log(tmp_path) as log:
        log.write(4, 1, {"train/loss": 2.5})
    with Log(tmp_path):
        assert rows(tmp_path) == []


def test_line_cut_off_by_a_crash_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 4, "epoch": 1}\n{"step": 8, "ep')
    assert read(path) == [{"step": 4, "epoch": 1}]
    assert read(tmp_path / "none.jsonl") == []
    with Log(tmp_path, start_step=8) as log:
        log.write(8, 2, {})
    assert [row["step"] for row in rows(tmp_path)] == [4, 8]


class FullDisk:
    """A file that takes nothing more."""

    def write(self, text):
        return len(text)

    def flush(self):
        raise OSError(28, "No space left on device")

    close = flush


def test_full_disk_is_one_line_and_does_not_hide_what_ended_training(tmp_path):
    message = r"metrics.jsonl could not be written \(No space left on device\)"
    with pytest.raises(KinemaError, match=message) as caught, Log(tmp_path) as log:
        log.file.close()
        log.file = FullDisk()
        log.write(4, 1, {})
    assert "\n" not in str(caught.value)
    with pytest.raises(KinemaError, match="the checkpoint failed"), Log(tmp_path) as log:
        log.file.close()
        log.file = FullDisk()
        raise KinemaError("the checkpoint failed")
    with pytest.raises(KinemaError, match="could not be written"), Log(tmp_path) as log:
        log.file.close()
        log.file = FullDisk()


def test_log_in_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(KinemaError, match="could not be written"):
        Log(tmp_path / "missing")


class Board:
    """Stands in for TensorBoard's writer."""

    def __init__(self):
        self.seen, self.closed = [], False

    def add_scalar(self, name, value, step):
        self.seen.append((name, value, step))

    def close(self):
        self.closed = True


def test_tensorboard_gets_the_same_figures_where_it_is_installed(tmp_path, monkeypatch):
    board = Board()
    monkeypatch.setattr(module, "_tensorboard", lambda folder, start: board)
    with Log(tmp_path) as log:
        log.write(4, 1, {"train/loss": 2.5})
    assert board.seen == [("train/loss", 2.5, 4)]
    assert board.closed


def scalars(folder):
    """What TensorBoard shows of a run's loss: (step, value)."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    shown = events.EventAccumulator(str(folder / "tensorboard"))
    shown.Reload()
    return [(event.step, event.value) for event in shown.Scalars("train/loss")]


@pytest.mark.parametrize("start", [0, 20])
def test_tensorboard_shows_what_the_json_lines_keep_when_a_run_goes_on(tmp_path, start):
    pytest.importorskip("tensorboard")
    with Log(tmp_path) as log:
        for epoch, loss in enumerate((3.0, 2.0, 9.0), start=1):
            log.write(10 * epoch, epoch, {"train/loss": loss})
    with Log(tmp_path, start_step=start) as log:
        log.write(30, 3, {"train/loss": 1.0})
    assert scalars(tmp_path) == [(row["step"], row["train/loss"]) for row in read(tmp_path / "metrics.jsonl")]


@pytest.mark.parametrize("start", [0, 20])
def test_tensorboard_is_told_to_drop_only_the_steps_after_the_one_a_run_goes_on_from(tmp_path, monkeypatch, start):
    told = []

    class Writer(Board):
        def __init__(self, folder, purge_step):
            super().__init__()
            told.append(purge_step)  # TensorBoard drops this step, and all behind it

    stand_in = types.ModuleType("torch.utils.tensorboard")
    stand_in.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stand_in)
    Log(tmp_path, start_step=start).close()
    assert told == [start + 1]
