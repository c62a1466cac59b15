import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from video_files import write_video

from kinema.data.loader import EvalClips, eval_loader
from kinema.data.processes import reading_context
from kinema.data.video import Video
from kinema.errors import DataError, ReadersGone, UsageError
from kinema.machine import pick_workers
from kinema.settings import Clip

CLIP = Clip(frames=2, size=24)

SCRIPT = """
import sys
from kinema.data.loader import EvalClips, eval_loader
from kinema.data.video import Video
from kinema.settings import Clip

print("the script runs")
loader = eval_loader(EvalClips([Video(sys.argv[1])], Clip(frames=2, size=24)), batch_size=1, workers=1)
print([tuple(clips.shape) for clips, _, _ in loader])
"""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return Video(str(write_video(tmp_path_factory.mktemp("processes") / "a.mp4", 12)))


KILLED = """
import os, signal, sys
from kinema.data.loader import EvalClips, eval_loader
from kinema.data.video import Video
from kinema.settings import Clip

videos = [Video(sys.argv[1])] * 50
for number, batch in enumerate(eval_loader(EvalClips(videos, Clip(frames=2, size=24)), batch_size=1, workers=2)):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
"""


UNFINISHED = """
import sys
from kinema.data.loader import EvalClips, eval_loader
from kinema.data.video import Video
from kinema.settings import Clip

stream = iter(eval_loader(EvalClips([Video(sys.argv[1])] * 50, Clip(frames=2, size=24)), batch_size=1, workers=2))
next(stream)
kept = [stream]
kept.append(kept)  # a circle, as tracebacks make them: nothing ends the readers before the interpreter does
"""


@pytest.fixture(autouse=True)
def nothing_is_read_in_this_process(monkeypatch):
    """Loaders read a sample to see whether there is room for what they read ahead."""
    monkeypatch.setattr("kinema.data.loader.require_shared_memory", lambda *sizes: None)


def read(video, workers=1):
    return list(eval_loader(EvalClips([video], CLIP), batch_size=1, workers=workers))


def test_script_needs_no_guard_and_runs_once(video, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, video.path], capture_output=True, text=True, timeout=120)
    assert done.stdout == "the script runs\n[(1, 10, 2, 24, 24, 3)]\n", done.stderr


def test_readers_see_the_environment_as_it_is_when_they_start(video, monkeypatch):
    assert len(read(video)) == 1  # the server runs now
    monkeypatch.setenv("KINEMA_DECODER", "nonsense")
    with pytest.raises(UsageError, match="unknown decoder 'nonsense'"):
        read(video)


def test_readers_are_no_copies_of_the_process_that_starts_them(video, monkeypatch):
    """So they cannot inherit a lock that one of its threads holds."""

    def locked(path):
        raise AssertionError("read by a copy")

    monkeypatch.setattr("kinema.data.loader.open_video", locked)
    with pytest.raises(AssertionError, match="read by a copy"):
        read(video, workers=0)
    assert len(read(video, workers=1)) == 1


def group_members(group):
    """Processes of a process group that have not ended."""
    listed = subprocess.run(["ps", "-eo", "pgid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    return [row for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps is not installed")
def test_readers_and_their_server_end_when_the_process_they_read_for_is_killed(video, tmp_path):
    (tmp_path / "script.py").write_text(KILLED)
    started = subprocess.Popen([sys.executable, tmp_path / "script.py", video.path], start_new_session=True)
    assert started.wait(120) == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while group_members(started.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_members(started.pid)


def reading(video, count):
    """A loader that has delivered the first of `count` videos, and its reader."""
    before = multiprocessing.active_children()
    stream = iter(eval_loader(EvalClips([video] * count, CLIP), batch_size=1, workers=1))
    next(stream)
    (reader,) = set(multiprocessing.active_children()) - set(before)
    return stream, reader


def test_killed_reader_is_one_line(video):
    stream, reader = reading(video, 200)
    os.kill(reader.pid, signal.SIGKILL)
    with pytest.raises(ReadersGone, match=r"^a reading process was killed, perhaps for lack of memory: lower --train"):
        list(stream)


def test_readers_end_with_an_error_though_it_is_kept(video, tmp_path):
    (tmp_path / "empty.mp4").touch()
    videos, before = [video, Video(str(tmp_path / "empty.mp4"))], set(multiprocessing.active_children())
    with pytest.raises(DataError) as kept:
        list(eval_loader(EvalClips(videos, CLIP), batch_size=1, workers=2))
    assert set(multiprocessing.active_children()) <= before, str(kept)


def test_ctrl_c_leaves_readers_at_work(video):
    stream, reader = reading(video, 20)
    os.kill(reader.pid, signal.SIGINT)
    assert len(list(stream)) == 19


def test_process_that_leaves_a_loader_unfinished_ends(video, tmp_path):
    (tmp_path / "script.py").write_text(UNFINISHED)
    done = subprocess.run([sys.executable, tmp_path / "script.py", video.path], timeout=60, check=False)
    assert done.returncode == 0


def test_reader_that_is_told_to_end_ends(video):
    """Else a process that leaves a loader unfinished would wait for it for ever as it exits."""
    _, reader = reading(video, 20)
    reader.terminate()
    reader.join(10)
    assert not reader.is_alive()


def test_working_directory_that_is_gone_is_said_in_one_line(video, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="the working directory has been deleted"):
        read(video)


def test_daemonic_process_starts_no_readers(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    assert pick_workers(None) == 0
    with pytest.raises(UsageError, match="daemonic process may start no reading processes"):
        reading_context()
