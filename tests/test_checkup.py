"""Everything that `kinema doctor` can find wrong is found, with what to do, and nothing where nothing is wrong."""

from __future__ import annotations

import os
import resource
import shutil
from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch

from kinema import checkup, limits
from kinema.data import decode

Usage = namedtuple("Usage", "total used free")


def room(monkeypatch, free):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100e9, 100e9 - free, free))


def declared(monkeypatch, *lines):
    monkeypatch.setattr(checkup, "requires", lambda name: list(lines))


def test_a_package_that_is_too_old_is_a_problem_with_its_remedy(monkeypatch):
    declared(monkeypatch, "numpy>=99,<100")
    (problem,) = checkup.packages().problems
    assert "kinema needs <100,>=99" in problem or "kinema needs >=99,<100" in problem
    assert "pip install 'numpy" in problem


def test_a_required_package_that_is_not_there_is_a_problem(monkeypatch):
    declared(monkeypatch, "no-such-package>=1")
    found = checkup.packages()
    assert "not installed (pip install 'no-such-package>=1')" in found.lines[0]
    assert "no-such-package cannot be imported" in found.problems[0]


def test_a_package_of_an_extra_may_be_missing_and_the_extra_is_named(monkeypatch):
    declared(monkeypatch, "numpy>=1", "no-such-package[fast]>=1; extra == 'ray'", 'no-such-tool; extra == "dev"')
    found = checkup.packages()
    assert found.problems == []
    assert [line.split()[0] for line in found.lines] == ["numpy", "no-such-package"]
    assert "pip install 'kinema[ray]'" in found.lines[1]


def test_the_decoder_that_auto_takes_is_named(monkeypatch):
    monkeypatch.setattr(decode, "why_not", lambda name: "" if name == "pyav" else "not here")
    found = checkup.decoders()
    said = {line.split()[1]: line.split(maxsplit=2)[2] for line in found.lines}
    assert said == {"torchcodec": "not here", "pyav": "works", "opencv": "not here", "taken": "pyav"}
    assert found.problems == []


def test_no_decoder_and_a_decoder_asked_for_in_vain_are_problems(monkeypatch):
    monkeypatch.setenv("KINEMA_DECODER", "opencb")
    assert "did you mean 'opencv'" in checkup.decoders().problems[0]
    monkeypatch.setattr(decode, "why_not", lambda name: "not here")
    assert checkup.decoders().problems == ["no video decoder works: pip install --force-reinstall av"]


def test_a_torchcodec_that_finds_no_ffmpeg_is_advice(monkeypatch):
    monkeypatch.setattr(decode, "why_not", lambda name: "libavutil.so.59 not found" if name == "torchcodec" else "")
    monkeypatch.setattr(checkup, "installed", lambda name: True)
    (advice,) = checkup.decoders().advice
    assert "libavutil.so.59 not found" in advice
    assert "apt-get install ffmpeg" in advice


def test_a_driver_without_a_torch_for_it_is_pointed_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "built for CPUs" in checkup.devices().advice[0]
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert "update the NVIDIA driver" in checkup.devices().problems[0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "CUDA_VISIBLE_DEVICES hides the GPU" in checkup.devices().advice[0]


def test_a_gpu_that_cannot_compute_is_a_problem(monkeypatch):
    about = SimpleNamespace(name="Old GPU", total_memory=8e9, major=3)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: about)

    def broken(*given):
        raise RuntimeError("no kernel image is available\nfor execution")

    monkeypatch.setattr(torch, "ones", lambda *shape, device: torch.zeros(shape))
    monkeypatch.setattr(torch.nn.functional, "conv3d", broken)
    found = checkup.devices()
    assert found.lines == ["device cuda:0: Old GPU, 8.0 GB, no bf16"]
    assert found.problems == [
        "cuda:0 does not compute (no kernel image is available): install a torch built for Old GPU"
    ]


def test_fewer_cores_than_threads_is_advice_that_names_the_settings(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(limits, "usable_cores", lambda: 3.5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    found = checkup.processors()
    assert "64 cores, 3.5 may be used; torch threads 64" in found.lines[0]
    [advice] = found.advice
    assert "OMP_NUM_THREADS=4" in advice
    monkeypatch.setattr(limits, "usable_cores", lambda: 64.0)
    assert checkup.processors().advice == []


def test_little_shared_memory_disk_or_main_memory_is_said(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkup, "SHARED", tmp_path)
    room(monkeypatch, 64e6)
    monkeypatch.setattr(limits, "memory", lambda: (16e9, 9e9))
    monkeypatch.setattr(limits, "memory_limit", lambda: None)
    found = checkup.memory()
    assert "has 64 MB free" in found.problems[0]
    assert "--shm-size" in found.problems[0]
    assert found.advice == []
    assert "64 MB of disk free" in checkup.storage().problems[0]
    room(monkeypatch, 50e9)
    monkeypatch.setattr(limits, "memory_limit", lambda: 1_000_000_000)
    found = checkup.memory()
    assert found.problems == checkup.storage().problems == []
    assert "may use 1.0 GB" in found.lines[0]
    assert "1.0 GB of memory is little" in found.advice[0]


def test_disk_is_that_of_the_folder_of_runs_where_there_is_one(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert f"free in {tmp_path}" in checkup.storage().lines[0]
    (tmp_path / "runs").mkdir()
    assert f"free in {tmp_path / 'runs'}" in checkup.storage().lines[0]
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "runs cannot be written to" in checkup.storage().problems[0]


@pytest.mark.parametrize(
    ("limit", "most"), [((256, 4096), 1024), ((256, 512), 512), ((256, resource.RLIM_INFINITY), 1024)]
)
def test_few_open_files_are_a_problem(monkeypatch, limit, most):
    monkeypatch.setattr(resource, "getrlimit", lambda which: limit)
    assert checkup.open_files().problems == [
        f"only 256 files may be open, which reading processes use up: ulimit -n {most}"
    ]


def test_many_open_files_are_none(monkeypatch):
    for soft in (65536, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda which, soft=soft: (soft, soft))
        assert checkup.open_files().problems == []
