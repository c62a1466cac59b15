"""Whoever does the work, the results come in the order of the items, each once, and errors as they were said."""

from __future__ import annotations

import os
import platform
import sys
from types import SimpleNamespace

import pytest
from spread_work import doubled, killed, odd_refused, where

from kinema.atomic import clear_unfinished, unfinished, write_bytes
from kinema.data import on_ray
from kinema.data.on_ray import Needs, OnRay, on_node, ready, require_listener
from kinema.data.spread import Processes
from kinema.errors import DataError, ReadersGone, UsageError


class LostError(Exception):
    """Stands for Ray's errors of lost processes."""


class Backwards:
    """What `OnRay` uses of Ray, in this process: whatever was given last is done first."""

    exceptions = SimpleNamespace(WorkerCrashedError=LostError, NodeDiedError=LostError, OutOfMemoryError=LostError)

    def __init__(self) -> None:
        self.most = 0
        self.retries = None

    def cluster_resources(self):
        return {"CPU": 2.0}

    def remote(self, *, num_cpus, max_retries):
        assert num_cpus == 1
        self.retries = max_retries
        return lambda function: SimpleNamespace(remote=lambda *given: Reference(function, given))

    def wait(self, references):
        self.most = max(self.most, len(references))
        return [references[-1]], references[:-1]

    def get(self, reference):
        return reference.function(*reference.given)


class Reference:
    """A task that was given."""

    def __init__(self, function, given):
        self.function = function
        self.given = given


@pytest.fixture
def ray(monkeypatch):
    """No Ray, but its surface as `OnRay` uses it; the process that works is this one, and stays as it was."""
    fake = Backwards()

    class Connected:
        def __init__(self, address):
            assert address == "somewhere"

        def __enter__(self):
            return fake

        def __exit__(self, *error):
            return None

    monkeypatch.setattr(on_ray, "connected", Connected)
    monkeypatch.setattr(on_ray, "ready", lambda needs: None)
    return fake


def cluster(at_once=None):
    return OnRay("somewhere", (), at_once=at_once)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_processes_give_results_in_the_order_of_the_items(workers):
    results = list(Processes(workers)(doubled, range(9)))
    assert [result["number"] for result in results] == [2 * number for number in range(9)]
    used = {result["process"] for result in results}
    assert (os.getpid() in used) == (workers == 0)
    assert len(used) <= max(1, workers)


@pytest.mark.parametrize("at_once", [None, 1, 3, 100])
def test_ray_gives_results_in_the_order_of_the_items_whatever_is_done_first(ray, at_once):
    results = list(cluster(at_once)(doubled, range(9)))
    assert [result["number"] for result in results] == [2 * number for number in range(9)]
    assert ray.most == min(at_once or 9, 9)
    assert ray.retries == on_ray.ATTEMPTS - 1


def test_nothing_to_do_starts_nothing():
    assert list(Processes(2)(doubled, [])) == []
    assert list(OnRay("nowhere", ())(doubled, [])) == []


@pytest.mark.parametrize("spread", [Processes(0), Processes(2), cluster()], ids=["here", "processes", "ray"])
def test_an_error_is_raised_as_it_was_said(spread, ray):
    with pytest.raises(DataError, match=r"^1: odd$"):
        list(spread(odd_refused, range(4)))


def test_a_killed_process_ends_the_work_with_one_line():
    with pytest.raises(ReadersGone, match=r"^a reading process was killed"):
        list(Processes(2)(killed, range(6)))


def test_an_item_that_is_lost_every_time_is_named(ray, monkeypatch):
    def lost(reference):
        raise LostError

    monkeypatch.setattr(ray, "get", lost)
    with pytest.raises(ReadersGone, match=r"^0: the process or node that worked on it was lost 4 times"):
        list(cluster(1)(doubled, range(3)))


@pytest.fixture
def node(monkeypatch, tmp_path):
    """This process as one of a node: what `ready` does to it is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KINEMA_DECODER", "pyav")
    monkeypatch.setattr(on_ray, "end_this_process", lambda seconds: None)
    ready.cache_clear()
    yield Needs.here([tmp_path])
    ready.cache_clear()


def test_a_node_works_in_the_folder_and_with_the_settings_of_who_asks(node, monkeypatch, tmp_path):
    (tmp_path / "a.mp4").touch()
    monkeypatch.chdir("/")
    monkeypatch.setenv("KINEMA_DECODER", "opencv")
    monkeypatch.setenv("KINEMA_OTHER", "x")
    assert on_node(where, "a.mp4", node) == f"{tmp_path} pyav True"
    assert "KINEMA_OTHER" not in os.environ


def test_a_node_that_does_not_see_the_videos_is_named(node, tmp_path):
    problem = on_node(where, "a.mp4", Needs(node.versions, node.folder, (str(tmp_path / "videos"),), node.settings))
    assert isinstance(problem, UsageError)
    assert f"the Ray node {platform.node()} does not see {tmp_path / 'videos'}" in str(problem)


def test_a_node_with_another_version_is_named(node):
    others = tuple((name, "0.1" if name == "av" else version) for name, version in node.versions)
    problem = on_node(where, "a.mp4", Needs(others, node.folder, node.shared, node.settings))
    assert isinstance(problem, UsageError)
    assert f"{platform.node()} has av " in str(problem)
    assert "and this machine 0.1" in str(problem)


def test_two_unfinished_files_never_share_a_name_and_are_cleared(tmp_path):
    target = tmp_path / "folder" / "a.bin"
    write_bytes(target, b"whole")
    halves = {unfinished(target) for _ in range(100)}
    assert len(halves) == 100
    for half in halves:
        assert half.parent == target.parent
        half.write_bytes(b"half")
    clear_unfinished(tmp_path)
    assert [path.name for path in target.parent.iterdir()] == ["a.bin"]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("ray://head:10001", "give HOST:PORT or auto"),
        ("head", "give HOST:PORT or auto"),
        ("127.0.0.1:1", "no Ray cluster answers there"),
        ("127.0.0.1:99999", "no Ray cluster answers there"),
    ],
)
def test_an_address_where_no_cluster_is_is_refused_at_once(address, complaint):
    with pytest.raises(UsageError, match=complaint):
        require_listener(address)


def test_ray_that_is_not_installed_is_asked_for_by_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    with pytest.raises(UsageError, match=r"pip install 'kinema\[ray\]'"):
        list(OnRay("auto", ())(doubled, [1]))
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
