"""`kinema attention` and `kinema motionshare`, from flags to files."""

from __future__ import annotations

import json
import shutil

import pytest
from PIL import Image

from kinema.data.lists import class_names

QUICK = ["--evaluation.clips", "2"]


@pytest.fixture
def other_run(own_run, tmp_path):
    return shutil.copytree(own_run, tmp_path / "other")


@pytest.fixture
def videos(clip_folder):
    return sorted((clip_folder / "test").glob("*/*.mp4"))


def change(run, part, name, value):
    recipe = json.loads((run / "recipe.json").read_text())
    recipe[part][name] = value
    (run / "recipe.json").write_text(json.dumps(recipe))


def test_a_picture_a_video_with_gif_and_mp4(command, own_run, other_run, videos, tmp_path):
    out = tmp_path / "out"
    ended = command(
        "attention", own_run, "--against", other_run, *videos[:2], "--gif", "--mp4", "--out", out, "--frames", 1, 4
    )
    assert ended.code == 0, ended.err
    stems = [f"{path.parent.name}_{path.stem}" for path in videos[:2]]
    files = [out / (stem + ending) for stem in stems for ending in (".png", ".gif", ".mp4")]
    assert ended.out.split() == [str(file) for file in files]
    assert all(file.stat().st_size > 1000 for file in files)
    with Image.open(files[1]) as film:
        assert film.n_frames == 4
        assert film.info["duration"] == 80  # every second frame of 25 a second


def test_without_videos_the_runs_own_test_videos_are_drawn_beside_random_init(command, own_run, clip_folder):
    ended = command("attention", own_run)
    assert ended.code == 0, ended.err
    drawn = {path.stem for path in (own_run / "attention").iterdir()}
    assert len(drawn) == 4
    assert {name.rsplit("_", 2)[0] for name in drawn} == set(class_names(clip_folder / "classes.txt", first=0))


@pytest.mark.parametrize(
    ("flags", "code", "complaint"),
    [
        ("VIDEO --frames 1 5", 2, "--frames 5: the run's clips have frames 1 to 4"),
        ("VIDEO --frames 0", 2, "--frames 0: the run's clips have frames 1 to 4"),
        ("NOTES", 3, "notes.mp4"),
        ("LOST.mp4", 2, "LOST.mp4"),
        ("VIDEO --against RUN", 2, "own is given twice"),
        ("VIDEO --against NOWHERE", 2, "is not a run"),
        ("VIDEO --device abacus", 2, "there is no device 'abacus' here"),
        ("VIDEO --view both", 2, "invalid choice 'both'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(command, own_run, videos, tmp_path, flags, code, complaint):
    (tmp_path / "notes.mp4").write_text("not a video")
    places = {"VIDEO": videos[0], "RUN": own_run, "NOTES": tmp_path / "notes.mp4", "NOWHERE": tmp_path / "nowhere"}
    words = [places.get(word, word) for word in flags.split()]
    command("attention", own_run, *words).refused(code, complaint)
    assert not (own_run / "attention").exists()


def test_other_clips_a_missing_checkpoint_and_a_map_without_places_are_refused(command, own_run, other_run, videos):
    call = ("attention", own_run, videos[0])
    change(other_run, "clip", "stride", 1)
    command(*call, "--against", other_run).refused(2, "sees clips of 4x2 at 32 of 37 px", "of 4x1 at 32 of 37 px")
    (own_run / "checkpoints" / "last.pt").rename(own_run / "last.pt")
    command(*call).refused(2, "no checkpoint at")
    (own_run / "last.pt").rename(own_run / "checkpoints" / "last.pt")
    change(own_run, "clip", "size", 16)
    command(*call).refused(2, "the last map has one cell for a whole frame of 16 px")
    command("motionshare", own_run).refused(2, "the last map has one cell")
    assert not list((own_run / "results").iterdir())


def test_run_on_videos_without_test_part_asks_for_videos(command, own_run, clip_folder, pretrain, tmp_path):
    out = tmp_path / "train_only"
    assert pretrain(clip_folder / "train.csv", out).code == 0
    command("attention", out).refused(2, "has no test videos to choose from: name videos after the run")
    data = json.loads((out / "data.json").read_text())
    (out / "data.json").write_text(json.dumps(data | {"digest": "of other videos"}))
    command("attention", out).refused(
        2, "no longer holds the 20 videos that", "was trained on: name videos after the run"
    )


def test_motion_share_is_measured_beside_random_init_and_other_runs(command, own_run, other_run):
    ended = command("motionshare", own_run, *QUICK, "--against", other_run)
    assert ended.code == 0, ended.err
    assert "own minus this" in " ".join(ended.out.split())
    assert "an even map has 10.0 percent; a map of as few cells" in ended.err
    names = {path.stem for path in (own_run / "results").iterdir()}
    base = "motion_share_set"
    assert names == {base, f"{base}_random_init", f"{base}_minus_random_init", f"{base}_minus_other"}
    written = json.loads((own_run / "results" / f"{base}.json").read_text())
    assert list(written["score"]["values"]) == ["share", "fixed map"]
    assert 0 < written["score"]["value"] < 100
    protocol = written["protocol"]
    assert (protocol["queries"], protocol["gallery"], protocol["average"], protocol["pooling"]) == (
        4,
        0,
        "share",
        "none",
    )
    assert (protocol["clips"], protocol["settings"]) == (2, {"top": 0.1})
    paired = json.loads((own_run / "results" / f"{base}_minus_other.json").read_text())
    assert paired["score"]["values"] == {"share minus other": 0.0, "fixed map minus other": 0.0}
    command("motionshare", own_run, "--view", "both").refused(2, "attention is of one view")
    assert command("report", own_run).code == 0
    assert "Attention on motion on set" in (own_run / "report.html").read_text()
