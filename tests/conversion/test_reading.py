"""Reading another program's pickle: nothing in it is run, and what cannot be read is said in one line."""

import argparse
import os
import pathlib
import random
import sys
import types
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from kinema.conversion.reading import read
from kinema.errors import UsageError

TENSORS = {"conv1.weight": torch.arange(6.0).view(2, 3)}


class Runs:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Unknown:
    """A class of somebody's repository."""


def saved(path, content, *, zipped=True):
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_options_and_scalers_beside_the_tensors_are_read_as_nothing(tmp_path, zipped):
    scaler = torch.amp.GradScaler("cpu")
    content = {
        "opt": argparse.Namespace(lr=0.01, model="r3d"),
        "model": OrderedDict(TENSORS),
        "amp_scaler": scaler,
        "best_acc": np.float64(0.5),
        "folder": pathlib.PosixPath("/tmp"),
        "optimizer": {"state": {0: {"step": 3}}, "param_groups": [{"lr": 0.1}]},
        "epoch": 240,
        "arch": "r3d",
    }
    found = read(saved(tmp_path / "ckpt.pth", content, zipped=zipped), ("model",))
    assert list(found.tensors) == ["conv1.weight"]
    assert torch.equal(found.tensors["conv1.weight"], TENSORS["conv1.weight"])
    assert found.facts == {"epoch": 240, "arch": "r3d"}
    assert len(found.sha256) == 64


@pytest.mark.parametrize("name", ["pathlib.WindowsPath", "pathlib._local.PosixPath", "pathlib._local.WindowsPath"])
def test_paths_of_other_systems_and_of_other_pythons_are_read_as_nothing(tmp_path, monkeypatch, name):
    module, _, kind = name.rpartition(".")
    elsewhere = types.ModuleType(module)
    elsewhere.__dict__[kind] = type(kind, (), {"__module__": module})
    monkeypatch.setitem(sys.modules, module, elsewhere)
    path = saved(tmp_path / "ckpt.pth", {"model": OrderedDict(TENSORS), "folder": elsewhere.__dict__[kind]()})
    monkeypatch.undo()
    assert list(read(path, ("model",)).tensors) == ["conv1.weight"]


@pytest.mark.parametrize("zipped", [True, False])
def test_file_that_would_run_something_is_refused_by_its_name_and_runs_nothing(tmp_path, zipped):
    trace = tmp_path / "ran"
    path = saved(tmp_path / "evil.pth", {"model": TENSORS, "opt": Runs(trace)}, zipped=zipped)
    with pytest.raises(
        UsageError, match=r"evil\.pth is refused, since reading it would run (posix|nt)\.mkdir: "
    ) as said:
        read(path, ("model",))
    assert "\n" not in str(said.value)
    assert not trace.exists()


def test_class_that_is_not_known_is_refused_by_its_name(tmp_path):
    path = saved(tmp_path / "own.pth", {"model": TENSORS, "opt": Unknown()})
    with pytest.raises(UsageError, match=r"would run \S*test_reading\.Unknown: give a file of tensors alone"):
        read(path, ("model",))


def test_known_name_with_a_trap_in_its_state_runs_nothing(tmp_path):
    trace = tmp_path / "ran"
    path = saved(tmp_path / "evil.pth", {"model": TENSORS, "opt": argparse.Namespace(a=Runs(trace))})
    with pytest.raises(UsageError, match="is refused"):
        read(path, ("model",))
    assert not trace.exists()


def test_entries_are_tried_in_order_and_the_empty_one_is_the_file_itself(tmp_path):
    flat = saved(tmp_path / "flat.pth", TENSORS)
    assert list(read(flat, ("model", "")).tensors) == ["conv1.weight"]
    with pytest.raises(UsageError, match=r"flat\.pth has no 'state_dict', but 'conv1\.weight': give --from"):
        read(flat, ("state_dict",))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "holds a list, not tensors by name"),
        (torch.ones(2), "holds a Tensor, not tensors by name"),
        ({}, "has no tensors by name, but nothing"),
        ({"epoch": 3}, "has no tensors by name, but 'epoch'"),
    ],
)
def test_file_without_tensors_by_name_is_refused(tmp_path, content, complaint):
    with pytest.raises(UsageError, match=complaint):
        read(saved(tmp_path / "odd.pth", content), ("",))


def test_absent_and_foreign_files_are_refused_in_one_line(tmp_path):
    text = tmp_path / "notes.pth"
    text.write_text("not a checkpoint")
    for each in (text, tmp_path, tmp_path / "nowhere.pth"):
        refused(each)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"hello\n", "is not a readable checkpoint: it is damaged, or not of torch"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"\x40\0\0\0\0\0\0\0" + b'{"a":{}}'.ljust(64), "is a file of safetensors"),
    ],
)
def test_a_file_of_another_kind_is_named_and_no_word_of_pythons_stands_for_it(tmp_path, content, complaint):
    path = tmp_path / "odd.pth"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"odd.pth {complaint}"):
        read(path, ("",))


def test_a_folder_is_not_said_to_be_absent(tmp_path):
    with pytest.raises(UsageError, match="is a folder: give the checkpoint in it"):
        read(tmp_path, ("",))


def test_where_else_a_file_has_its_tensors_is_said(tmp_path):
    path = saved(tmp_path / "wrapped.pth", {"epoch": 3, "state_dict": TENSORS})
    with pytest.raises(
        UsageError, match=r"has no tensors by name, but 'epoch', 'state_dict'; it has 1 under 'state_dict'"
    ):
        read(path, ("",))


def refused(path):
    with pytest.raises(UsageError) as said:
        read(path, ("model",))
    assert str(path) in str(said.value) and str(said.value).isprintable()


SMALL = {
    "model": OrderedDict(TENSORS | {"bn1.bias": torch.nn.Parameter(torch.ones(3))}),
    "epoch": 3,
    "lrs": (0.1, None),
}


@pytest.mark.parametrize("zipped", [True, False])
def test_file_that_was_cut_is_refused_wherever_it_was_cut(tmp_path, zipped):
    path = saved(tmp_path / "cut.pth", SMALL, zipped=zipped)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        refused(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_pickle_is_read_or_refused_in_one_line(tmp_path, zipped):
    """A byte of it changed, with the right checksum: what torch raises then is of every kind."""
    path = saved(tmp_path / "damaged.pth", SMALL, zipped=zipped)
    content = path.read_bytes()
    if zipped:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        (name,) = (name for name in parts if name.endswith("data.pkl"))
        content = parts[name]
    rng, count = random.Random(0), 0
    for _ in range(1000):
        damaged = bytearray(content)
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        if zipped:
            with zipfile.ZipFile(path, "w") as archive:
                for each in parts:
                    archive.writestr(each, bytes(damaged) if each == name else parts[each])
        try:
            read(path, ("model",))
        except UsageError as problem:
            count += 1
            assert str(problem).isprintable()
    assert count > 500


@pytest.mark.parametrize(
    "strange",
    [
        lambda value: value.to_sparse(),
        lambda value: value.to("meta"),
        lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8),
    ],
    ids=["sparse", "meta", "quantised"],
)
@pytest.mark.filterwarnings("ignore:.*quant", "ignore:TypedStorage is deprecated")
def test_tensors_that_are_not_plain_are_refused_as_weights_and_ignored_beside_them(tmp_path, strange):
    path = saved(tmp_path / "strange.pth", {"model": TENSORS | {"bn1.bias": strange(torch.ones(3))}})
    with pytest.raises(UsageError, match=r"strange\.pth: bn1\.bias is sparse, quantised or without numbers: give"):
        read(path, ("model",))
    beside = saved(tmp_path / "beside.pth", {"model": TENSORS, "scale": strange(torch.tensor(3.0))})
    assert read(beside, ("model",)).facts == {}


def test_tensor_name_that_cannot_be_printed_is_refused(tmp_path):
    path = saved(tmp_path / "names.pth", {"model": {"conv1\nweight": torch.ones(2)}})
    with pytest.raises(UsageError, match=r"names\.pth has a tensor named 'conv1\\nweight': it is damaged"):
        read(path, ("model",))


def test_a_flipped_bit_is_noticed(tmp_path):
    path = saved(tmp_path / "flipped.pth", {"a": torch.ones(1000)})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is not a readable checkpoint"):
        read(path, ("",))
