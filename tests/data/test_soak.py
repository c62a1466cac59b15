"""Memory stays as it is, however long videos are read and broken ones refused: `make soak` for the whole of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from corpus import READ, REAL, REFUSE, corpus
from soaking import Soak, soak

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
