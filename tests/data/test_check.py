"""The check before training: every sort of bad file is found and named, and good data passes."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from video_files import write_frames, write_sound, write_video

from kinema.data.check import Report, check
from kinema.data.skip import read_skip, without
from kinema.data.sources import VideoList, read_list, read_source
from kinema.data.video import Video


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, six clips of different content and 20 frames each."""
    folder = tmp_path_factory.mktemp("good")
    for number in range(6):
        write_video(folder / ("walk" if number % 2 else "run") / f"{number}.mp4", 20, first=20 * number)
    return folder


@pytest.fixture
def data(good: Path, tmp_path: Path) -> Path:
    """A copy of `good` to be spoilt."""
    return Path(shutil.copytree(good, tmp_path / "data"))


def checked(folder: Path, frames_needed: int = 16, workers: int = 1) -> Report:
    return check(read_source(folder).sides(), frames_needed=frames_needed, workers=workers)


def kinds(report: Report) -> list[tuple[str, str]]:
    return sorted((problem.kind, Path(problem.path).name) for problem in report.problems)


def listed(name: str, *videos: Video) -> VideoList:
    return VideoList(videos, ("run", "walk"), name)


def test_good_data_passes_and_is_summed_up(good: Path) -> None:
    report = checked(good)
    assert report.ok
    assert report.problems == report.bad_paths == ()
    summary = report.sides["train"]
    assert (summary.videos, summary.readable, summary.missing, summary.classes) == (6, 6, 0, 2)
    assert (summary.frames, summary.frames_shortest, summary.frames_median, summary.frames_longest) == (120, 20, 20, 20)
    assert summary.seconds == pytest.approx(6 * 20 / 25)
    assert summary.num_bytes == sum(path.stat().st_size for path in good.glob("*/*.mp4"))
    assert summary.sizes == {"80x48": 6}


def test_every_sort_of_bad_file_is_found_and_named(data: Path) -> None:
    whole = (data / "run/0.mp4").read_bytes()
    (data / "run/cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    (data / "run/empty.mp4").touch()
    (data / "walk/text.mp4").write_text("no video" * 100)
    write_sound(data / "walk/sound.mp4")
    report = checked(data)
    assert not report.ok
    assert kinds(report) == [
        ("empty", "empty.mp4"),
        ("truncated", "cut.mp4"),
        ("unreadable", "sound.mp4"),
        ("unreadable", "text.mp4"),
    ]
    assert {Path(path).name for path in report.bad_paths} == {"cut.mp4", "empty.mp4", "sound.mp4", "text.mp4"}
    assert report.sides["train"].videos == 10
    assert report.sides["train"].readable == 6
    assert all("\n" not in problem.detail for problem in report.problems)


def test_damage_in_the_middle_of_a_file_is_found(data: Path) -> None:
    path = write_video(data / "run/x.mp4", 40, options={"g": "10"}, container_options={"movflags": "faststart"})
    content = bytearray(path.read_bytes())
    middle = (content.index(b"mdat") + len(content)) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    assert kinds(checked(data)) == [("unreadable", "x.mp4")]


def test_a_short_video_is_a_warning_only(data: Path) -> None:
    write_video(data / "run/short.mp4", 5, first=900)
    report = checked(data, frames_needed=20)
    assert report.ok
    assert kinds(report) == [("padded", "short.mp4")]
    assert "5 frames, but a clip spans 20" in report.problems[0].detail
    assert report.bad_paths == ()


def test_the_same_content_under_two_names_is_a_duplicate(data: Path) -> None:
    shutil.copy(data / "run/0.mp4", data / "run/copy.mp4")
    shutil.copy(data / "run/0.mp4", data / "walk/copy.mp4")
    report = checked(data)
    assert not report.ok
    assert kinds(report) == [("duplicate", "copy.mp4"), ("duplicate", "copy.mp4")]
    same, other = sorted(problem.detail for problem in report.problems)
    assert same.endswith("same content as " + str(data / "run/0.mp4"))
    assert other.endswith("with another label")
    assert report.bad_paths == ()


def test_a_path_listed_twice_is_a_duplicate(data: Path) -> None:
    path = str(data / "run/0.mp4")
    report = check({"train": listed("train", Video(path, 0), Video(path, 0))}, frames_needed=1)
    assert [(problem.kind, problem.detail) for problem in report.problems if problem.kind == "duplicate"] == [
        ("duplicate", f"{path}: listed twice")
    ]


def test_content_and_groups_on_both_sides_are_leakage(data: Path) -> None:
    shutil.copy(data / "run/0.mp4", data / "run/renamed.mp4")
    train = listed(
        "train", Video(str(data / "run/0.mp4"), 0, "eli"), Video(str(data / "walk/1.mp4"), 1, "ido"),
        Video(str(data / "walk/3.mp4"), 1, ""),
    )  # fmt: skip
    test = listed(
        "test", Video(str(data / "run/renamed.mp4"), 0, "lena"), Video(str(data / "run/2.mp4"), 0, "ido"),
        Video(str(data / "walk/5.mp4"), 1, ""),
    )  # fmt: skip
    report = check({"train": train, "test": test}, frames_needed=1)
    assert not report.ok
    assert kinds(report) == [("content leakage", "0.mp4"), ("group leakage", "1.mp4")]
    content, group = sorted(report.problems, key=lambda problem: problem.kind)
    assert "renamed.mp4 (test)" in content.detail
    assert group.detail == "group 'ido' is on both sides: 1 videos in train and 1 videos in test"
    assert report.bad_paths == ()
    without_groups = replace(test, videos=tuple(replace(video, group="") for video in test.videos[1:]))
    assert check({"train": train, "test": without_groups}, frames_needed=1).ok


def test_one_class_and_missing_files_are_reported(data: Path) -> None:
    (data / "list.csv").write_text("path,label\nwalk/1.mp4,walk\nwalk/3.mp4,walk\nwalk/gone.mp4,walk\n")
    videos = read_list(data / "list.csv", allow_missing=True)
    report = check({"train": videos}, frames_needed=1)
    assert not report.ok
    assert kinds(report) == [("missing", "gone.mp4"), ("one class", "list")]
    missing = report.problems[0]
    assert f"{data / 'list.csv'}:4: no file" in missing.detail
    assert (report.sides["train"].videos, report.sides["train"].missing) == (3, 1)


def test_an_unlabelled_list_is_not_one_class(data: Path) -> None:
    assert checked(data / "run").ok


def test_the_skip_file_leaves_out_what_was_bad_and_nothing_else(data: Path, tmp_path: Path) -> None:
    (data / "run/empty.mp4").touch()
    write_video(data / "run/short.mp4", 5, first=900)
    report = checked(data)
    assert report.write_skip(tmp_path / "skip.txt") == 1
    assert "empty" in (tmp_path / "skip.txt").read_text()
    videos, count = without(read_source(data).train, read_skip(tmp_path / "skip.txt"))
    assert (len(videos), count) == (7, 1)
    assert check({"train": videos}, frames_needed=1).ok


def test_folders_of_frames_are_checked_frame_by_frame(tmp_path: Path) -> None:
    write_frames(tmp_path / "data/run/one", 4)
    shutil.copytree(tmp_path / "data/run/one", tmp_path / "data/run/same")
    write_frames(tmp_path / "data/walk/two", 5, suffix=".jpg")
    (tmp_path / "data/walk/two/img_2.jpg").write_bytes(b"\xff\xd8 no jpeg")
    assert kinds(checked(tmp_path / "data", 1)) == [("duplicate", "same"), ("unreadable", "two")]


def test_folder_with_a_video_s_name_and_nothing_in_it_is_not_passed_over(data: Path) -> None:
    (data / "run/clip.mp4").mkdir()
    (data / "walk/frames.avi/deeper").mkdir(parents=True)
    write_frames(data / "walk/images.mp4", 3)
    report = checked(data, 1)
    assert kinds(report) == [("unreadable", "clip.mp4"), ("unreadable", "frames.avi")]
    assert report.problems[0].detail == (
        f"{data / 'run/clip.mp4'}: a folder without frames (looked for .bmp, .jpeg, .jpg, .png)"
    )
    assert report.sides["train"].readable == 7


def test_pipes_and_devices_are_unreadable_and_not_waited_for(data: Path) -> None:
    os.mkfifo(data / "run/pipe.mp4")
    (data / "run/zeros.mp4").symlink_to("/dev/zero")
    write_frames(data / "walk/images", 3)
    (data / "walk/images/img_9.png").symlink_to("/dev/zero")
    for workers in (0, 1):
        report = checked(data, 1, workers)
        assert kinds(report) == [("unreadable", name) for name in ("images", "pipe.mp4", "zeros.mp4")]
        assert all("not a regular file" in problem.detail for problem in report.problems)


def test_names_that_are_no_text_are_checked_and_skipped(data: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(os.fsencode(data / "run") + b"/caf\xe9.mp4")
    Path(odd).touch()
    report = checked(data)
    assert report.bad_paths == (odd,)
    assert report.write_skip(tmp_path / "skip.txt") == 1
    assert b"caf\xe9.mp4\n" in (tmp_path / "skip.txt").read_bytes()
    videos, count = without(read_source(data).train, read_skip(tmp_path / "skip.txt"))
    assert (len(videos), count) == (6, 1)
    json.dumps(report.to_json())


def test_processes_find_the_same_as_one_and_report_progress(data: Path) -> None:
    (data / "run/empty.mp4").touch()
    seen: list[tuple[int, int]] = []
    lists = read_source(data).sides()
    report = check(lists, frames_needed=16, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert report == checked(data)
    assert seen == [(done, 7) for done in range(1, 8)]


def test_a_report_is_plain_json(data: Path) -> None:
    (data / "run/empty.mp4").touch()
    record = json.loads(json.dumps(checked(data).to_json()))
    assert record["ok"] is False
    assert record["problems"][0]["kind"] == "empty"
    assert record["sides"]["train"]["videos"] == 7
    assert record["bad_paths"] == [str(data / "run/empty.mp4")]


@pytest.mark.parametrize("name", ["weizmann9", "fight2"])
def test_real_data_has_no_problems(shared_data: Path, name: str) -> None:
    report = check(read_source(shared_data / name).sides(), frames_needed=16)
    assert report.problems == ()
