"""A run that is killed, at whatever moment, and resumed ends as one that nothing happened to."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from mortal import Mortals

from kinema.data import synthetic
from kinema.engine import checkpoint

FLAGS = [
    *("--backbone.name", "r3d_vcop", "--backbone.width", "0.0625"),
    *("--clip.frames", "4", "--clip.stride", "2", "--clip.size", "32"),
    *("--train.epochs", "3", "--train.batch-size", "4", "--train.workers", "0"),
    *("--train.batches", "look_alikes", "--train.probe-every", "2", "--train.keep-every", "2"),
    *("--method.contrast.negatives", "8"),
]
"""A run of MCN, with its bank, of three epochs of two steps; it writes everything that a run can write."""

BEGINNING = [("mkdir results", 1), ("rename recipe.json", 1), ("rename appearance.npy", 1)]
FIRST_EPOCH = [
    *(("write checkpoints/last.pt.partial", 2), ("update", 2), ("write metrics.jsonl", 1)),
    *(("rename checkpoints/previous.pt", 1), ("rename checkpoints/last.pt", 1)),
]
LATER = [("fsync checkpoints", 2), ("open checkpoints/last.pt.partial", 1), ("rename metrics.csv", 1)]
"""Moments to die at, each in the life after the one before; the n-th of its name in that life."""

KINDS = {
    "in a step": ("gradient", "update", "commit"),
    "in a checkpoint": ("write checkpoints", "open checkpoints", "fsync checkpoints", "rename checkpoints"),
    "between files": ("mkdir", "open", "rename", "link", "remove", "fsync"),
    "in the log": ("write metrics", "open metrics", "fsync metrics", "rename metrics"),
}
"""Sorts of moments, by how their names begin; the fifth is whenever the clock says."""


@pytest.fixture(scope="module")
def mortals():
    server = Mortals()
    yield server
    server.close()


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return synthetic.make(
        tmp_path_factory.mktemp("clips") / "set", train=16, test=4, frames=12, size=32, motions=2, train_looks=8
    )


def words(videos, folder):
    return ["pretrain", "tiny_mcn", *FLAGS, "--data", str(videos), "--out", str(folder)]


@pytest.fixture(scope="module")
def whole(mortals, videos, tmp_path_factory):
    """A run that nothing happened to, and the moments that it went through."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    ended = mortals.run(words(videos, folder), folder)
    assert ended["code"] == 0, ended["said"]
    return folder, ended["moments"]


def assert_same(folder, whole):
    """Weights, optimiser, bank, log and every other file are the same to the bit, but for the time that steps took."""
    names = {path.relative_to(whole) for path in whole.rglob("*") if path.is_file()}
    names = {name for name in names if name.parts[0] not in ("tensorboard", "environment.json")}
    for name in sorted(names):
        mine, theirs = folder / name, whole / name
        assert mine.is_file(), name
        if name.name == "recipe.json":
            assert settings(json.loads(mine.read_text())) == settings(json.loads(theirs.read_text()))
        elif name.suffix == ".pt":
            assert_same_checkpoint(mine, theirs)
        elif name.name.startswith("metrics."):
            assert untimed(folder) == untimed(whole)
        else:
            assert mine.read_bytes() == theirs.read_bytes(), name
    assert not [path for path in folder.rglob("*") if path.suffix in (".partial", ".half")]


def assert_same_checkpoint(mine, theirs):
    one, other = checkpoint.load(mine), checkpoint.load(theirs)
    assert (one.step, settings(one.recipe), one.data) == (other.step, settings(other.recipe), other.data)
    assert one.means == other.means == {}
    assert one.method.keys() == other.method.keys()
    assert all(torch.equal(value, other.method[name]) for name, value in one.method.items())
    assert one.optimizer["param_groups"] == other.optimizer["param_groups"]
    for number, state in other.optimizer["state"].items():
        for name, value in state.items():
            assert torch.equal(one.optimizer["state"][number][name], value)


def settings(recipe):
    """A recipe without the number of reading processes, which a resumed run may change."""
    return recipe | {"train": recipe["train"] | {"workers": None}}


def untimed(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if not name.endswith("_time")} for row in rows]


def again(videos, folder):
    """The command that goes on with a run, as the SLURM example has it."""
    return words(videos, folder) + (["--resume"] if folder.exists() else [])


def killed_by_the_clock(command, seconds):
    """A real process with a reader of its own; its exit code, or -9 where it was killed before it ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kinema", *command, "--train.workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def test_run_killed_between_any_two_of_its_files_ends_as_one_that_was_not(mortals, videos, whole, tmp_path):
    folder = tmp_path / "run"
    for moment in BEGINNING + FIRST_EPOCH + LATER:
        ended = mortals.run(again(videos, folder), folder, moment)
        assert ended["code"] == -signal.SIGKILL, (moment, ended)
    ended = mortals.run(again(videos, folder), folder)
    assert ended["code"] == 0, ended["said"]
    assert_same(folder, whole[0])


def test_run_told_to_stop_within_an_epoch_and_then_killed_ends_as_one_that_was_not(mortals, videos, whole, tmp_path):
    folder = tmp_path / "run"
    ended = mortals.run(again(videos, folder), folder, ("gradient", 3), by=signal.SIGUSR1)
    assert ended["code"] == 75
    assert "--resume goes on" in ended["said"]
    assert checkpoint.load(folder / "checkpoints" / "last.pt").step == 3
    assert mortals.run(again(videos, folder), folder, ("commit", 1))["code"] == -signal.SIGKILL
    assert mortals.run(again(videos, folder), folder)["code"] == 0
    assert_same(folder, whole[0])


@pytest.mark.slow
def test_runs_killed_at_twenty_random_moments_end_as_one_that_was_not(mortals, videos, whole, tmp_path):
    seed = int(os.environ.get("KINEMA_KILLS", "0"))
    rng, kills, runs, start = random.Random(seed), [], 0, time.monotonic()
    assert killed_by_the_clock(words(videos, tmp_path / "clock"), 600) == 0
    span = time.monotonic() - start
    assert_same(tmp_path / "clock", whole[0])
    while len(kills) < 20:
        folder, runs = tmp_path / f"run{runs}", runs + 1
        for _ in range(5):
            kind = [*KINDS, "by the clock"][len(kills) % 5]
            if kind == "by the clock":
                moment, start = rng.uniform(0, span), time.monotonic()
                code = killed_by_the_clock(again(videos, folder), moment)
                span = min(span, time.monotonic() - start) if code == 0 else span  # the machine has become faster
            else:
                moment = rng.choice([name for name in whole[1] if name.startswith(KINDS[kind])]), rng.choice([1, 1, 2])
                code = mortals.run(again(videos, folder), folder, moment)["code"]
            if code == 0:  # it came to its end before that moment
                break
            assert code == -signal.SIGKILL, (kind, moment)
            kills.append((runs, kind, moment))
        ended = mortals.run(again(videos, folder), folder)
        assert ended["code"] == 0, (kills, ended["said"])
        assert_same(folder, whole[0])
    print(f"seed {seed}: {len(kills)} kills of {runs} runs survived:", *kills, sep="\n  ")
