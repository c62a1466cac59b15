import json
import shutil

import pytest


@pytest.fixture
def other_seed(pretrain, clip_folder, tmp_path):
    folder = tmp_path / "other"
    assert pretrain(clip_folder, folder, "--train.seed", 1).code == 0
    return folder


def test_compare_prints_a_row_a_run_and_writes_the_difference(command, own_run, other_seed, tmp_path):
    third = shutil.copytree(own_run, tmp_path / "third")
    ended = command("compare", own_run, other_seed, "--against", third, "--evaluation.clips", 2)
    assert ended.code == 0
    for name in ("own", "other", "third", "difference", "R@1"):
        assert name in ended.out
    (path,) = (own_run / "results").glob("*minus_third*.json")
    written = json.loads(path.read_text())
    assert written["protocol"]["settings"]["runs"] == "own, other"
    low, high = written["score"]["interval"]
    assert low <= written["score"]["value"] <= high


def test_equal_runs_differ_by_nothing_on_the_command_line(command, own_run, tmp_path):
    twin = shutil.copytree(own_run, tmp_path / "twin")
    assert command("compare", own_run, "--against", twin, "--evaluation.clips", 2).code == 0
    (path,) = (own_run / "results").glob("*minus_twin*.json")
    assert json.loads(path.read_text())["score"]["values"]["R@1"] == 0


def test_a_run_on_both_sides_or_with_other_clips_is_refused(command, pretrain, own_run, clip_folder, tmp_path):
    command("compare", own_run, "--against", own_run).refused(2, "is given twice")
    other = tmp_path / "other"
    assert pretrain(clip_folder, other, "--clip.frames", 5).code == 0
    command("compare", own_run, "--against", other).refused(2, "do not compare")
    command("compare", own_run).refused(2, "--against")
    command("compare", "--against", own_run).refused(2, "there is no run before --against")
    command("compare", own_run, "--against").refused(2, "there is no run after --against")
