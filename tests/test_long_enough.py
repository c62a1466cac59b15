"""Videos too short for what a method reads of one: said, or refused, before the first step."""

import re
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
from kinema.settings import Clip, Cloze, Order, Pace, SpeedNet

STRETCHES = {"dpc", "memdpc", "tclr", "rspnet"}
"""Methods that learn little or nothing where no video has the stretch that they read."""
ROWS = {"vcop", "opn", "vcp", "pcl", "stpuzzle"}
"""Those that ask for what lies apart in time, and learn nothing where all of it is the same."""
SPEEDS = {"pace", "prp", "speednet"}
"""Those that ask for a speed, which a video tells that is too short for the fastest."""
PADDED = {"mcn", "cmc", "simclr", "iic", "dualvar", "moco", "byol", "swav", "coclr", "mars", "rotnet", "jigsaw"}
"""Those to which a short video is a clip with repeated frames."""


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
    assert all(isinstance(draw, Reaching) for draw in draws.values())
    assert {name for name, draw in draws.items() if draw.least == 1} == PADDED
    assert {name for name, draw in draws.items() if draw.least == draw.reach} >= STRETCHES
    assert set(draws) == STRETCHES | ROWS | SPEEDS | PADDED


@pytest.mark.parametrize("name", sorted(STRETCHES | PADDED))
def test_the_stretch_is_as_long_as_a_video_must_be_for_no_frame_to_be_repeated(name):
    recipe = CASES[name]
    draw = build(replace(recipe, clip=replace(recipe.clip, stride=2))).draw

    def repeats(num_frames):
        """Whether a clip has a frame twice that its drawing has not asked for twice."""
        rows = [row for seed in range(8) for row in draw(num_frames, generator(seed)).indices.tolist()]
        return any(len(set(row)) < len(row) for row in rows)

    assert not repeats(draw.reach)
    assert repeats(draw.reach - 1)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_rows_need_frames_enough_for_no_two_of_their_clips_to_be_the_same(name):
    draw = build(CASES[name]).draw

    def different(num_frames):
        """The most that any row has, a shuffled clip being the same; the puzzle's rows of one time have one."""
        rows = [draw(num_frames, generator(seed)).indices.tolist() for seed in range(30)]
        return max(len({tuple(sorted(clip)) for clip in row}) for row in rows)

    clips = len(draw(50, generator(0)).indices)
    assert different(draw.least) == clips
    assert different(draw.least - 1) < clips


@pytest.mark.parametrize("name", ["vcop", "opn", "vcp", "pcl", "stpuzzle"])
def test_rows_reach_as_far_as_clips_that_lie_as_they_were_asked_to(name):
    draw = build(CASES[name]).draw
    ends = [draw(draw.reach, generator(seed)).indices for seed in range(200)]
    lowest, highest = min(int(row.min()) for row in ends), max(int(row.max()) for row in ends)
    assert (lowest, highest) == (0, draw.reach - 1)  # the last is that of a remote clip, or of the last segment


def test_a_cloze_has_remote_clips_only_where_videos_reach_as_far_as_it_says():
    draw = build(CASES["vcp"]).draw
    remote = {more: {draw(draw.reach + more, generator(seed)).target for seed in range(60)} for more in (-1, 0)}
    assert remote == {-1: {0, 1, 2, 3}, 0: {0, 1, 2, 3, 4}}


def test_the_fastest_clips_fit_in_the_stretch_and_its_least_is_what_lets_any_fit():
    def repeated(draw, num_frames):
        """The share of clips that show a frame twice."""
        rows = [row for seed in range(300) for row in draw(num_frames, generator(seed)).indices.tolist()]
        return sum(len(set(row)) < len(row) for row in rows) / len(rows)

    speednet = build(replace(CASES["speednet"], method=SpeedNet(frames=11))).draw
    assert (speednet.reach, speednet.least) == (23, 18)  # ten steps of 2.2 and of 1.7
    assert repeated(speednet, 23) == 0
    assert 0 < repeated(speednet, 18) < 1 / 2
    assert repeated(speednet, 17) == 1 / 2  # every fast clip, and no normal one
    pace = build(replace(CASES["pace"], method=Pace(frames=4, wrap=False))).draw
    assert pace.reach == pace.least == 13
    assert repeated(pace, 13) == 0
    assert repeated(pace, 12) == pytest.approx(1 / 4, abs=0.08)
    prp = build(CASES["prp"]).draw
    assert prp.reach == prp.least == 16
    clips = {seed: prp(15, generator(seed)) for seed in range(40)}
    fastest = [draw.indices[0, :8:2].tolist() for draw in clips.values() if draw.target == 2]
    assert fastest == [[0, 3, 7, 11]] * len(fastest)  # where 0 4 8 12 would have been
    assert fastest


def test_a_video_that_begins_anew_needs_frames_enough_for_no_two_paces_to_be_the_same():
    draw = build(CASES["pace"]).draw
    assert (draw.reach, draw.least) == (13, 4)
    paces = {length: {pace % length for pace in (1, 2, 3, 4)} for length in (3, 4)}
    assert [len(paces[length]) for length in (3, 4)] == [3, 4]


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_lowers_a_stretch_are_flags_of_its_recipe(name):
    draw = build(CASES[name]).draw
    flags = draw.lowered_by.replace(" or", ",").replace(" and", "").split(", ")
    settings = asdict(CASES[name])
    assert flags
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
    with pytest.raises(UsageError, match=r"^dpc needs 15 frames of a video, and the longest of 20 .* has 12: lower"):
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
    with pytest.raises(UsageError, match=r"^rspnet needs 13 frames of a video.* has 12: lower --clip.frames, --clip"):
        what_is_too_short(build(rspnet), clips)


def test_rows_of_one_clip_over_and_over_are_refused(clips):
    vcop = CASES["vcop"]
    vcop = replace(vcop, method=replace(vcop.method, order=replace(vcop.method.order, frames=11)))
    with pytest.raises(UsageError, match=r"^vcop needs 13 frames of a video.* has 12: lower --method.order.clips"):
        what_is_too_short(build(vcop), clips)


@pytest.mark.parametrize(
    ("name", "changes", "line"),
    [
        (
            "vcop",
            {"order": Order(frames=3, gap=2)},
            "13 frames that vcop reads, down to 12, and have their clips nearer",
        ),
        (
            "vcp",
            {"cloze": Cloze(frames=4, gap=0, distance=0)},
            "16 frames that vcp reads, .* no room for a remote clip",
        ),
        ("stpuzzle", {"segment": 4}, "16 frames that stpuzzle reads, .* have their pieces nearer to one another than"),
        ("pace", {}, "13 frames that pace reads, .* begin anew within the longest clips, which tells their pace"),
        (
            "speednet",
            {"frames": 6, "fast": (1.7, 2.4)},
            "13 frames that speednet reads, .* first frame.* or --method.fast",
        ),
        (
            "jigsaw",
            {},
            "13 frames that jigsaw reads, .* repeat their first frame: lower --clip.frames or --clip.stride",
        ),
    ],
)
def test_what_becomes_of_a_short_video_is_said(name, changes, line, clips):
    case = replace(CASES[name], clip=Clip(frames=4, stride=4, size=16))
    method = build(replace(case, method=replace(case.method, **changes)))
    assert re.search(
        f"^20 of 20 videos looked at are shorter than the stretch of {line}", what_is_too_short(method, clips)
    )


@pytest.mark.parametrize("name", sorted(ROWS - {"stpuzzle"}))
def test_a_gap_or_a_distance_is_not_said_to_help_where_two_clips_are_the_same(name):
    """It shortens the row, but keeps no two clips apart; it is named where clips lie nearer than it says."""
    draw = build(CASES[name]).draw
    assert re.search("gap|distance", draw.shorter)
    assert not re.search("gap|distance", draw.lowered_by)


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
    [
        ("tiny_dpc", 39),
        ("tiny_memdpc", 39),
        ("tiny_tclr", 32),
        ("tiny_rspnet --method.queue 8", 13),
        ("tiny_pace", 29),
        ("tiny_speednet", 25),
        ("tiny_prp", 16),  # four frames of a clip at a rate of four
        ("tiny_vcop --method.order.frames 12", 14),
    ],
)
def test_the_command_line_refuses_and_says_what_to_change(recipe, stretch, clip_folder, tmp_path, capsys):
    from kinema import cli

    out = tmp_path / "out"
    assert cli.run(["pretrain", *recipe.split(), "--data", str(clip_folder), "--out", str(out), *SMALL.split()]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"needs {stretch} frames of a video, and the longest of 20 videos looked at has 12: lower --" in said
    assert not out.exists()
