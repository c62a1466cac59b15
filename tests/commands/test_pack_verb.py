"""Packing through the command line: made, checked, trained on and measured like the videos themselves."""

from __future__ import annotations

import json

import pytest

from kinema.commands.prepare import over
from kinema.data.on_ray import OnRay


def test_a_packed_data_set_serves_wherever_the_videos_do(command, clip_folder, small, tmp_path):
    store, run = tmp_path / "store", tmp_path / "run"
    made = command("data", "pack", clip_folder, "--out", store, "--short-side", 48, "--workers", 0)
    assert made.code == 0
    assert "videos packed: 24/24, 0:00 left" in made.err
    assert f"MB in {store}: give that as --data" in made.err
    assert (
        "24 of 24 videos are packed already"
        in command("data", "pack", clip_folder, "--out", store, "--short-side", 48).err
    )
    assert command("data", "check", store, "--frames", 8, "--workers", 1).code == 0

    assert command("pretrain", "tiny_mcn", *small, "--data", store, "--out", run).code == 0
    quick = ("--no-random-init", "--evaluation.clips", 2)
    assert command("retrieve", run, *quick).code == 0
    assert command("linear", run, *quick, "--data", clip_folder).code == 0
    assert command("hardpositives", run, *quick).code == 0
    result = json.loads((run / "results" / "retrieval_set.json").read_text())
    assert result["protocol"]["queries"] == 4


def test_what_cannot_be_packed_is_refused_in_one_line(command, clip_folder, tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "a.mp4").write_bytes(b"nothing")
    command("data", "pack", tmp_path / "videos", "--out", tmp_path / "store", "--workers", 0).refused(
        3, "1 of 1 videos cannot be packed", "--bad FILE` lists them for --skip"
    )
    command("data", "pack", clip_folder, "--out", clip_folder).refused(2, "is there and is no store")
    command("data", "pack", tmp_path / "none", "--out", tmp_path / "store").refused(2, "no such file or folder")
    command("pretrain", "tiny_mcn", "--data", tmp_path / "store", "--out", tmp_path / "run").refused(
        2, "unfinished store"
    )


def test_what_ray_says_of_its_nodes_is_kept_out_of_the_results(capsys):
    with over("127.0.0.1:6379", 4, "videos") as spread:
        print("a node was lost")
    assert spread == OnRay("127.0.0.1:6379", ("videos",), at_once=4)
    with over(None, 4, "videos") as spread:
        print("a result")
    assert spread is None
    said = capsys.readouterr()
    assert (said.out, said.err) == ("a result\n", "a node was lost\n")


def test_a_cluster_that_is_not_there_is_refused_in_one_line(command, clip_folder, tmp_path):
    pytest.importorskip("ray", reason="the package ray is not here")
    for words in (("pack", "--out", tmp_path / "a"), ("flow", "--out", tmp_path / "b"), ("check",)):
        verb, *flags = words
        command("data", verb, clip_folder, *flags, "--ray", "127.0.0.1:1").refused(2, "no Ray cluster answers there")
