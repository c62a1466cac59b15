import subprocess
import sys

import pytest
from video_files import write_video

from kinema.data.loader import EvalClips, eval_loader
from kinema.data.video import Video
from kinema.errors import UsageError
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
