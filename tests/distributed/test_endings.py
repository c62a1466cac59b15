"""What each of several processes says when one of them ends: which one that was, and why."""

import signal
import time

import pytest
from launch import HERE, finish, start


def explained(said):
    """The one line that a process ended with."""
    (line,) = [line for line in said.splitlines() if line.startswith("explained: ")]
    return line


def test_every_rank_that_is_left_names_the_one_that_was_killed_and_no_other():
    processes = start(4, HERE / "ending.py", "killed", 2)
    assert processes[2].wait(300) == -signal.SIGKILL
    before = time.monotonic()
    ended = finish(processes, timeout=60)
    assert time.monotonic() - before < 30
    for rank in (0, 1, 3):
        said, code = ended[rank]
        assert code == 1, said
        assert f"explained: rank 2 of 4 is gone, killed or with its machine; rank {rank} ends too." in explained(said)


@pytest.mark.parametrize("rank", [0, 1])
def test_error_of_one_rank_is_its_own_and_the_other_repeats_it(rank):
    ended = finish(start(2, HERE / "ending.py", "error", rank))
    own, code = ended[rank]
    assert code == 1
    assert "RuntimeError: two shapes" in own.splitlines()[-2]
    assert "explained" not in own
    said, _ = ended[1 - rank]
    why = f"rank {rank} of 2 has ended (RuntimeError: two shapes do not fit); rank {1 - rank} ends too."
    assert explained(said).startswith(f"explained: {why}")


def test_signal_to_one_rank_outside_its_steps_asks_for_all_to_be_run_again():
    (first, code), (_, other) = finish(start(2, HERE / "ending.py", "stopped", 1))
    assert (code, other) == (75, 75), first
    assert explained(first).startswith("explained: rank 1 of 2 has ended (Stopped: stopped by SIGTERM); rank 0 ends")
