import os

import pytest
import torch

from kinema.errors import UsageError
from kinema.machine import cores, pick_device, pick_workers, threads_beside


def test_device_is_the_one_asked_for():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_device_that_is_not_there_is_refused(name):
    with pytest.raises(UsageError, match=rf"^there is no device '{name}' here: .*known: auto, cpu"):
        pick_device(name)


def with_cores(monkeypatch, seen, usable=None):
    """A machine of so many cores, of which this process may use some or all."""
    monkeypatch.setattr("kinema.machine.os.cpu_count", lambda: seen)
    monkeypatch.setattr("kinema.machine.usable_cores", lambda: float(usable or seen))


def launched(monkeypatch, gpus, **told):
    """Sixteen processes on machines with so many GPUs, of which this is one."""
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("told", [{}, {"LOCAL_WORLD_SIZE": "8"}])
def test_each_process_of_two_machines_has_a_gpu_of_its_own(monkeypatch, told):
    launched(monkeypatch, 8, RANK="11", WORLD_SIZE="16", LOCAL_RANK="3", **told)
    assert pick_device("auto") == torch.device("cuda", 3)
    assert pick_device("cpu") == torch.device("cpu")
    with_cores(monkeypatch, 64)
    assert cores() == 8


@pytest.mark.parametrize("told", [{}, {"LOCAL_WORLD_SIZE": "16"}])
def test_more_processes_than_gpus_on_a_machine_are_refused(monkeypatch, told):
    launched(monkeypatch, 8, RANK="11", WORLD_SIZE="16", LOCAL_RANK="11", **told)
    with pytest.raises(UsageError, match=r"processes on this machine need a GPU each, of 8 .*: start 8 or fewer"):
        pick_device("auto")


def test_processes_of_a_machine_without_gpus_share_its_cores(monkeypatch):
    launched(monkeypatch, 0, RANK="1", WORLD_SIZE="4", LOCAL_RANK="1")
    with_cores(monkeypatch, 8)
    assert pick_device("auto") == torch.device("cpu")
    assert cores() == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process to a core")
def test_cores_are_those_that_this_process_may_run_on():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert (cores(), pick_workers(None)) == (1, 1)
    finally:
        os.sched_setaffinity(0, before)


def test_part_of_a_core_counts_as_one(monkeypatch):
    with_cores(monkeypatch, 64, 3.5)
    assert (cores(), pick_workers(None)) == (4, 3)


def test_cores_that_a_launcher_gave_one_process_are_not_divided_again(monkeypatch):
    launched(monkeypatch, 0, RANK="1", WORLD_SIZE="8", LOCAL_RANK="1")
    with_cores(monkeypatch, 64, 6)
    assert cores() == 6


def test_readers_take_threads_from_training_and_give_them_back(monkeypatch):
    with_cores(monkeypatch, 4)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for workers, threads in ((0, 3), (2, 2), (9, 1)):
            with threads_beside(workers):
                assert torch.get_num_threads() == threads
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
