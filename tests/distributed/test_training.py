"""`kinema pretrain` as several processes: the same run as by one, whatever happens to one of them."""

import json
import signal
import time

import pytest
import torch
from launch import finish, run, start

from kinema.data import synthetic

STEPS_AN_EPOCH = 6
PRETRAIN = ["-m", "kinema", "pretrain"]
SMALL = ["--train.workers", "1", "--train.batch-size", "8", "--clip.frames", "4", "--clip.size", "32"]
# SGD in short steps: AdamW makes a full step of what differs by rounding.
SGD = [
    "--optim.name",
    "sgd",
    "--optim.lr",
    "0.001",
    "--optim.clip-grad",
    "0.5",
    "--clip.short-side",
    "38",
    "--train.probe-every",
    "1",
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    synthetic.make(folder, train=8 * STEPS_AN_EPOCH, test=8, train_looks=6, test_looks=1, frames=20)
    return folder


@pytest.fixture(scope="module")
def flags(clips):
    """Of CMC, since in float32 rounding leaves more of CMC's first gradients than of MCN's; test_steps has both."""
    return [*PRETRAIN, "tiny_cmc", *SMALL, *SGD, "--data", clips, "--train.epochs", "2"]


@pytest.fixture(scope="module")
def alone(flags, tmp_path_factory):
    """A run by one process."""
    folder = tmp_path_factory.mktemp("runs") / "alone"
    run(1, *flags, "--out", folder)
    return folder


def state(folder):
    return torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["method"]


def figures(folder):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if "_time" not in name} for row in rows]


def assert_same_run(one, other):
    for mine, theirs in zip(figures(one), figures(other), strict=True):
        assert theirs == pytest.approx(mine, rel=2e-3, abs=1e-4)
    expected, found = state(one), state(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-3, msg=name)


def wait_for(path, processes, seconds=120):
    ends = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < ends and all(process.poll() is None for process in processes)
        time.sleep(0.05)


def test_two_processes_make_the_run_of_one_with_one_log_and_one_voice(alone, flags, tmp_path):
    said = run(2, *flags, "--out", tmp_path / "two")
    assert_same_run(alone, tmp_path / "two")
    assert "trained 12 steps" in said[0]
    assert said[1] == ""


def test_run_of_two_processes_goes_on_by_one_where_a_signal_to_either_stopped_it(alone, flags, tmp_path):
    folder = tmp_path / "run"
    processes = start(2, *flags, "--out", folder)
    wait_for(folder / "checkpoints" / "previous.pt", processes)  # the first of two epochs has ended
    processes[1].send_signal(signal.SIGTERM)
    ended = finish(processes, timeout=60)
    assert [code for _, code in ended] == [75, 75], ended
    stopped_at = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["step"]
    assert f"stopped at step {stopped_at} with a checkpoint" in ended[0][0]
    assert STEPS_AN_EPOCH <= stopped_at < 2 * STEPS_AN_EPOCH
    said = run(1, *flags, "--out", folder, "--resume")
    assert "was begun by 2 processes and goes on by 1: a step has 8 videos as before" in said[0]
    assert_same_run(alone, folder)


SLOW_DISK = """
import sys, time
from kinema import cli
from kinema.engine import checkpoint
save = checkpoint.save
checkpoint.save = lambda state, path: (time.sleep(3 if state.step else 0), save(state, path))
cli.main(sys.argv[1:])
"""


def test_no_process_leaves_before_the_checkpoint_of_a_stop_is_written(flags, tmp_path):
    """A launcher gives the others half a minute from the moment that one has left."""
    folder = tmp_path / "run"
    processes = start(2, "-c", SLOW_DISK, *flags[2:], "--out", folder, "--train.batch-size", "2")
    wait_for(folder / "checkpoints" / "previous.pt", processes)  # the first of two epochs has ended
    processes[1].send_signal(signal.SIGTERM)
    assert processes[1].wait(120) == 75
    written = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["step"]
    said, code = finish(processes)[0]
    assert code == 75
    assert f"stopped at step {written} with a checkpoint" in said
    assert 24 < written < 48


@pytest.mark.parametrize("killed", [0, 1])
def test_killed_process_ends_the_others_within_half_a_minute_and_they_name_it(flags, tmp_path, killed):
    folder = tmp_path / "run"
    processes = start(2, *flags, "--out", folder, "--train.epochs", "200")
    wait_for(folder / "checkpoints" / "last.pt", processes)
    time.sleep(2)
    processes[killed].kill()
    before = time.monotonic()
    said, code = finish(processes, timeout=60)[1 - killed]
    assert time.monotonic() - before < 30
    assert code == 1
    assert said.splitlines()[-1].startswith(f"kinema: rank {1 - killed}: rank {killed} of 2 is gone")


def refusal(size, *arguments, further=()):
    """What rank 0 says last, all processes having ended with 2."""
    ended = finish(start(size, *arguments, further=further))
    assert [code for _, code in ended] == [2] * size, ended
    return ended[0][0].splitlines()[-1]


def test_batch_that_does_not_divide_over_the_processes_is_refused(flags, tmp_path):
    said = refusal(2, *flags, "--out", tmp_path / "run", "--train.batch-size", "5")
    assert "a batch of 5 videos does not divide over 2 processes: use --train.batch-size 4" in said
    assert not (tmp_path / "run").exists()


def test_rank_that_was_started_otherwise_ends_all_before_anything_is_written(flags, clips, tmp_path):
    said = refusal(2, *flags, "--out", tmp_path / "run", further=["--train.seed", "7", "--train.workers", "0"])
    assert "rank 1 was started otherwise than rank 0, or finds other videos there (train.seed: 0 -> 7): give" in said
    fewer = tmp_path / "fewer.csv"
    fewer.write_text("".join(f"{path}\n" for path in sorted((clips / "train").rglob("*.mp4"))[1:]))
    said = refusal(2, *flags, "--out", tmp_path / "run", further=["--data", fewer])
    assert "(data.videos: 48 -> 47)" in said
    assert not (tmp_path / "run").exists()


def test_ranks_apart_need_whole_groups_of_four_each(clips, tmp_path):
    flags = [*PRETRAIN, "tiny_mcn", *SMALL, "--data", clips, "--method.meta.reduce", "per_rank"]
    said = refusal(4, *flags, "--out", tmp_path / "run")
    assert "leaves each of 4 processes 2 videos a stage, no groups of 4" in said
    assert "use --train.batch-size 16" in said
    assert not (tmp_path / "run").exists()


def test_compiled_network_over_processes_is_refused(flags, tmp_path):
    said = refusal(2, *flags, "--out", tmp_path / "run", "--train.compile")
    assert "--train.compile is for one process" in said
    assert not (tmp_path / "run").exists()


def test_folder_that_rank_0_refuses_ends_all(alone, flags):
    assert "is not empty" in refusal(2, *flags, "--out", alone)


def test_verbs_of_one_process_are_refused_under_a_launcher(alone):
    assert refusal(2, "-m", "kinema", "knn", alone).endswith("kinema knn is one process: start it without torchrun")
