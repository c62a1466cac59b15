"""The flow kernels of a GPU compute what torch does, as far as can be told without a GPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is not here: pip install triton")


def told(what, **environment):
    """What `fused_flow.py` prints, a process of its own: the interpreter must be chosen before Triton is imported."""
    program = [sys.executable, Path(__file__).with_name("fused_flow.py"), what]
    ended = subprocess.run(program, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def interpreted():
    return told("interpret", TRITON_INTERPRET="1")


def test_medians_are_torchs_to_the_bit(interpreted):
    assert interpreted["medians"]["apart"] == 0
    assert interpreted["medians"]["size"] > 10


def test_iterations_are_torchs(interpreted):
    for name in ("flow", "across", "along"):
        assert interpreted["iterations"][name]["apart"] < 2e-6
        assert interpreted["iterations"][name]["size"] > 0.1


def test_pair_that_has_come_to_rest_is_left_as_it_is(interpreted):
    assert interpreted["medians"]["idle"] == 0
    assert interpreted["iterations"]["idle"] == 0
    assert interpreted["iterations"]["going"] == [1, 0, 1]


def test_pair_stops_after_the_iteration_that_hardly_moved_it_and_for_itself(interpreted):
    rest = interpreted["rest"]
    assert (rest["goes"], rest["stops"], rest["later"]) == (1, 0, 0)
    assert rest["stopped"]["apart"] < 2e-6
    assert rest["on"]["apart"] > 1e-3


def test_whole_flow_is_torchs_and_does_not_depend_on_the_batch(interpreted):
    assert interpreted["whole"]["size"] > 1
    assert interpreted["whole"]["apart"] < 1e-3
    assert interpreted["whole"]["alone"] == 0


def test_kernels_become_machine_code_for_gpus_that_are_absent(tmp_path):
    sizes = told("compile", TRITON_CACHE_DIR=str(tmp_path))["compiled"]
    assert set(sizes) == {f"{name} {kind}" for name in ("move", "spread", "middle") for kind in (80, 90)}
    assert min(sizes.values()) > 1000
