"""Nothing reaches for the network: not an import of anything of kinema, not training, not evaluation."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OFFLINE = ROOT / "tests" / "offline"
TELEMETRY = {"analytics", "comet_ml", "huggingface_hub", "mlflow", "posthog", "ray", "sentry_sdk", "wandb"}


def offline(code: str, *given: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process that ends when it, or a child of it, reaches for the network."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("only Linux can be asked to end a process that makes a socket")
    paths = [str(OFFLINE), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", code, *map(str, given)]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600)


def test_the_guard_ends_whatever_reaches_for_the_network():
    assert offline("import socket; socket.socket()").returncode == -signal.SIGSYS
    assert offline("import socket; socket.socket(socket.AF_INET6)").returncode == -signal.SIGSYS
    assert offline("import socket; socket.getaddrinfo('localhost', 80)").returncode == 97
    in_child = (
        "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', 'import socket; socket.socket()']))"
    )
    assert offline(in_child).returncode != 0
    between_processes = offline("import socket; socket.socketpair(); print('fine')")
    assert (between_processes.returncode, between_processes.stdout) == (0, "fine\n")


def test_importing_all_of_kinema_opens_no_connection():
    code = """
import importlib, pkgutil, kinema
for module in pkgutil.walk_packages(kinema.__path__, "kinema."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("imported")
"""
    ended = offline(code)
    assert (ended.returncode, ended.stdout) == (0, "imported\n"), ended.stderr


def test_training_and_retrieval_open_no_connection_and_load_no_telemetry(clip_folder, tmp_path, small):
    code = """
import sys
from kinema import cli
data, out, *small = sys.argv[1:]
assert cli.run(["pretrain", "tiny_cmc", *small, "--train.workers", "2", "--data", data, "--out", out]) == 0
assert cli.run(["retrieve", out, "--evaluation.clips", "2"]) == 0
print("loaded:", *sys.modules)
"""
    ended = offline(code, clip_folder, tmp_path / "run", *small)
    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.partition("loaded:")[2].split())
    assert "kinema.engine.train" in loaded
    assert not loaded & TELEMETRY
