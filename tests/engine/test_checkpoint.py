import errno
import os
import pickle
import resource
import subprocess
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from kinema.engine import checkpoint
from kinema.engine.checkpoint import Checkpoint, load_state
from kinema.errors import KinemaError, UsageError


def content(step=3):
    torch.manual_seed(step)
    weights = {"weight": torch.randn(50, 40), "bias": torch.randn(40)}
    optim = {"state": {0: {"momentum_buffer": torch.randn(50, 40)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    return Checkpoint({"clip": {"frames": 8}}, {"name": "set"}, step, weights, optim, {"loss": (1.5, 2)})


def refuse(number):
    """A call that the system refuses."""

    def call(*words, **more):
        raise OSError(number, os.strerror(number))

    return call


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "last.pt"
    checkpoint.save(content(), path)
    return path


def refused(path):
    """The message with which the file is refused, which must be one line that names it."""
    with pytest.raises(UsageError) as caught:
        checkpoint.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_checkpoint_comes_back_as_it_was_and_alone(saved):
    back, expected = checkpoint.load(saved), content()
    assert (back.recipe, back.data, back.step, back.means) == (
        expected.recipe,
        expected.data,
        expected.step,
        expected.means,
    )
    for name, value in expected.method.items():
        assert torch.equal(back.method[name], value)
    assert torch.equal(back.optimizer["state"][0]["momentum_buffer"], expected.optimizer["state"][0]["momentum_buffer"])
    assert [path.name for path in saved.parent.iterdir()] == ["last.pt"]


def test_full_disk_during_a_write_leaves_the_checkpoint_before_it(saved, monkeypatch):
    def half_written(value, file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(KinemaError, match=r"No space left on device.*the one before it is kept: free space") as caught:
        checkpoint.save(content(4), saved)
    assert "\n" not in str(caught.value)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["last.pt"]


@pytest.mark.parametrize("limit", [0, 1000, 12000])
def test_write_that_the_system_stops_leaves_the_checkpoint_before_it(saved, limit):
    before, (soft, hard) = saved.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))  # bytes a file may have; the kernel refuses the rest
    try:
        with pytest.raises(KinemaError) as caught:
            checkpoint.save(content(4), saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert "File too large" in str(caught.value)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["last.pt"]


def test_checkpoint_is_on_the_disk_before_it_has_its_name_and_its_name_is_thereafter(saved, monkeypatch):
    sync, synced, before = os.fsync, [], saved.read_bytes()

    def noted(number):
        synced.append((str(Path(f"/proc/self/fd/{number}").readlink()), saved.read_bytes() == before))
        sync(number)

    monkeypatch.setattr(os, "fsync", noted)
    checkpoint.save(content(4), saved)
    assert synced == [(f"{saved}.partial", True), (str(saved.parent), False)]


def test_checkpoint_before_the_last_is_kept_and_no_other(saved):
    for step in (4, 5):
        checkpoint.save(content(step), saved)
        assert checkpoint.load(saved.with_name("previous.pt")).step == step - 1
    checkpoint.save(content(6), saved.with_name("epoch_0006.pt"))
    steps = {path.name: checkpoint.load(path).step for path in saved.parent.iterdir()}
    assert steps == {"last.pt": 5, "previous.pt": 4, "epoch_0006.pt": 6}


def test_writing_after_a_program_was_killed_between_its_two_renames_leaves_no_third_file(saved):
    checkpoint.save(content(4), saved)
    saved.with_name("previous.pt").unlink()
    os.link(saved, saved.with_name("previous.pt"))  # the earlier one has its second name, and the new one not its first
    checkpoint.save(content(5), saved)
    steps = {path.name: checkpoint.load(path).step for path in saved.parent.iterdir()}
    assert steps == {"last.pt": 5, "previous.pt": 4}


def test_write_that_fails_leaves_both_checkpoints(saved, monkeypatch):
    checkpoint.save(content(4), saved)
    before = {path: path.read_bytes() for path in saved.parent.iterdir()}
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(KinemaError, match="the one before it is kept"):
        checkpoint.save(content(5), saved)
    assert {path: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_file_system_without_second_names_keeps_the_checkpoint_before_the_last_too(saved, monkeypatch):
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    checkpoint.save(content(4), saved)
    assert [checkpoint.load(saved.with_name(name)).step for name in ("last.pt", "previous.pt")] == [4, 3]
    assert len(list(saved.parent.iterdir())) == 2


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-9])])
def test_damaged_last_checkpoint_names_the_one_before_it_and_what_to_type(saved, spoil):
    checkpoint.save(content(4), saved)
    assert checkpoint.load_last(saved.parent).step == 4
    spoil(saved)
    with pytest.raises(UsageError) as caught:
        checkpoint.load_last(saved.parent)
    message = str(caught.value)
    assert "\n" not in message
    assert f"the one before it is whole, at step 3: mv {saved.with_name('previous.pt')} {saved} and" in message
    shell = message.split("at step 3: ")[1].split(" and --resume")[0]
    assert subprocess.run(shell, shell=True, check=False).returncode == 0
    assert checkpoint.load_last(saved.parent).step == 3


def test_no_checkpoint_is_promised_that_is_damaged_too(saved):
    checkpoint.save(content(4), saved)
    for path in saved.parent.iterdir():
        path.write_bytes(b"noise")
    with pytest.raises(UsageError, match=r"last\.pt is not a readable checkpoint") as caught:
        checkpoint.load_last(saved.parent)
    assert "previous" not in str(caught.value)


def test_first_checkpoint_that_fails_says_that_there_is_none(tmp_path):
    with pytest.raises(KinemaError, match="there was none before it"):
        checkpoint.save(content(), tmp_path / "missing" / "last.pt")


def test_truncated_file_is_refused_wherever_it_ends(saved):
    whole = saved.read_bytes()
    for length in range(0, len(whole), 997):
        saved.write_bytes(whole[:length])
        assert "not a readable checkpoint" in refused(saved)


def test_flipped_bit_is_refused_or_does_not_matter(saved):
    whole, rng, found = saved.read_bytes(), torch.Generator().manual_seed(0), 0
    for _ in range(150):
        damaged = bytearray(whole)
        at = int(torch.randint(len(whole), (1,), generator=rng))
        damaged[at] ^= 1 << int(torch.randint(8, (1,), generator=rng))
        saved.write_bytes(damaged)
        try:
            back = checkpoint.load(saved)
        except UsageError as problem:
            found += "not a readable checkpoint" in str(problem)
            continue
        expected = content()  # the bit was in the padding between two parts
        assert all(torch.equal(back.method[name], value) for name, value in expected.method.items())
        assert (back.step, back.recipe, back.means) == (expected.step, expected.recipe, expected.means)
    assert found > 75


class Foreign:
    """Something that only unpickling with code would restore."""


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda path: path.write_bytes(b""), "not a readable checkpoint"),
        (lambda path: path.write_text("epoch,loss\n"), "not a readable checkpoint"),
        (lambda path: path.write_bytes(pickle.dumps({"state_dict": 1})), "not a readable checkpoint"),
        (lambda path: torch.save(Foreign(), path), "not a readable checkpoint"),
        (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "no"), "not a readable checkpoint"),
        (lambda path: torch.save({"state_dict": {"weight": torch.zeros(2)}}, path), "not a kinema checkpoint"),
        (lambda path: torch.save(torch.zeros(2), path), "not a kinema checkpoint"),
        (lambda path: torch.save({"kinema_format": 2}, path), "not a kinema checkpoint of format 1"),
    ],
)
def test_file_of_another_kind_is_refused(tmp_path, write, reason):
    path = tmp_path / "last.pt"
    write(path)
    assert reason in refused(path)


def test_missing_file_and_folder_are_refused(tmp_path):
    assert "no checkpoint at" in refused(tmp_path / "last.pt")
    assert "no checkpoint at" in refused(tmp_path)


def test_reading_runs_no_code_of_the_file(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"kinema_format": 1, "recipe": Trap()}, tmp_path / "last.pt")
    refused(tmp_path / "last.pt")
    assert not (tmp_path / "sprung").exists()


def test_state_that_fits_is_loaded():
    module, other = nn.Linear(3, 2), nn.Linear(3, 2)
    load_state(module, other.state_dict(), "run")
    assert torch.equal(module.weight, other.weight)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("bias"), "run does not fit this network: bias is missing (and 0 more of 2 tensors)"),
        (lambda state: state.update(extra=torch.zeros(1)), "extra has no place"),
        (lambda state: state.update(weight=torch.zeros(2, 4)), "weight is [2, 4], not [2, 3]"),
        (lambda state: state.clear(), "weight is missing (and 1 more of 2 tensors)"),
    ],
)
def test_state_that_does_not_fit_is_refused_whole(change, message):
    module, state = nn.Linear(3, 2), nn.Linear(3, 2).state_dict()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    change(state)
    with pytest.raises(UsageError) as caught:
        load_state(module, state, "run")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
