import pytest
import torch

from kinema.errors import UsageError
from kinema.machine import mixed, pick_device, threads_beside


def test_precision_is_mixed_on_a_gpu_or_when_asked_for():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert [mixed("auto", device) for device in (cpu, cuda)] == [False, True]
    assert [mixed("32-true", device) for device in (cpu, cuda)] == [False, False]
    assert mixed("bf16-mixed", cuda)


def test_mixed_precision_on_a_cpu_is_refused_by_the_flag_that_asked_for_it():
    with pytest.raises(UsageError, match=r"^--finetune\.precision bf16-mixed needs a GPU"):
        mixed("bf16-mixed", torch.device("cpu"), "--finetune.precision")


def test_device_is_the_one_asked_for():
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_device_that_is_not_there_is_refused(name):
    with pytest.raises(UsageError, match=rf"^there is no device '{name}' here: .*known: auto, cpu"):
        pick_device(name)


def test_readers_take_threads_from_training_and_give_them_back(monkeypatch):
    monkeypatch.setattr("kinema.machine.os.cpu_count", lambda: 4)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        for workers, threads in ((0, 3), (2, 2), (9, 1)):
            with threads_beside(workers):
                assert torch.get_num_threads() == threads
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
