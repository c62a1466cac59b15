"""`kinema hardpositives`, from flags to result files."""

from __future__ import annotations

import json
import shutil

import pytest

from kinema.evaluate.features import Features
from kinema.evaluate.hard_positives import hard_positives

QUICK = ["--evaluation.clips", "1"]


@pytest.fixture
def other_run(own_run, tmp_path):
    return shutil.copytree(own_run, tmp_path / "other")


def written(run, name):
    return json.loads((run / "results" / f"{name}.json").read_text())


def test_run_stands_beside_random_init_and_another_run_with_paired_differences(command, own_run, other_run):
    ended = command("hardpositives", own_run, *QUICK, "--against", other_run)
    assert ended.code == 0, ended.err
    for name in ("random init", "other", "own", "own minus this"):
        assert name in " ".join(ended.out.split()), ended.out
    assert "looks by column 'look' of meta.csv; intervals from drawing queries again" in ended.err
    names = {path.stem for path in (own_run / "results").iterdir()}
    base = "hard_positives_set_look"
    assert names == {base, f"{base}_random_init", f"{base}_minus_random_init", f"{base}_minus_other"}
    assert [path.stem for path in (other_run / "results").iterdir()] == [base]
    same = written(own_run, f"{base}_minus_other")["score"]
    assert same["values"] == {"index minus other": 0.0}
    assert same["interval"] == [0, 0]
    gap = written(own_run, base)["score"]["value"] - written(own_run, f"{base}_random_init")["score"]["value"]
    assert written(own_run, f"{base}_minus_random_init")["score"]["value"] == pytest.approx(gap)
    protocol = written(own_run, base)["protocol"]
    assert (protocol["queries"], protocol["gallery"], protocol["train_list"]) == (4, 0, "")
    assert protocol["settings"] == {"look": "look", "candidates": "test", "resampled": "queries", "by": None}


def test_train_videos_can_be_candidates_and_the_index_is_that_of_the_features(command, own_run):
    assert command("hardpositives", own_run, *QUICK, "--no-random-init", "--candidates", "all").code == 0
    result = written(own_run, "hard_positives_set_look_all")
    assert result["protocol"]["gallery"] == 20
    (kept,) = [Features.load(path) for path in (own_run / "features").glob("*.npz")]
    names = [path.split("|")[0].split("/") for path in kept.paths]  # .../train/slide/look03_0.mp4
    labels = [("slide", "rise").index(name[-2]) for name in names]
    looks = [f"{name[-3]} {name[-1][:6]}" for name in names]
    test = [row for row, name in enumerate(names) if name[-3] == "test"]
    train = [row for row, name in enumerate(names) if name[-3] == "train"]
    parts = [
        Features(
            kept.vectors[rows], kept.labels.new_tensor([labels[row] for row in rows]), ("",) * len(rows), ("a", "b")
        )
        for rows in (test, train)
    ]
    found = hard_positives(parts[0], [looks[row] for row in test], parts[1], [looks[row] for row in train])
    assert result["score"]["value"] == pytest.approx(100 * found.index.mean().item())


def test_index_can_be_broken_down_by_a_column(command, own_run):
    ended = command("hardpositives", own_run, *QUICK, "--no-random-init", "--by", "direction")
    assert ended.code == 0, ended.err
    values = written(own_run, "hard_positives_set_look")["score"]["values"]
    assert set(values) <= {"index", "direction=-1", "direction=1"}
    assert len(values) >= 2


def test_report_shows_the_index_with_what_it_means(command, own_run):
    assert command("hardpositives", own_run, *QUICK).code == 0
    assert command("report", own_run).code == 0
    page = (own_run / "report.html").read_text()
    assert "Hard-positive index on set" in page
    assert "50 % is no preference" in page
    assert "Paired difference" in page
    assert page.count("<table>") == 1


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--look person", "meta.csv has no column 'person'"),
        ("--look noise_seed", "no test video has both"),
    ],
)
def test_column_that_cannot_serve_is_refused_before_any_work(command, own_run, flags, complaint):
    command("hardpositives", own_run, *QUICK, *flags.split()).refused(2, complaint)
    assert not (own_run / "features").exists()


def test_set_without_meta_is_refused(command, own_run, clip_folder, tmp_path):
    bare = shutil.copytree(clip_folder, tmp_path / "bare")
    (bare / "meta.csv").unlink()
    command("hardpositives", own_run, "--data", bare).refused(2, "no meta.csv in a folder above lists it")


def test_run_against_itself_or_none_or_another_clip_is_refused(command, own_run, other_run, tmp_path):
    call = ("hardpositives", own_run, *QUICK, "--against")
    command(*call, own_run).refused(2, "own is given twice")
    command(*call, tmp_path / "nowhere").refused(2, "is not a run")
    recipe = json.loads((other_run / "recipe.json").read_text())
    recipe["clip"]["size"] = 48
    (other_run / "recipe.json").write_text(json.dumps(recipe))
    command(*call, other_run).refused(2, "sees clips of 4x2 at 32 of 37 px", "of 4x2 at 48 of 55 px")
    recipe["clip"]["size"] = 32
    (other_run / "recipe.json").write_text(json.dumps(recipe))
    (other_run / "checkpoints" / "last.pt").unlink()
    command(*call, other_run).refused(2, "no checkpoint at")
    assert not list((own_run / "results").iterdir())
