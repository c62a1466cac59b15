"""The Hugging Face Hub: the real huggingface_hub in a process of its own, and a Hub on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import kinema
from exported.fake_hub import TOKEN, serving
from kinema.errors import UsageError
from kinema.exported import hub

pytest.importorskip("safetensors")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def call(tmp_path):
    """`call(endpoint, code, *words)`: Python code in a process whose Hub is `endpoint`."""
    pytest.importorskip("huggingface_hub")

    def run(endpoint, code, *words, token=TOKEN):
        own = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": token}
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
        paths = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, words)],
            env={**os.environ, **own, **quiet, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run


CLI = "import sys; from kinema import cli; sys.exit(cli.run(sys.argv[1:]))"
FETCH = """
import sys, torch, kinema
encoder = kinema.Encoder.from_pretrained(sys.argv[1], view="residual")
torch.save(encoder(torch.load(sys.argv[2])), sys.argv[3])
"""


def test_what_one_sends_another_has(call, make_run, tmp_path):
    run, frames = make_run(), torch.randint(0, 256, (2, 4, 32, 32, 3), dtype=torch.uint8)
    torch.save(frames, tmp_path / "frames.pt")
    with serving() as server:
        flags = ["--view", "both", "--license", "cc-by-4.0", "--push", "someone/mcn", "--private"]
        sent = call(server.address, CLI, "export", run, "--out", tmp_path / "out", *flags)
        assert sent.returncode == 0, sent.stderr
        assert f"sent to {server.address}/someone/mcn/commit/" in sent.stdout
        assert server.made[0]["full_name"] == "someone/mcn"
        assert server.made[0].get("private") is True or server.made[0].get("visibility") == "private"
        assert server.models["someone/mcn"] == {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        fetched = call(server.address, FETCH, "someone/mcn", tmp_path / "frames.pt", tmp_path / "features.pt")
        assert fetched.returncode == 0, fetched.stderr
        assert not [line for line in server.asked if line.endswith("README.md")], "only what is needed is fetched"
    assert torch.equal(torch.load(tmp_path / "features.pt"), kinema.load(run, view="residual")(frames))
    # From here on nobody answers: what was fetched is taken from the cache.
    again = call(server.address, FETCH, "someone/mcn", tmp_path / "frames.pt", tmp_path / "again.pt")
    assert again.returncode == 0, again.stderr


def test_what_the_hub_does_not_give_or_take_is_one_line(call, exported, tmp_path):
    embed = ["kinema.Encoder.from_pretrained(sys.argv[1])", "kinema.push_to_hub(sys.argv[2], sys.argv[1])"]
    code = "import sys, kinema\ntry:\n    {}\nexcept kinema.errors.KinemaError as problem:\n    print(problem)"
    with serving() as server:
        absent = call(server.address, code.format(embed[0]), "no/such")
        forbidden = call(server.address, code.format(embed[1]), "no/such", exported, token="hf_other")
    gone = call(server.address, code.format(embed[0]), "no/such")
    for ended, said in (
        (absent, "no/such: no such folder here, and the Hub does not give it"),
        (forbidden, f"the Hub does not take {exported} as no/such"),
        (gone, "no/such: no such folder here, and the Hub does not give it"),
    ):
        assert ended.returncode == 0, ended.stderr
        assert len(ended.stdout.splitlines()) == 1, ended.stdout
        assert ended.stdout.startswith(said), ended.stdout


def test_names_and_folders_are_told_apart_without_the_library(exported, make_run, tmp_path):
    assert hub.local(exported) == exported
    assert kinema.Encoder.from_pretrained(str(make_run(folder="other"))).view == "rgb"
    with pytest.raises(UsageError, match="no such folder, and no OWNER/NAME"):
        hub.local(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="has no revision v1: drop it"):
        hub.local(exported, "v1")


def test_without_the_library_it_is_said_what_to_install(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: kinema.Encoder.from_pretrained("some/one"), lambda: kinema.push_to_hub(exported, "some/one")):
        with pytest.raises(UsageError, match=r"pip install 'kinema\[hub\]'"):
            call()


def test_only_a_whole_exported_folder_is_sent(exported, make_run):
    with pytest.raises(UsageError, match="is no exported folder"):
        kinema.push_to_hub(make_run(folder="other"), "some/one")
    with pytest.raises(UsageError, match="is no name of a model"):
        kinema.push_to_hub(exported, "one")
    (exported / "second_view.safetensors").unlink()
    pytest.importorskip("huggingface_hub")
    with pytest.raises(UsageError, match=r"has no second_view\.safetensors"):
        kinema.push_to_hub(exported, "some/one")
