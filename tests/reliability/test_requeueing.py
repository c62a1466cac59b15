"""Signals that end a job, and the batch script that puts it back into the queue."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

import kinema.pretraining
from kinema import cli

SCRIPT = Path(__file__).parents[2] / "examples" / "slurm" / "pretrain.sbatch"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_signal_before_the_first_step_asks_to_be_run_again_in_one_line(number, tmp_path, capsys, monkeypatch):
    def listing(*words, **flags):
        os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    monkeypatch.setattr(kinema.pretraining, "pretrain", listing)
    code = cli.run(["pretrain", "tiny_mcn", "--data", "videos", "--out", str(tmp_path / "run")])
    said = capsys.readouterr().err.splitlines()
    assert code == 75
    assert said[-1].startswith(f"kinema: stopped by {signal.Signals(number).name} before or after its steps: the same")
    assert signal.getsignal(number) is before


@pytest.fixture
def job(tmp_path):
    """The batch script as a node runs it, with an `srun` and a `scontrol` that note what they are asked."""
    tools, notes = tmp_path / "tools", tmp_path / "notes"
    tools.mkdir()
    for name in ("srun", "scontrol"):
        (tools / name).write_text(f'#!/bin/bash\necho {name} "$@" >> {notes}\nexit "$CODE"\n')
        (tools / name).chmod(0o755)

    def run(out, code, *flags):
        notes.write_text("")
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "SLURM_JOB_ID": "17", "CODE": str(code)}
        words = ["bash", SCRIPT, "mcn", "my videos", out, *flags]
        ended = subprocess.run(words, env=environment, cwd=tmp_path, check=False, capture_output=True, text=True)
        assert ended.stderr == ""
        return ended.returncode, notes.read_text().splitlines()

    return run


def test_job_that_asks_for_it_is_put_back_into_the_queue_and_resumed(job, tmp_path):
    command = "srun kinema pretrain mcn --data my videos --out run"
    assert job("run", 75, "--train.epochs", "3") == (75, [f"{command} --train.epochs 3", "scontrol requeue 17"])
    (tmp_path / "run").mkdir()
    assert job("run", 75) == (75, [f"{command} --resume", "scontrol requeue 17"])


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 130, 137])
def test_job_that_ended_otherwise_is_not_tried_again(job, code):
    assert job("run", code) == (code, ["srun kinema pretrain mcn --data my videos --out run"])
