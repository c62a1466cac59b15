"""Videos too short for what a method reads of one: said, or refused, before the first step."""

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "methods"))
from cases import CASES, build
from PIL import Image

from kinema.batch import generator
from kinema.data.video import Video
from kinema.errors import UsageError
from kinema.long_enough import LOOKED_AT, lengths, what_is_too_short
from kinema.sampler import Reaching
from kinema.settings import Clip

NEEDED = {"dpc", "memdpc", "tclr", "rspnet", "vcop", "opn", "vcp", "pcl"}
"""Methods that learn little or nothing where no video has the stretch that they read."""
PADDED = {"mcn", "cmc", "simclr", "iic", "dualvar", "moco", "byol", "swav", "coclr", "mars", "rotnet"}
"""Those to which it is a clip with repeated frames."""


def frames(folder, count):
    """A video of so many frames, as a folder of pictures."""
    folder.mkdir()
    for number in range(count):
        Image.fromarray(np.full((8, 8, 3), number, dtype=np.uint8)).save(folder / f"{number:05}.jpg")
    return Video(str(folder))


def dpc(stride):
    """Four blocks of two frames."""
    case = CASES["dpc"]
    return build(replace(case, method=replace(case.method, block_stride=stride)))


def test_methods_that_read_a_stretch_of_a_certain_length_are_known():
    draws = {name: build(recipe).draw for name, recipe in CASES.items()}
    stretches = {name: draw for name, draw in draws.items() if isinstance(draw, Reaching)}
    assert {name for name, draw in stretches.items() if draw.needed} == NEEDED
    assert {name for name, draw in stretches.items() if not draw.needed} == PADDED


@pytest.mark.parametrize("name", sorted((NEEDED | PADDED) - {"opn"}))  # whose clips are one frame each
def test_the_stretch_is_as_long_as_a_video_must_be_for_no_frame_to_be_repeated(name):
    recipe = CASES[name]
    draw = build(replace(recipe, clip=replace(recipe.clip, stride=2))).draw

    def repeats(num_frames):
        """Whether a clip has a frame twice that its drawing has not asked for twice."""
        rows = [row for seed in range(8) for row in draw(num_frames, generator(seed)).indices.tolist()]
        return any(len(set(row)) < len(row) for row in rows)

    assert not repeats(draw.reach)
    assert repeats(draw.reach - 1)


@pytest.mark.parametrize("name", sorted(NEEDED | PADDED))
def test_what_lowers_a_stretch_are_flags_of_its_recipe(name):
    draw = build(CASES[name]).draw
    flags = draw.lowered_by.replace(" or", ",").split(", ")
    settings = asdict(CASES[name])
    for flag in flags:
        value = settings
        for part in flag.removeprefix("--").replace("-", "_").split("."):
            value = value[part]


def test_nothing_is_said_where_all_are_long_enough(clips):
    assert what_is_too_short(dpc(1), clips) == ""  # 12 frames, of which it reads 8
    assert what_is_too_short(build(CASES["simclr"]), clips) == ""


def test_some_that_are_too_short_are_counted_with_what_to_change(tmp_path):
    videos = [frames(tmp_path / f"{count}_{number}", count) for number, count in enumerate((15, 9, 14, 20))]
    assert what_is_too_short(dpc(2), videos) == (
        "2 of 4 videos looked at are shorter than the stretch of 15 frames that dpc reads, down to 9, and repeat their "
        "first frame: lower --method.blocks, --method.block-frames or --method.block-stride, or leave them out with "
        "--skip"
    )


def test_a_set_that_is_too_short_altogether_is_refused(clips):
    with pytest.raises(UsageError, match=r"^dpc reads a stretch of 15 frames, and the longest of 20 .* has 12: lower"):
        what_is_too_short(dpc(2), clips)


def test_clips_that_repeat_frames_are_said_and_not_refused(clips):
    simclr = replace(CASES["simclr"], clip=Clip(frames=4, stride=4, size=16))
    assert what_is_too_short(build(simclr), clips) == (
        "20 of 20 videos looked at are shorter than the stretch of 13 frames that simclr reads, down to 12, and repeat "
        "their first frame: lower --clip.frames or --clip.stride, or leave them out with --skip"
    )


def test_speeds_that_a_repeated_frame_would_tell_are_refused(clips):
    rspnet = CASES["rspnet"]  # a slow clip of 4 frames at stride 2 spans 7, a fast one 13
    rspnet = replace(rspnet, method=replace(rspnet.method, stride=2))
    with pytest.raises(UsageError, match=r"^rspnet reads a stretch of 13 frames.* has 12: lower --clip.frames, --clip"):
        what_is_too_short(build(rspnet), clips)


def test_rows_of_one_clip_over_and_over_are_refused(clips):
    vcop = CASES["vcop"]
    vcop = replace(vcop, method=replace(vcop.method, order=replace(vcop.method.order, frames=13)))
    with pytest.raises(UsageError, match=r"^vcop reads a stretch of 13 frames.* has 12: lower --method.order.frames"):
        what_is_too_short(build(vcop), clips)


def test_videos_that_cannot_be_opened_are_left_for_training_to_name(clips, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    assert lengths([Video(str(tmp_path / "broken.mp4")), clips[0]]) == [12]
    assert what_is_too_short(dpc(2), [Video(str(tmp_path / "broken.mp4"))]) == ""


def test_of_a_long_list_some_are_looked_at_from_its_beginning_to_its_end(clips, tmp_path):
    last = frames(tmp_path / "last", 3)
    assert lengths([*clips[:1] * 40, *[last] * 60]).count(3) == pytest.approx(0.6 * LOOKED_AT, abs=1)
    assert len(lengths(clips[:1] * 100)) == LOOKED_AT


SMALL = "--clip.frames 4 --clip.size 32 --backbone.width 0.0625 --train.epochs 1 --train.batch-size 4"


@pytest.mark.parametrize(
    ("recipe", "stretch"),
    [("tiny_dpc", 39), ("tiny_memdpc", 39), ("tiny_tclr", 32), ("tiny_rspnet --method.queue 8", 13)],
)
def test_the_command_line_refuses_and_says_what_to_change(recipe, stretch, clip_folder, tmp_path, capsys):
    from kinema import cli

    out = tmp_path / "out"
    assert cli.run(["pretrain", *recipe.split(), "--data", str(clip_folder), "--out", str(out), *SMALL.split()]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"reads a stretch of {stretch} frames, and the longest of 20 videos looked at has 12: lower --" in said
    assert not out.exists()
