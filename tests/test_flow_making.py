"""Making flow of a data set: what is finished stays, what was cut off is done again, and nothing else is touched."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch

from kinema.atomic import unfinished
from kinema.data.decode import open_video
from kinema.data.fitting import fit
from kinema.data.flow import grey, tvl1
from kinema.data.flow_folder import Made, archive_path, field, open_folder
from kinema.data.synthetic import write_video
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.flow_making import Job, Maker, compute, make_flow


def clip(path: Path, num_frames: int = 4, shift: int = 1) -> Path:
    """A real video of noise that slides down."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = torch.rand(1, 3, 12, 14, generator=torch.Generator().manual_seed(len(path.name)))
    picture = torch.nn.functional.interpolate(noise, size=(24, 28), mode="bicubic").clamp(0, 1)[0].permute(1, 2, 0)
    frames = torch.stack([picture.roll(shift * number, 0) for number in range(num_frames)])
    write_video(path, (frames * 255).to(torch.uint8))
    return path


@pytest.fixture
def videos(tmp_path) -> Path:
    """Class folders with three clips of 28 x 24 pixels."""
    for name, shift in (("walk/a.mp4", 1), ("walk/b.mp4", 2), ("run/a.mp4", -1)):
        clip(tmp_path / "set" / name, shift=shift)
    return tmp_path / "set"


@pytest.fixture
def make(videos, tmp_path):
    """Make their flow, with changes."""

    def call(data=videos, out=tmp_path / "flow", workers=0, short_side=20, **how):
        return make_flow(data, out=out, workers=workers, short_side=short_side, device="cpu", **how)

    return call


def archives(folder):
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in sorted(folder.rglob("*.zip"))}


def test_what_is_stored_is_the_flow_of_the_fitted_grey_frames(make, videos):
    made = make(bound=4.0)
    with open_video(videos / "walk" / "b.mp4") as reader:
        frames = grey(fit(reader.at(range(4)), 20))
    expected = made.making.to_bytes(tvl1(frames[:-1], frames[1:]))
    assert frames.shape == (4, 20, 23)
    with zipfile.ZipFile(archive_path(made.folder, "walk/b.mp4")) as archive:
        size = Made(4, 20, 23)
        stored = torch.stack([torch.stack([field(archive, c, number, size) for c in "uv"]) for number in range(3)])
        assert json.loads(archive.read("video.json")) == {"frames": 4, "height": 20, "width": 23}
    assert torch.equal(stored, expected)
    assert stored.unique().numel() > 5


def test_manifest_says_how_flow_was_made_and_of_what(make, videos):
    make()
    content = json.loads((videos.parent / "flow" / "flow.json").read_text())
    assert (content["short_side"], content["bound"]) == (20, 20.0)
    assert content["algorithm"]["name"] == "tvl1"
    assert content["algorithm"]["lambda"] == 0.15
    assert content["videos"] == {
        name: (videos / name).stat().st_size for name in ("run/a.mp4", "walk/a.mp4", "walk/b.mp4")
    }


def test_reading_processes_make_the_same_files(make, tmp_path):
    one, two = make(), make(out=tmp_path / "two", workers=2)
    for name in one.sizes:
        assert archive_path(one.folder, name).read_bytes() == archive_path(two.folder, name).read_bytes()


def test_frames_can_be_read_in_one_process_and_their_flow_computed_in_another(make, videos, tmp_path):
    made = make()
    job = Job(Video(str(videos / "run" / "a.mp4")), tmp_path / "elsewhere.zip")
    frames = Maker(made.making, computes=False)(job)
    assert frames.shape == (4, 20, 23)
    compute(frames, job.target, made.making, torch.device("cpu"))
    assert job.target.read_bytes() == archive_path(made.folder, "run/a.mp4").read_bytes()


def test_a_run_that_was_killed_goes_on_and_finished_videos_stay(make):
    folder = make().folder
    half = folder / "walk" / "a.mp4.zip"
    half.rename(unfinished(half))  # what a killed run leaves
    before = archives(folder)
    seen: list[tuple[int, int]] = []
    said: list[str] = []
    make(progress=lambda done, total: seen.append((done, total)), say=said.append)
    assert seen == [(1, 1)]
    assert said == ["2 of 3 videos have their flow already"]
    after = archives(folder)
    assert set(after) == {*before, "walk/a.mp4.zip"}
    assert all(after[name] == before[name] for name in before)
    assert not list(folder.rglob("*.half"))


def test_video_that_was_replaced_is_done_again(make, videos):
    folder = make().folder
    before = archives(folder)
    clip(videos / "walk" / "a.mp4", num_frames=6)
    made = make()
    assert {name for name, time in archives(folder).items() if time != before[name]} == {"walk/a.mp4.zip"}
    made.require([Video(str(videos / "walk" / "a.mp4"))])


def test_videos_may_be_added(make, videos):
    make()
    clip(videos / "jump" / "c.mp4")
    assert len(archives(make().folder)) == 4


def test_broken_video_is_named_and_the_others_have_their_flow(make, videos, tmp_path):
    (videos / "walk" / "b.mp4").write_bytes(b"not a video")
    clip(videos / "walk" / "c.mp4", num_frames=1)
    said: list[str] = []
    with pytest.raises(DataError, match=r"2 of 4 videos have no flow, the first: .*b\.mp4.*: `kinema data check"):
        make(say=said.append)
    assert [Path(line.split(":")[0]).name for line in said] == ["b.mp4", "c.mp4"]
    assert "a video of one frame has no flow" in said[1]
    assert set(archives(tmp_path / "flow")) == {"run/a.mp4.zip", "walk/a.mp4.zip"}
    skip = tmp_path / "bad.txt"
    skip.write_text("set/walk/b.mp4\nset/walk/c.mp4\n")
    make(skip=skip).require([Video(str(videos / "walk" / "a.mp4"))])


def test_folder_of_frames_has_flow_too(make, tmp_path):
    from PIL import Image

    for number in range(3):
        path = tmp_path / "frames" / "run" / "x" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 24), (number, 0, 0)).save(path)
        clip(tmp_path / "frames" / "walk" / "y.mp4")
    made = make(tmp_path / "frames")
    assert made.sizes["run/x"] == 0
    assert set(archives(made.folder)) == {"run/x.zip", "walk/y.mp4.zip"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"short_side": 16}, r"holds flow made otherwise \(--short-side 20, not 16\): use another --out"),
        ({"bound": 5.0}, r"holds flow made otherwise \(--bound 20, not 5\): use another --out"),
        ({"short_side": 15}, "--short-side is 15: give 16 or more"),
        ({"bound": 0.0}, "--bound is 0: give a number above 0"),
        ({"workers": -1}, "--workers is -1: give 0 or more"),
    ],
)
def test_flow_made_in_another_way_is_left_alone(make, change, complaint):
    folder = make().folder
    before = archives(folder)
    with pytest.raises(UsageError, match=complaint):
        make(**change)
    assert archives(folder) == before


def test_folder_of_something_else_is_left_alone(make, tmp_path):
    make()
    clip(tmp_path / "others" / "jump" / "z.mp4")
    with pytest.raises(UsageError, match=r"holds flow of other videos, as of .*a.mp4: use another --out"):
        make(tmp_path / "others")
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"papers is there and holds no flow: use another --out"):
        make(out=tmp_path / "papers")
    assert len(open_folder(tmp_path / "flow").sizes) == 3


def test_flow_that_another_machine_wrote_elsewhere_is_missed(make):
    with pytest.raises(UsageError, match=r"flow of 3 videos was written and is not here, the first: .*zip: put --out"):
        make(spread=lambda work, items: ("" for _ in items))


def test_a_gpu_here_and_nodes_elsewhere_are_not_asked_for_at_once(videos, tmp_path):
    with pytest.raises(UsageError, match="--device cuda is on this machine, and Ray's nodes compute on their CPUs"):
        make_flow(videos, out=tmp_path / "flow", spread=lambda work, items: iter(()), device="cuda")
