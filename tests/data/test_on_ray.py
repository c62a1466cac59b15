"""Work on a real Ray cluster of two nodes, one of which is killed midway: the bytes are those of the local run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from spread_work import Noted, killed, node_after_a_second, odd_refused

from kinema import cli, embedding
from kinema.data.check import check
from kinema.data.on_ray import OnRay
from kinema.data.sources import read_source
from kinema.data.windows import Windows
from kinema.embedding import embed
from kinema.errors import DataError, ReadersGone, UsageError
from kinema.flow_making import make_flow
from kinema.packing import pack

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("ray", path=Path(sys.executable).parent), reason="the package ray is not here"),
]
SIZE = {"num_cpus": 1, "object_store_memory": 10**8}


@pytest.fixture(scope="module")
def head():
    """A cluster of one node, to which this process is connected; it ends with the tests."""
    before = dict(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), before.get("PYTHONPATH", "")])
    import ray
    from ray.cluster_utils import Cluster

    as_nice_as_this = {"worker_niceness": 0}  # and not 15 nicer, which on a busy machine is next to standing still
    cluster = Cluster(True, head_node_args={**SIZE, "include_dashboard": False, "_system_config": as_nice_as_this})
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    os.environ.clear()
    os.environ.update(before)


class Watched:
    """Ray as the verbs get it; its second node is killed at work, and every beginning of an item is noted."""

    def __init__(self, head, folder, *shared):
        self.head = head
        self.second = head.add_node(**SIZE)
        self.ray = OnRay(head.address, shared)
        self.folder = folder
        folder.mkdir()
        nodes = set(OnRay(head.address, ())(node_after_a_second, range(6)))
        assert len(nodes) == 2, "both nodes work, and have imported what they need"

    def __call__(self, work, items):
        killer = threading.Thread(target=self.kill)
        killer.start()
        yield from self.ray(Noted(work, self.folder), items)
        killer.join()

    def kill(self):
        """Kill the second node while it is at its second item."""
        while sum(node == self.second.node_id for _, node in self.notes()) < 2:
            time.sleep(0.05)
        self.head.remove_node(self.second, allow_graceful=False)

    def notes(self):
        """(item, node) of each beginning."""
        return [(note.name.partition(".")[0], note.read_text()) for note in self.folder.iterdir()]

    def require_loss(self):
        """Assert that one item was begun on the second node, and then again on the other; and nothing else twice."""
        begun = Counter(item for item, _ in self.notes())
        (lost,) = [item for item, times in begun.items() if times > 1]
        assert begun[lost] == 2
        assert len({node for item, node in self.notes() if item == lost}) == 2


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["jpeg", "raw"])
def test_a_store_is_the_same_to_the_byte_though_a_node_was_killed(head, clip_folder, tmp_path, kind):
    expected = files(pack(clip_folder, out=tmp_path / "here", kind=kind, short_side=24, workers=0).folder)
    spread = Watched(head, tmp_path / "notes", clip_folder, tmp_path / "there")
    store = pack(clip_folder, out=tmp_path / "there", kind=kind, short_side=24, spread=spread)
    assert files(store.folder) == expected
    spread.require_loss()


def test_flow_is_the_same_to_the_byte_though_a_node_was_killed(head, clip_folder, tmp_path):
    expected = files(make_flow(clip_folder, out=tmp_path / "here", short_side=16, workers=0, device="cpu").folder)
    spread = Watched(head, tmp_path / "notes", clip_folder, tmp_path / "there")
    flow = make_flow(clip_folder, out=tmp_path / "there", short_side=16, spread=spread)
    assert files(flow.folder) == expected
    spread.require_loss()


@pytest.fixture(scope="module")
def run(clip_folder, tmp_path_factory):
    """A run of one epoch on clips of 4 frames of 32 pixels."""
    folder = tmp_path_factory.mktemp("runs") / "cmc"
    small = "--clip.frames 4 --clip.size 32 --train.batch-size 4 --train.workers 0 --method.contrast.negatives 8"
    words = ["pretrain", "tiny_cmc", *small.split(), "--train.epochs", "1"]
    assert cli.run([*words, "--data", str(clip_folder), "--out", str(folder)]) == 0
    return folder


def test_vectors_are_the_same_to_the_byte_though_a_node_was_killed(head, clip_folder, run, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "PART", 8)
    data = Path(shutil.copytree(clip_folder, tmp_path / "data"))
    next(data.glob("train/*/*.mp4")).write_bytes(b"no video")
    how = {"windows": Windows(seconds=0.24, hop=0.12, clips=2), "allow_short": True}
    told = []
    with pytest.raises(DataError, match=r"^1 of 24 videos cannot be embedded, the first: "):
        embed(run, data, tmp_path / "here", **how, workers=0)
    spread = Watched(head, tmp_path / "notes", data, run)
    with pytest.raises(DataError, match=r"^1 of 24 videos cannot be embedded, the first: "):
        embed(run, data, tmp_path / "there", **how, spread=spread, progress=lambda *done: told.append(done))
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert told == [(done, 24) for done in range(1, 25)]
    spread.require_loss()


def test_a_report_is_the_same_though_a_node_was_killed(head, clip_folder, tmp_path):
    data = Path(shutil.copytree(clip_folder, tmp_path / "data"))
    videos = sorted(data.glob("train/*/*.mp4"))
    videos[3].write_bytes(videos[3].read_bytes()[:500])
    videos[5].write_bytes(b"")
    shutil.copy(videos[7], videos[8])
    lists = read_source(data).sides()
    spread = Watched(head, tmp_path / "notes", data)
    report = check(lists, frames_needed=16, spread=spread)
    assert report == check(lists, frames_needed=16)
    assert {"truncated", "empty", "duplicate"} <= {problem.kind for problem in report.problems}
    spread.require_loss()


def test_files_that_take_too_long_are_listed_on_ray_as_they_are_here(head, clip_folder):
    lists = read_source(clip_folder).sides()
    here = check(lists, frames_needed=16, workers=1, seconds=1e-4)
    assert check(lists, frames_needed=16, spread=OnRay(head.address, ()), seconds=1e-4) == here
    assert {problem.kind for problem in here.problems} >= {"too slow"}


def test_the_verbs_give_the_same_on_ray_and_here(head, clip_folder, run, tmp_path):
    def kinema(*words):
        command = [sys.executable, "-m", "kinema", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)

    data = shutil.copytree(clip_folder, tmp_path / "data")
    data = data.relative_to(tmp_path)  # the nodes do not run in this folder
    for verb, flags in (("pack", ("--short-side", 24)), ("flow", ("--short-side", 16, "--device", "cpu"))):
        kinema("data", verb, data, "--out", f"{verb}_here", *flags)
        kinema("data", verb, data, "--out", f"{verb}_there", *flags, "--ray", head.address)
        assert files(tmp_path / f"{verb}_here") == files(tmp_path / f"{verb}_there")
    kinema("embed", run, data, "--out", "embed_here", "--device", "cpu")
    kinema("embed", run, data, "--out", "embed_there", "--ray", head.address)
    assert files(tmp_path / "embed_here") == files(tmp_path / "embed_there")
    here = kinema("data", "check", data, "--json", "here.json")
    there = kinema("data", "check", data, "--json", "there.json", "--ray", head.address)
    assert here.stdout == there.stdout
    assert (tmp_path / "here.json").read_bytes() == (tmp_path / "there.json").read_bytes()
    assert json.loads((tmp_path / "there.json").read_text())["ok"]


def test_what_goes_wrong_on_a_node_is_said_in_one_line(head, tmp_path):
    with pytest.raises(DataError, match=r"^1: odd$"):
        list(OnRay(head.address, ())(odd_refused, range(4)))
    with pytest.raises(UsageError, match=rf"does not see {tmp_path / 'none'}: put the videos"):
        list(OnRay(head.address, (tmp_path / "none",))(odd_refused, range(4)))


def test_an_item_that_kills_every_process_is_named(head):
    with pytest.raises(ReadersGone, match=r"^3: the process or node that worked on it was lost 4 times"):
        list(OnRay(head.address, ())(killed, range(6)))
