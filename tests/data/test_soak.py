"""Memory stays as it is, however long videos are read and broken ones refused: `make soak` for the whole of it."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from corpus import READ, REAL, REFUSE, corpus
from soaking import Soak, soak

from kinema.data.decode import open_video
from kinema.data.survey import survey_anew

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """Paths of videos to be read, and of files to be refused."""
    folder = tmp_path_factory.mktemp("soak")
    (folder / "sources").mkdir()
    cases = corpus(None, folder / "sources")
    cut = [
        case for case in cases if case.sort == "spoilt" and case.name.endswith((", cut at 60.mp4", ", cut at 60.avi"))
    ]
    refused = [case for case in cases if case.fate == REFUSE] + cut
    for case in (readable := [case for case in cases if case.fate == READ]) + refused:
        case.make(folder / case.name)
    return [str(folder / case.name) for case in readable], [str(folder / case.name) for case in refused]


def check_flat(found: Soak, most: float) -> None:
    grown = {process: found.growth(process) for process in found.memory}
    assert all(growth < most for growth in grown.values()), str(found)


def test_memory_is_flat_over_some_hundred_reads(files: tuple[list[str], list[str]]) -> None:
    found = soak(*files, reads=400, workers=1)
    assert found.reads == 400
    assert set(found.memory) == {"training process", "reader 0"}
    check_flat(found, 0.1)  # what is first used late in so short a time weighs more than in the whole


class InUse(ctypes.Structure):
    """What glibc's mallinfo2 returns; bytes of the heap in use, and of pieces mapped by themselves, among others."""

    _fields_ = [(f"unread{number}", ctypes.c_size_t) for number in range(4)]
    _fields_ += [(name, ctypes.c_size_t) for name in ("mapped", "always0", "also0", "heap", "free", "at_the_top")]


def first_frames(path: str) -> None:
    with open_video(path, "pyav") as reader:
        reader.at([0, 1])


def last_frame(path: str) -> None:
    with open_video(path, "pyav") as reader:
        reader.at([0])
        reader.at([reader.num_frames - 1])
        reader.at([1])


def looked_through(path: str) -> None:
    survey_anew(Path(path))


@pytest.mark.parametrize("read", [first_frames, last_frame, looked_through])
def test_a_read_that_ends_before_the_file_does_leaves_nothing_in_use(
    read: Callable[[str], None], clip_folder: Path
) -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("asks glibc 2.33 or later")
    libc.mallinfo2.restype = InUse
    path = str(next(clip_folder.rglob("*.mp4")))

    def in_use_after(reads: int) -> int:
        for _ in range(reads):
            read(path)
        gc.collect()
        found = libc.mallinfo2()
        return int(found.heap + found.mapped)

    before = in_use_after(100)
    assert in_use_after(500) - before < 500 * 40  # PyAV's packets, left half read, keep 150 bytes each time


@pytest.mark.slow
def test_memory_is_flat_over_20000_reads(
    files: tuple[list[str], list[str]], capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    videos, broken = files
    real = Path(__file__).resolve().parents[3] / "shared" / "data"
    if real.is_dir():
        videos = videos + [str(real / place) for place in REAL.values() if (real / place).is_file()]
    found = soak(videos, broken, reads=20_000, workers=2)
    with capsys.disabled():
        print(f"\n{found}")
    assert len(found.memory) == 3
    check_flat(found, 0.02)
