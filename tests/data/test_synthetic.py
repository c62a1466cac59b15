"""Synthetic videos: the files, the balance of their factors, and that each motion moves as its name says."""

from __future__ import annotations

import csv
import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from kinema.batch import generator
from kinema.data import synthetic
from kinema.data.shapes import MOTIONS, Look, Nuisance, draw_nuisance, render
from kinema.data.sources import read_source
from kinema.errors import UsageError

SMALL = {"train": 16, "test": 8, "frames": 4, "size": 32, "motions": 4, "train_looks": 2, "test_looks": 2}
CALM = Nuisance(
    x=0.5, y=0.5, angle=0.0, size=0.5, phase=0.0, rate=0.05, direction=1,
    drift_x=0.0, drift_y=0.0, brightness=1.0, noise=0.0, noise_seed=0,
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.make(tmp_path_factory.mktemp("synthetic") / "set", **SMALL)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def plain_look() -> Look:
    """The data set's first look before a black ground, so that what is not black is the shape."""
    look = synthetic.look(0)
    return replace(look, background=torch.zeros_like(look.background))


def mass(frames: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Brightness in all and its centre x, y in pixels, each [T]; right while the shape touches no edge."""
    light = frames.double().sum(-1).numpy()  # [T, S, S]
    total = light.sum((1, 2))
    axis = np.arange(light.shape[1])
    return total, (light.sum(1) * axis).sum(1) / total, (light.sum(2) * axis).sum(1) / total


def test_every_file_is_h264_in_yuv420p_with_the_frames_asked_for(made: Path) -> None:
    rows = table(made / "meta.csv")
    assert len(rows) == 24
    for row in rows:
        with av.open(str(made / row["path"])) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            assert (stream.width, stream.height, stream.average_rate) == (32, 32, 25)
            assert len(list(container.decode(stream))) == 4


def test_encoded_frames_are_the_rendered_ones(tmp_path: Path) -> None:
    look, nuisance = synthetic.look(3), replace(CALM, noise=2.0)
    frames = render("orbit", look, nuisance, frames=12)
    synthetic.write_video(tmp_path / "clip.mp4", frames)
    error = decoded(tmp_path / "clip.mp4").astype(float) - frames.numpy()
    shifted = decoded(tmp_path / "clip.mp4")[1:].astype(float) - frames.numpy()[:-1]
    assert np.abs(error).mean() < 6
    assert np.abs(error[1:]).mean() < 0.7 * np.abs(shifted).mean()


def test_the_set_is_read_as_a_source_with_its_classes(made: Path) -> None:
    source = read_source(made)
    assert source.test is not None
    assert source.train.classes == source.test.classes == MOTIONS[:4]
    assert Counter(video.label for video in source.train.videos) == {0: 4, 1: 4, 2: 4, 3: 4}
    assert len(source.test.videos) == 8
    for video in source.train.videos:
        assert source.train.classes[video.label] == Path(video.path).parent.name


def test_every_look_is_seen_with_every_motion_and_no_look_is_in_both_splits(made: Path) -> None:
    rows = table(made / "meta.csv")
    pairs = Counter((row["split"], row["motion"], row["look"]) for row in rows)
    looks = {"train": {"0", "1"}, "test": {"2", "3"}}
    expected = {(split, motion, look) for split in looks for motion in MOTIONS[:4] for look in looks[split]}
    assert set(pairs) == expected
    assert {pairs[pair] for pair in pairs if pair[0] == "train"} == {2}
    assert {pairs[pair] for pair in pairs if pair[0] == "test"} == {1}


def test_looks_and_clips_all_differ(made: Path) -> None:
    rows = table(made / "meta.csv")
    assert len({(made / row["path"]).read_bytes() for row in rows}) == len(rows)
    sprites = [synthetic.look(number).sprite for number in range(68)]
    assert min(float((a - b).abs().mean()) for i, a in enumerate(sprites) for b in sprites[:i]) > 0.01


def test_the_same_arguments_give_the_same_bytes_with_one_and_three_workers(made: Path, tmp_path: Path) -> None:
    again = synthetic.make(tmp_path / "again", workers=3, **SMALL)
    assert contents(again) == contents(made)
    other = synthetic.make(tmp_path / "other", seed=1, **SMALL)
    assert contents(other)["train/slide/look00_0.mp4"] != contents(made)["train/slide/look00_0.mp4"]


def test_progress_counts_every_clip(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    synthetic.make(tmp_path / "set", progress=lambda done, total: seen.append((done, total)), **SMALL)
    assert seen == [(done, 24) for done in range(1, 25)]


def test_a_complete_set_is_used_again(tmp_path: Path) -> None:
    folder = synthetic.make(tmp_path / "set", **SMALL)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert synthetic.make(folder, workers=2, **SMALL) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert len(table(synthetic.make(tmp_path / "set", **SMALL) / "meta.csv")) == 24


def test_a_set_made_with_other_arguments_is_an_error_that_names_them(made: Path) -> None:
    with pytest.raises(UsageError, match="frames 4, not 5"):
        synthetic.make(made, **SMALL | {"frames": 5})


def test_a_folder_of_other_things_is_an_error_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no synthetic videos"):
        synthetic.make(tmp_path, **SMALL)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_a_set_that_lost_videos_is_an_error_that_counts_them(tmp_path: Path) -> None:
    folder = synthetic.make(tmp_path / "set", **SMALL)
    for name in ("look00_0.mp4", "look01_0.mp4"):
        (folder / "train" / "rise" / name).unlink()
    with pytest.raises(UsageError, match="lacks 2 of its videos"):
        synthetic.make(folder, **SMALL)


@pytest.mark.parametrize("name", ["synthetic.json", "meta.csv"])
def test_a_set_with_a_damaged_record_is_an_error(tmp_path: Path, name: str) -> None:
    folder = synthetic.make(tmp_path / "set", **SMALL)
    (folder / name).write_text("{not a record\n1\n")
    with pytest.raises(UsageError, match="is damaged"):
        synthetic.make(folder, **SMALL)


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthetic.make(tmp_path / "set", progress=interrupt, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        synthetic.make(tmp_path / "file" / "set", **SMALL)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": 15}, "train is 15; give a multiple of the 4 motions"),
        ({"test": 0}, "test is 0"),
        ({"motions": 1}, "motions is 1"),
        ({"motions": 11}, "motions is 11"),
        ({"frames": 1}, "frames is 1"),
        ({"size": 33}, "size is 33"),
        ({"fps": 0}, "fps is 0"),
        ({"test_looks": 0}, "test_looks is 0"),
    ],
)
def test_numbers_that_make_no_set_are_an_error(tmp_path: Path, change: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        synthetic.make(tmp_path / "set", **SMALL | change)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("motion", "direction", "step"),
    [("slide", 1, (0, 4)), ("slide", -1, (0, -4)), ("rise", 1, (-4, 0)), ("fall", -1, (4, 0))],
)
def test_a_translation_carries_the_whole_texture_round_the_picture(
    motion: str, direction: int, step: tuple[int, int]
) -> None:
    """At 1/20 of the side a frame, 80 pixels shift by 4: each frame is the one before, rolled."""
    frames = render(motion, plain_look(), replace(CALM, direction=direction), frames=21).int()
    for before, after in pairwise(frames):
        assert (after - before.roll(step, (0, 1))).abs().max() <= 1
    assert (frames[0] - frames[20]).abs().max() <= 1
    assert (frames[0] - frames[10]).abs().max() > 50


@pytest.mark.parametrize("direction", [1, -1])
def test_spin_turns_the_textured_shape_about_its_middle(direction: int) -> None:
    frames = render("spin", plain_look(), replace(CALM, rate=0.25, direction=direction), frames=5).int()
    for before, after in pairwise(frames):
        assert (after - torch.rot90(before, -direction, (0, 1))).abs().max() <= 2  # y points down
    assert (frames[0] - frames[2]).abs().max() > 50  # no symmetry


@pytest.mark.parametrize(("motion", "sign"), [("grow", 1), ("shrink", -1)])
def test_growth_multiplies_the_area_by_the_same_factor_each_frame(motion: str, sign: int) -> None:
    nuisance = replace(CALM, size=0.5 - 0.45 * sign)
    area, x, y = mass(render(motion, plain_look(), nuisance, frames=18))
    factor = (0.46 / 0.22) ** (2 * 0.05 * sign)
    np.testing.assert_allclose(area[1:] / area[:-1], factor, rtol=0.02)
    assert max(np.ptp(x), np.ptp(y)) < 4  # the middle of the shape stays; its centre of mass is a little off it


@pytest.mark.parametrize(("motion", "x_way", "y_way"), [("swing", 1, 0), ("bounce", 0, 1), ("orbit", 1, 1)])
def test_oscillations_go_as_far_as_they_should_and_come_back(motion: str, x_way: int, y_way: int) -> None:
    nuisance = replace(CALM, size=0.0)
    area, x, y = mass(render(motion, plain_look(), nuisance, frames=21))
    for centre, way in ((x, x_way), (y, y_way)):
        assert np.ptp(centre) == pytest.approx(2 * 0.17 * 80 * way, abs=0.1)
        assert centre[0] == pytest.approx(centre[20], abs=0.05)
    np.testing.assert_allclose(area, area[0], rtol=0.01)


def test_pulse_grows_and_shrinks_by_turns() -> None:
    area, _, _ = mass(render("pulse", plain_look(), CALM, frames=21))
    signs = np.sign(np.diff(area))
    assert list(signs) == [-1] * 10 + [1] * 10


def test_movement_below_a_pixel_is_smooth() -> None:
    _, x, y = mass(render("slide", plain_look(), replace(CALM, rate=0.3 / 80, x=0.4), frames=16))
    np.testing.assert_allclose(np.diff(x), 0.3, atol=0.03)
    np.testing.assert_allclose(np.diff(y), 0.0, atol=0.03)


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_mirrored_clip_is_a_clip_of_the_same_motion(motion: str) -> None:
    """Flipping a clip left to right gives what a mirrored look, heading and start would have given."""
    look, nuisance = synthetic.look(5), replace(draw_nuisance(generator("mirror", motion)), noise=0.0)
    twin = replace(look, sprite=look.sprite.flip(-1), background=look.background.flip(-1))
    half = 0.5 if motion in ("swing", "orbit") else 0.0
    mirrored = replace(
        nuisance, x=1 - nuisance.x, angle=-nuisance.angle, direction=-nuisance.direction,
        drift_x=-nuisance.drift_x, phase=nuisance.phase + half,
    )  # fmt: skip
    expected = render(motion, look, nuisance, frames=8, size=40).flip(2).int()
    assert (render(motion, twin, mirrored, frames=8, size=40).int() - expected).abs().max() <= 2


@pytest.mark.parametrize("frame", [0, 13])
def test_no_single_frame_tells_the_motion(frame: int) -> None:
    """Place, angle and size in any one frame are uniform in every class (Kolmogorov-Smirnov, 0.1 % level)."""
    from kinema.data.shapes import _LARGE, _SMALL, _path

    draws, clips = 500, [draw_nuisance(generator("uniform", i)) for i in range(500)]
    for motion in MOTIONS:
        paths = torch.tensor([[float(v[frame]) for v in _path(motion, clip, frame + 1)] for clip in clips])
        shares = torch.log(paths[:, 3] / _SMALL) / math.log(_LARGE / _SMALL)
        for values in (paths[:, 0] % 1, paths[:, 1] % 1, paths[:, 2] % 1, shares):
            ranks = torch.arange(draws) / draws
            distance = (values.sort().values - ranks).abs().max()
            assert float(distance) < 1.95 / math.sqrt(draws), motion


def test_brightness_noise_and_drift_do_what_they_say() -> None:
    look = synthetic.look(2)
    calm = render("grow", look, CALM, frames=8).float()
    dark = render("grow", look, replace(CALM, brightness=0.5), frames=8).float()
    torch.testing.assert_close(dark, 0.5 * calm, atol=1.0, rtol=0)
    noisy = render("grow", look, replace(CALM, noise=3.0), frames=8).float()
    middle = (calm > 20) & (calm < 235)
    assert float((noisy - calm)[middle].std()) == pytest.approx(3.0, abs=0.15)
    bare = replace(look, sprite=torch.zeros_like(look.sprite))
    drifting = render("grow", bare, replace(CALM, drift_x=1 / 80, drift_y=-2 / 80), frames=8).int()
    assert (drifting[3] - drifting[2].roll((-2, 1), (0, 1))).abs().max() <= 1
