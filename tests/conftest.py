"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest
import torch

from kinema.data import synthetic
from kinema.data.flow import ALGORITHM
from kinema.data.flow_folder import FlowFolder, Making, archive_path, write_archive, write_manifest
from kinema.data.video import Video

hypothesis.settings.register_profile("kinema", deadline=None)  # a busy machine is no reason to fail
hypothesis.settings.load_profile("kinema")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tests are many small things; threads would only get in one another's way, and sums stay the same anywhere."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_decoder_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder under test is the one that the test names."""
    monkeypatch.delenv("KINEMA_DECODER", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips beside the repository; tests that need it are skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no ../shared/data with real clips on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory) -> Path:
    """A synthetic set of 20 encoded training clips of 12 frames, 32 x 32 pixels, two motions."""
    return synthetic.make(
        tmp_path_factory.mktemp("clips") / "set", train=20, test=4, frames=12, size=32, motions=2, train_looks=10
    )


@pytest.fixture(scope="session")
def flow_folder(clip_folder, tmp_path_factory) -> FlowFolder:
    """Flow of all clips of `clip_folder`, as `kinema data flow` leaves it, but drawn at random instead of computed."""
    videos = sorted(clip_folder.glob("*/*/*.mp4"))
    sizes = {path.relative_to(clip_folder).as_posix(): path.stat().st_size for path in videos}
    made = FlowFolder(tmp_path_factory.mktemp("flow"), Making(dict(ALGORITHM), 32, 20.0), sizes)
    for name in sizes:
        write_archive(archive_path(made.folder, name), torch.randint(0, 256, (11, 2, 32, 32)).to(torch.uint8))
    write_manifest(made)
    return made


@pytest.fixture(scope="session")
def clips(clip_folder) -> list[Video]:
    """The training clips of `clip_folder`, in a fixed order."""
    return [Video(str(path)) for path in sorted((clip_folder / "train").glob("*/*.mp4"))]
