"""A command line called as a person would call it, but in this process; and one small run to try things on."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kinema import cli

TINY = [
    *("--backbone.name", "r3d_vcop", "--backbone.width", "0.0625"),
    *("--clip.frames", "4", "--clip.stride", "2", "--clip.size", "32"),
    *("--train.epochs", "1", "--train.batch-size", "4", "--train.workers", "0"),
    *("--method.contrast.negatives", "8"),
]
"""A network and a training that take a fraction of a second."""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def refused(self, code: int, *said: str) -> str:
        """Assert that it ended with this code and one line of complaint holding `said`; returns the line."""
        assert "Traceback" not in self.out + self.err
        complaints = [line for line in self.err.splitlines() if line.startswith("kinema: ")]
        assert len(complaints) == 1, self.err
        assert self.err.splitlines()[-1] == complaints[0], "the complaint is one line, and the last"
        assert self.code == code, complaints
        for part in said:
            assert part in complaints[0], complaints
        return complaints[0]


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("retrieve", run, ...)`: the command line in this process."""

    def call(*words: object) -> Ended:
        capsys.readouterr()
        code = cli.run([str(word) for word in words])
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Flags of a network and a training that take a fraction of a second."""
    return TINY


@pytest.fixture
def pretrain(command: Command) -> Command:
    """`pretrain(data, out, ...)`: the CMC baseline, small; later flags win over earlier ones."""

    def call(data: object, out: object, *flags: object, recipe: str = "tiny_cmc") -> Ended:
        return command("pretrain", recipe, *TINY, "--data", data, "--out", out, *flags)

    return call


@pytest.fixture(scope="session")
def trained(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the CMC baseline on `clip_folder`; to be read only."""
    folder = tmp_path_factory.mktemp("runs") / "cmc"
    assert cli.run(["pretrain", "tiny_cmc", *TINY, "--data", str(clip_folder), "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def own_run(trained: Path, tmp_path: Path) -> Path:
    """A copy of that run, to do anything to."""
    return Path(shutil.copytree(trained, tmp_path / "own"))


@pytest.fixture
def listed(clip_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """`listed(bad, count=8)`: a list of `count` sound clips and the videos in `bad` after them."""

    def write(bad: Sequence[object] = (), *, count: int = 8) -> Path:
        sound = sorted((clip_folder / "train").glob("*/*.mp4"))[:count]
        path = tmp_path / "list.csv"
        path.write_text("".join(f"{video}\n" for video in [*sound, *bad]))
        return path

    return write


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with what is in it, to see that nothing was touched."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def untouched() -> Callable[[Path], dict[str, bytes]]:
    """`contents`, for tests to call before and after."""
    return contents
