"""Packing through the command line: made, checked, trained on and measured like the videos themselves."""

from __future__ import annotations

import json


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
