"""Files that take for ever, or that kill the process that reads them: it ends in time, and the file is named."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from stuck import Acting, act
from video_files import write_video

from kinema import cli
from kinema.data.ahead import Loader
from kinema.data.check import check
from kinema.data.decode import open_video
from kinema.data.inspection import inspect_files
from kinema.data.isolated import Ended, in_processes
from kinema.data.limit import leaving, limited, seconds_allowed
from kinema.data.loader import EvalClips, eval_loader
from kinema.data.sources import read_source
from kinema.data.video import Video
from kinema.errors import DataError, KinemaError, ReadersGone, UsageError
from kinema.settings import Clip


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a few frames with a terabyte of zeros behind it, none of which is on the disk."""
    path = write_video(tmp_path_factory.mktemp("endless") / "endless.mpg", 10, codec="mpeg1video")
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    return path


@pytest.fixture
def two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINEMA_FILE_SECONDS", "2")


def test_file_that_loops_in_c_is_ended_in_time_and_the_others_are_done() -> None:
    names = ["a.mp4", "loops.mp4", "bb.mp4", "ccc.mp4"]
    started = time.monotonic()
    found = dict(in_processes(act, names, workers=1, seconds=1))
    assert {name: answer for name, answer in found.items() if not isinstance(answer, Ended)} == {
        "a.mp4": 5,
        "bb.mp4": 6,
        "ccc.mp4": 7,
    }
    end = found["loops.mp4"]
    assert isinstance(end, Ended) and end.too_slow
    assert time.monotonic() - started < 60


def test_file_that_crashes_its_process_costs_no_other_one() -> None:
    found = dict(in_processes(act, ["crashes.mp4", "a.mp4", "is killed.mp4", "bb.mp4"], workers=2, seconds=60))
    assert (found["a.mp4"], found["bb.mp4"]) == (5, 6)
    assert str(found["crashes.mp4"]) == "the process that read it ended (SIGSEGV)"
    assert str(found["is killed.mp4"]) == "the process that read it ended (SIGKILL, perhaps for lack of memory)"


def test_check_goes_on_after_a_file_that_never_ends(endless: Path, tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 20)
    shutil.copy(tmp_path / "a.mp4", tmp_path / "z.mp4")
    (tmp_path / "endless.mpg").symlink_to(endless)
    report = check(read_source(tmp_path).sides(), frames_needed=16, seconds=2)
    (problem,) = [problem for problem in report.problems if problem.kind != "duplicate"]
    assert (problem.kind, problem.detail) == ("too slow", f"{tmp_path / 'endless.mpg'}: not read within 2 s")
    assert report.bad_paths == (str(tmp_path / "endless.mpg"),)
    assert report.sides["train"].readable == 2


def test_check_command_lists_what_takes_too_long(
    endless: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(tmp_path / "a.mp4", 20)
    (tmp_path / "endless.mpg").symlink_to(endless)
    bad = tmp_path / "bad.txt"
    assert cli.run(["data", "check", str(tmp_path), "--frames", "8", "--file-seconds", "2", "--bad", str(bad)]) == 3
    assert "too slow" in capsys.readouterr().out
    assert bad.read_text() == f"# too slow\n{tmp_path / 'endless.mpg'}\n"


def test_process_that_fails_by_no_fault_of_a_file_is_no_bad_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinema.data.inspection.inspect_file", act)
    with pytest.raises(ReadersGone, match=r"a process that reads videos failed at is a bug\.mp4 .*exit code 3"):
        inspect_files(["is a bug.mp4"], workers=1, progress=lambda done, total: None)


@pytest.mark.usefixtures("two_seconds")
def test_reader_that_a_file_holds_up_ends_and_the_file_is_named(endless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kinema.data.loader.require_shared_memory", lambda *sizes: None)  # reads a sample itself
    clips = EvalClips([Video(str(endless))], Clip(frames=2, size=24))
    with pytest.raises(DataError) as error:
        list(eval_loader(clips, batch_size=1, workers=1))
    assert str(error.value) == (
        f"{endless}: not read within 2 s: leave it out by --skip, or set KINEMA_FILE_SECONDS to more (0: no limit)"
    )


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("crashes.mp4", DataError, r"^videos/crashes.mp4: the decoder crashed on it \(SIGSEGV\); leave it out by --sk"),
        ("is killed.mp4", ReadersGone, r"a reading process was killed.*\(it was reading videos/is killed\.mp4\)$"),
    ],
)
def test_file_that_a_reader_dies_of_is_named(name: str, kind: type[KinemaError], says: str) -> None:
    with pytest.raises(kind, match=says):
        list(Loader[int](Acting("a.mp4", "b.mp4", name), workers=1, batch_size=None))


def test_command_line_watches_all_files_by_one_thread() -> None:
    before, seen = set(threading.enumerate()), set()
    with leaving():
        for number in range(20):
            with limited(Path(f"{number}.mp4")):
                seen.update(threading.enumerate())
    (watcher,) = seen - before
    watcher.join(timeout=30)
    assert not watcher.is_alive()


def test_time_of_a_file_counts_from_its_own_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINEMA_FILE_SECONDS", "1")
    left: list[str] = []
    monkeypatch.setattr("kinema.data.limit.leave", left.append)
    with leaving():
        for number in range(6):
            with limited(Path(f"{number}.mp4")):
                time.sleep(0.3)
        assert left == []
        with limited(Path("holds up.mp4")):
            deadline = time.monotonic() + 30
            while not left and time.monotonic() < deadline:
                time.sleep(0.05)
    assert left[0] == "holds up.mp4"


@pytest.mark.usefixtures("two_seconds")
def test_command_line_that_nobody_listens_to_any_more_ends_all_the_same(endless: Path, tmp_path: Path) -> None:
    (tmp_path / "endless.mpg").symlink_to(endless)
    command = [sys.executable, "-m", "kinema", "data", "check", str(tmp_path), "--workers", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        running.stderr.close()
        try:
            assert running.wait(timeout=60) == 3
        finally:
            running.kill()


@pytest.mark.usefixtures("two_seconds")
def test_command_line_that_reads_for_itself_says_which_file_holds_it_up(endless: Path, tmp_path: Path) -> None:
    (tmp_path / "endless.mpg").symlink_to(endless)
    command = [sys.executable, "-m", "kinema", "data", "check", str(tmp_path), "--workers", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == DataError.exit_code
    assert f"kinema: {tmp_path / 'endless.mpg'}: not read within 2 s: leave it out" in done.stderr
    assert "Traceback" not in done.stderr


def test_process_that_is_not_ours_to_end_has_no_alarm(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", 5)
    with limited(tmp_path / "a.mp4"), open_video(tmp_path / "a.mp4") as reader:
        reader.at([0])
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_limit_is_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("KINEMA_FILE_SECONDS", raising=False)
    assert seconds_allowed() == 300
    for wrong in ("soon", "-1", "nan", "inf"):
        monkeypatch.setenv("KINEMA_FILE_SECONDS", wrong)
        with pytest.raises(UsageError, match=f"KINEMA_FILE_SECONDS is '{wrong}': give seconds, or 0 for no limit"):
            seconds_allowed()
    assert cli.run(["list", "recipes"]) == 2
    monkeypatch.delenv("KINEMA_FILE_SECONDS")
    assert cli.run(["data", "check", "nowhere", "--file-seconds", "-3"]) == 2
    assert "--file-seconds is -3: give 0 or more" in capsys.readouterr().err
