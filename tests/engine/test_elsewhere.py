"""On a device that is not the CPU nothing stays behind, nothing is waited for, and the outcome is the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch.utils.backend_registration as registration

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "methods"))
from cases import CASES  # noqa: E402

pytestmark = pytest.mark.skipif(
    not hasattr(registration, "_setup_privateuseone_for_python_backend"), reason="torch has no devices made in Python"
)
STEPS = [*CASES, "mcn, order 0", "mcn, order 1", "mcn, order 2", "cmc, nce"]


@pytest.fixture(scope="module")
def seen():
    """What `steps_elsewhere.py` prints."""
    ended = subprocess.run([sys.executable, HERE / "steps_elsewhere.py"], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.mark.parametrize("name", STEPS)
def test_step_on_another_device_ends_as_on_the_cpu(seen, name):
    assert "error" not in seen[name], seen[name]
    assert seen[name]["apart"] == 0


@pytest.mark.parametrize("name", STEPS)
def test_step_never_waits_for_the_device(seen, name):
    assert set(seen[name]["reads"]) == set()


@pytest.mark.slow
def test_step_by_any_choice_of_any_method_neither_waits_nor_mixes_devices():
    program = [sys.executable, HERE / "steps_elsewhere.py", "choices"]
    found = json.loads(subprocess.run(program, capture_output=True, text=True, check=True).stdout)
    assert len(found) > 300
    assert {name: each for name, each in found.items() if "error" in each or each.get("reads")} == {}


def test_flow_on_another_device_is_the_cpus(seen):
    assert "error" not in seen["flow"], seen["flow"]
    assert seen["flow"]["apart"] == 0
    assert seen["flow"]["moved"] > 0.5


@pytest.fixture(scope="module")
def trained(clip_folder, tmp_path_factory):
    """What `training_elsewhere.py` prints."""
    program = [sys.executable, HERE / "training_elsewhere.py", clip_folder / "train", tmp_path_factory.mktemp("runs")]
    ended = subprocess.run(program, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_training_on_another_device_leaves_the_cpus_checkpoints(trained):
    assert trained["whole"]["steps"] == {"previous": 5, "last": 10}
    assert trained["whole"]["apart"] == []
    assert trained["whole"]["ended"] == ["", ""]


def test_training_waits_for_the_device_at_the_end_of_an_epoch_alone(trained):
    reads = trained["whole"]["reads"]
    assert [number for number, waits in enumerate(reads, start=1) if waits] == [1, 6]  # for what precedes these steps
    assert reads[5] == ["aten._local_scalar_dense.default"] * 4  # means over the epoch: loss, its part, accuracy, norm


def test_device_has_a_step_to_do_while_the_one_before_is_looked_at(trained):
    ahead = trained["whole"]["ahead"]
    assert len(ahead) == 10
    within = [ahead[number] for number in range(10) if number % 5 != 4]
    assert min(within) > 2 * max(ahead[4], ahead[9]) > 0  # at an epoch's end there is an update left, but no next step


@pytest.mark.parametrize("at", [2, 5, 7, 9])
def test_loss_that_is_no_number_on_another_device_ends_as_on_the_cpu(trained, at):
    """While a queue is filled, in an epoch's first step, in the middle and in the last."""
    found = trained[f"spoiled {at}"]
    assert f"at step {at} " in found["ended"][0]
    assert found["ended"][0] == found["ended"][1]
    assert found["steps"]["nonfinite"] == at
    assert found["steps"]["last"] == (0 if at < 5 else 5)
    assert found["apart"] == []


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("there + torch.ones(3)", "a tensor of the CPU [3] among those of the device"),
        ("torch.ones(3)[there.long()]", "a tensor of the CPU [3] among those of the device"),
        ("torch.rand(3, device=DEVICE, generator=torch.Generator())", "generator"),
        ("there.numpy()", "numpy"),
    ],
)
def test_stand_in_refuses_what_a_gpu_refuses(wrong, complaint):
    ended = run(f"there = torch.ones(3).to(DEVICE); {wrong}")
    assert ended.returncode == 1
    assert complaint in ended.stderr


@pytest.mark.parametrize(
    "asked",
    [
        "float(there.sum())",
        "there.tolist()",
        "there.cpu()",
        "there[there > 0]",
        "there[torch.ones(1).long()]",
        "bool(there.any())",
        "torch.ones(3).to(DEVICE)",
        "there.copy_(torch.ones(3))",
        "torch.ones(3).copy_(there)",
    ],
)
def test_stand_in_notes_what_waits_for_the_device(asked):
    there = "there = torch.ones(3).to(DEVICE, non_blocking=True); assert not standing.reads"
    ended = run(f"{there}; {asked}; assert standing.reads")
    assert ended.returncode == 0, ended.stderr


def test_stand_in_gives_what_nobody_waited_for_only_behind_an_event():
    ended = run(
        "module = torch.get_device_module(DEVICE); early, late = module.Event(), module.Event(); "
        "there = torch.ones(3).to(DEVICE, non_blocking=True); early.record(module.current_stream(DEVICE)); "
        "here = there.to('cpu', non_blocking=True); early.synchronize(); assert here.isnan().all(); "
        "late.record(module.current_stream(DEVICE)); late.synchronize(); assert (here == 1).all(); "
        "assert not standing.reads"
    )
    assert ended.returncode == 0, ended.stderr


def run(line: str) -> subprocess.CompletedProcess[str]:
    """A line of Python while the device is there."""
    lines = f"import torch\nfrom stand_in import DEVICE, StandIn\nwith StandIn() as standing:\n    {line}\n"
    return subprocess.run([sys.executable, "-c", lines], cwd=HERE, capture_output=True, text=True, check=False)
