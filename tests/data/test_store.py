"""A packed store is the data set again: the same lists, the same frames, and damage does not go unseen."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from video_files import numbers_in, write_video

from kinema import own_data, sampler
from kinema.batch import Draw
from kinema.data.decode import open_video
from kinema.data.factors import rows_of
from kinema.data.fitting import fit
from kinema.data.inspection import inspect_file
from kinema.data.loader import EvalClips, TrainClips
from kinema.data.sources import read_list, read_source
from kinema.data.store import find, opened
from kinema.data.store_format import Packing, read_manifest
from kinema.data.store_writing import write_shard
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.packing import lists_of, pack, planned
from kinema.settings import Clip

CLIP = Clip(frames=4, stride=2, size=20, short_side=24)


def draw(num_frames, rng):
    return Draw(sampler.random_clip(num_frames, frames=4, stride=2, rng=rng)[None])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def packed(clip_folder, tmp_path_factory):
    """Stores of `clip_folder` by kind."""
    folder = tmp_path_factory.mktemp("packed")
    return {kind: pack(clip_folder, out=folder / kind, kind=kind, short_side=24, workers=0) for kind in ("raw", "jpeg")}


@pytest.fixture
def numbered(tmp_path):
    """A folder of three videos whose frames show their numbers, 80 x 48 pixels."""
    for name, length in (("run/a.mp4", 40), ("run/b.mp4", 33), ("walk/a.mp4", 7)):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        write_video(tmp_path / "set" / name, length)
    return tmp_path / "set"


def test_lists_of_a_store_are_those_of_the_videos(packed, clip_folder):
    for store in packed.values():
        for side, theirs in read_source(clip_folder).sides().items():
            ours = read_source(store.folder).sides()[side]
            assert (ours.name, ours.classes, len(ours)) == (theirs.name, theirs.classes, len(theirs))
            assert [(v.label, v.group) for v in ours.videos] == [(v.label, v.group) for v in theirs.videos]
            assert own_data.relative_paths(ours.videos) == own_data.relative_paths(theirs.videos)


def test_a_run_on_a_store_knows_its_videos_for_those_of_a_run_on_the_files(packed, clip_folder):
    ours = own_data.describe(read_source(packed["jpeg"].folder).train, packed["jpeg"].folder, 1)
    theirs = own_data.describe(read_source(clip_folder).train, clip_folder, 1)
    assert (ours["digest"], ours["sizes"]) == (theirs["digest"], theirs["sizes"])


def test_raw_frames_are_exactly_the_resized_ones_and_jpegs_nearly(packed, clip_folder):
    video = read_source(clip_folder).train.videos[3]
    name = own_data.relative_paths(read_source(clip_folder).train.videos)[3]
    with open_video(video.path) as reader:
        expected, length, fps = fit(reader.at(range(12)), 24), reader.num_frames, reader.fps
    for kind, on_average in (("raw", 0), ("jpeg", 12)):  # 24 pixels of fine texture: four of them share a JPEG's colour
        with open_video(packed[kind].folder / "train" / name) as reader:
            assert (reader.num_frames, reader.fps) == (length, fps)
            frames = reader.at([5, 0, 11, 5])
        assert (frames.float() - expected[[5, 0, 11, 5]].float()).abs().mean() <= on_average


def test_jpegs_are_what_another_decoder_makes_of_the_same_bytes(packed):
    store = packed["jpeg"]
    for row, video in enumerate(store.videos[:5]):
        shard = (store.folder / f"shards/{video['shard']:04d}.bin").read_bytes()
        first = Image.open(io.BytesIO(shard[int(video["offset"]) :]))
        with store.reader(row) as reader:
            assert np.array_equal(reader.at([0])[0].numpy(), np.array(first))


def test_training_samples_of_a_raw_store_are_those_of_the_videos(packed, clip_folder):
    for folder in (clip_folder, packed["raw"].folder):
        data = TrainClips(read_source(folder).train.videos, CLIP, draw, seed=3)
        samples = [data[epoch, number] for epoch in range(2) for number in range(5)]
        if folder == clip_folder:
            expected = samples
    for (clips, dice, number, target), theirs in zip(samples, expected, strict=True):
        assert torch.equal(clips, theirs[0])
        assert torch.equal(dice, theirs[1])
        assert (number, target) == theirs[2:]


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_every_frame_of_a_store_is_the_one_asked_for(numbered, tmp_path, kind):
    pack(numbered, out=tmp_path / "store", kind=kind, short_side=48, workers=0)
    with open_video(tmp_path / "store" / "run" / "b.mp4") as reader:
        assert numbers_in(reader.at([32, 0, 7, 7, 31])) == [32, 0, 7, 7, 31]
        with pytest.raises(UsageError, match="there is no frame 33"):
            reader.at([33])


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_processes_and_interruptions_do_not_change_a_byte(clip_folder, packed, tmp_path, kind):
    expected = files(packed[kind].folder)
    out = tmp_path / "store"
    pack(clip_folder, out=out, kind=kind, short_side=24, workers=2)
    assert files(out) == expected

    shards = sorted(out.glob("shards/*.bin"))
    shards[0].unlink()  # never written
    shards[1].write_bytes(shards[1].read_bytes()[:-5])  # cut off
    shards[2].with_suffix(".json").write_text('[{"na')
    (out / "videos.npy").unlink()
    said: list[str] = []
    pack(clip_folder, out=out, kind=kind, short_side=24, workers=0, say=said.append)
    assert files(out) == expected
    left = 24 - sum(len(json.loads(path.with_suffix(".json").read_text())) for path in shards[:3])
    assert said == [f"{left} of 24 videos are packed already"]


def test_a_second_attempt_at_a_shard_leaves_what_the_first_has_finished(packed, clip_folder):
    folder, plan = packed["raw"].folder, planned(lists_of(clip_folder, None, None), clip_folder)
    number, videos = next(iter(plan.shards.items()))
    before = {path: path.stat() for path in folder.glob("shards/*")}
    assert write_shard(folder, number, videos, Packing("raw", 24, None)) == []
    assert {path: path.stat() for path in folder.glob("shards/*")} == before


def test_what_another_machine_wrote_elsewhere_is_missed(clip_folder, tmp_path):
    def elsewhere(work, items):
        return ([] for _ in items)

    with pytest.raises(
        UsageError, match=r"shards were written and are not in .*store, the first: shard \d+ \(\d+ videos"
    ):
        pack(clip_folder, out=tmp_path / "store", short_side=24, spread=elsewhere)


def test_a_video_that_has_changed_is_packed_again(numbered, tmp_path):
    store = pack(numbered, out=tmp_path / "store", short_side=48, workers=0)
    before = files(store.folder)
    write_video(numbered / "run/b.mp4", 20)
    again = pack(numbered, out=tmp_path / "store", short_side=48, workers=0)
    with open_video(again.folder / "run" / "b.mp4") as reader:
        assert reader.num_frames == 20
    changed = [name for name, content in files(again.folder).items() if before.get(name) != content]
    assert len([name for name in changed if name.endswith(".bin")]) == 1


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_a_flipped_bit_is_found(numbered, tmp_path, kind):
    store = pack(numbered, out=tmp_path / "store", kind=kind, short_side=48, workers=0)
    path = store.folder / "run" / "a.mp4"
    found, row = find(path)
    at = int(found.videos["offset"][row]) + 700
    shard = store.folder / f"shards/{int(found.videos['shard'][row]):04d}.bin"
    content = bytearray(shard.read_bytes())
    content[at] ^= 4
    shard.write_bytes(bytes(content))
    assert inspect_file(str(path)).kind == "unreadable"
    assert "frame 0 is damaged in" in inspect_file(str(path)).detail
    assert inspect_file(str(store.folder / "run" / "b.mp4")).kind == ""
    if kind == "jpeg":
        with open_video(path) as reader, pytest.raises(DataError, match="frame 0 is damaged"):
            reader.at([0])


def test_a_shard_that_was_cut_off_or_deleted_is_named(numbered, tmp_path):
    store = pack(numbered, out=tmp_path / "store", kind="raw", short_side=48, workers=0)
    for shard in store.folder.glob("shards/*.bin"):
        shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"its end is damaged in .*the same kinema data pack makes it anew"):
        open_video(store.folder / "run" / "a.mp4")
    for shard in store.folder.glob("shards/*.bin"):
        shard.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        open_video(store.folder / "run" / "a.mp4")


def test_a_broken_video_stops_nothing_but_itself(numbered, tmp_path):
    (numbered / "walk" / "b.mp4").write_bytes(b"no video")
    said: list[str] = []
    with pytest.raises(DataError, match=r"1 of 4 videos cannot be packed, the first: .*walk/b.mp4"):
        pack(numbered, out=tmp_path / "store", short_side=48, workers=0, say=said.append)
    assert len(said) == 1
    with pytest.raises(UsageError, match="unfinished store: the same kinema data pack command goes on"):
        read_source(tmp_path / "store")
    (tmp_path / "skip.txt").write_text(f"{numbered}/walk/b.mp4\n")
    said.clear()
    store = pack(
        numbered, out=tmp_path / "store", short_side=48, workers=0, skip=tmp_path / "skip.txt", say=said.append
    )
    assert len(store.videos) == 3
    assert said == ["3 of 3 videos are packed already"]


def test_what_is_not_the_same_store_is_left_alone(numbered, tmp_path, packed):
    pack(numbered, out=tmp_path / "store", short_side=48, workers=0)
    for name, how in {
        "--kind jpeg, not raw": {"kind": "raw"},
        "--short-side 48, not 40": {"short_side": 40},
        "--quality 75, not 80": {"quality": 80},
    }.items():
        with pytest.raises(UsageError, match=f"was packed with {name}"):
            pack(numbered, out=tmp_path / "store", **({"short_side": 48} | how))
    with pytest.raises(UsageError, match="is there and is no store"):
        pack(numbered, out=numbered)
    with pytest.raises(UsageError, match="is a packed store already"):
        pack(tmp_path / "store", out=tmp_path / "other")


def test_a_store_that_is_complete_is_not_touched_by_the_same_command_as_others_may_be_reading_it(numbered, tmp_path):
    """A run that opened it in that moment ended with "is an unfinished store"."""
    pack(numbered, out=tmp_path / "store", short_side=48, workers=0)
    inside = [path for path in (tmp_path / "store").rglob("*") if path.is_file() and path.name != "meta.csv"]
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in inside}
    pack(numbered, out=tmp_path / "store", short_side=48, workers=0)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in inside} == before
    (tmp_path / "store" / "lookup.npy").write_bytes(b"damaged")
    assert len(pack(numbered, out=tmp_path / "store", short_side=48, workers=0).videos) == len(
        opened(tmp_path / "store").videos
    )


def test_a_store_is_gone_on_with_at_its_own_quality_unless_told(numbered, tmp_path):
    pack(numbered, out=tmp_path / "store", short_side=48, quality=60, workers=0)
    before = files(tmp_path / "store")
    pack(numbered, out=tmp_path / "store", short_side=48, workers=0)
    assert files(tmp_path / "store") == before
    assert read_manifest(tmp_path / "store")["packing"]["quality"] == 60


def test_a_quality_is_not_passed_over_where_frames_are_raw(numbered, tmp_path):
    with pytest.raises(UsageError, match="--quality 60 is for --kind jpeg"):
        pack(numbered, out=tmp_path / "store", kind="raw", quality=60)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("flag", "value"), [("kind", "png"), ("short_side", 8), ("quality", 0), ("workers", -1)])
def test_settings_out_of_range_are_refused_by_their_flag(numbered, tmp_path, flag, value):
    with pytest.raises(UsageError, match=f"--{flag.replace('_', '-')} is {value}"):
        pack(numbered, out=tmp_path / "store", **{flag: value})
    assert not (tmp_path / "store").exists()


def test_frames_are_not_blown_up_in_silence(packed):
    videos = read_source(packed["jpeg"].folder).train.videos
    larger = Clip(frames=4, stride=2, size=32, short_side=40)
    with pytest.raises(UsageError, match=r"short side of 24 pixels, but clips need 40: .*--short-side 40"):
        EvalClips(videos, larger)[0]


def test_a_store_goes_to_reading_processes_without_its_index(clip_folder, packed):
    videos = read_source(packed["jpeg"].folder).train.videos
    sent = pickle.dumps(TrainClips(videos, CLIP, draw, seed=0))
    assert len(sent) < 1500
    assert b"tr_" not in sent, "names of videos were sent"
    again = pickle.loads(sent)
    assert again.videos == videos
    assert torch.equal(again[1, 4][0], TrainClips(videos, CLIP, draw, seed=0)[1, 4][0])


def test_a_list_of_packed_videos_is_a_sequence_like_any_other(packed, clip_folder):
    videos = read_source(packed["jpeg"].folder).train.videos
    whole = list(videos)
    assert len(whole) == len(videos) == 20
    assert [videos[number] for number in range(20)] == whole
    assert videos[-1] == whole[-1]
    assert list(videos[2:15:4]) == whole[2:15:4]
    assert videos == whole
    assert videos != whole[:-1]
    assert whole[3] in videos
    with pytest.raises(IndexError):
        videos[20]


def test_official_splits_are_all_kept(tmp_path):
    root = tmp_path / "ucf"
    for number in range(4):
        path = root / "UCF-101" / "Biking" / f"v_Biking_g0{number}_c01.avi"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, 5)
    (root / "ucfTrainTestlist").mkdir()
    (root / "ucfTrainTestlist" / "classInd.txt").write_text("1 Biking\n")
    names = [f"Biking/v_Biking_g0{number}_c01.avi" for number in range(4)]
    for split in (1, 2, 3):
        (root / "ucfTrainTestlist" / f"testlist0{split}.txt").write_text(f"{names[split]}\n")
        others = [f"{name} 1\n" for name in names if name != names[split]]
        (root / "ucfTrainTestlist" / f"trainlist0{split}.txt").write_text("".join(others))
    store = pack(root, out=tmp_path / "store", short_side=16, workers=0)
    assert len(store.videos) == 4
    for split in (1, 2, 3):
        ours, theirs = read_source(store.folder, split=split), read_source(root, split=split)
        assert (ours.kind, ours.split, ours.name) == (theirs.kind, split, theirs.name)
        for one, other in zip(ours.sides().values(), theirs.sides().values(), strict=True):
            assert [Path(v.path).name for v in one.videos] == [Path(v.path).name for v in other.videos]
            assert one.name == other.name
    with pytest.raises(UsageError, match="split 4 was asked for, but the store has splits 1, 2, 3"):
        read_source(store.folder, split=4)
    alone = pack(root, out=tmp_path / "one", short_side=16, workers=0, split=2)
    assert read_source(alone.folder, split=2).split == 2
    with pytest.raises(UsageError, match="split 1 was asked for, but the store has split 2 only"):
        read_source(alone.folder)


def test_a_list_may_name_packed_videos(packed, tmp_path):
    folder = packed["jpeg"].folder
    some = [Path(video.path).relative_to(folder) for video in list(read_source(folder).train.videos)[:3]]
    (tmp_path / "few.csv").write_text("path,label\n" + "".join(f"{folder / name},walk\n" for name in some))
    assert [video.path for video in read_list(tmp_path / "few.csv").videos] == [str(folder / name) for name in some]
    (tmp_path / "none.csv").write_text(f"{folder}/train/nothing.mp4\n")
    with pytest.raises(UsageError, match="no file"):
        read_list(tmp_path / "none.csv")


def test_what_is_known_of_the_videos_comes_along(packed, clip_folder):
    ours = rows_of(read_source(packed["jpeg"].folder).test.videos)
    assert ours == rows_of(read_source(clip_folder).test.videos)


def test_flow_of_the_videos_is_flow_of_the_packed_ones(packed, clip_folder, flow_folder):
    theirs, ours = read_source(clip_folder).train.videos[0], read_source(packed["raw"].folder).train.videos[0]
    assert flow_folder.file(ours) == flow_folder.file(theirs)


def test_a_store_made_anew_is_opened_anew(numbered, tmp_path):
    out = tmp_path / "store"
    first = pack(numbered, out=out, short_side=48, workers=0)
    shutil.rmtree(out)
    (numbered / "walk" / "a.mp4").unlink()
    assert len(pack(numbered, out=out, short_side=48, workers=0).videos) == 2
    assert len(opened(out).videos) == 2
    assert len(first.videos) == 3


@pytest.mark.parametrize("name", ["videos.npy", "lookup.npy", "names.bin", "train.npy"])
def test_a_damaged_index_is_said_in_one_line(packed, tmp_path, name):
    folder = shutil.copytree(packed["jpeg"].folder, tmp_path / "store")
    for content in (b"", b"\x93NUMPY\x01\x00", np.random.default_rng(0).bytes(900)):
        (folder / name).write_bytes(content)
        if name == "names.bin" and content:
            continue  # text of another length is found when it is read
        with pytest.raises(UsageError, match=r"the index of the store .* is damaged"):
            read_source(folder)
    (folder / "store.json").write_text("{}")
    with pytest.raises(UsageError, match="is damaged"):
        read_source(folder)


def test_a_path_into_a_store_that_it_does_not_hold_is_no_file(packed):
    folder = packed["jpeg"].folder
    with pytest.raises(DataError, match="no such file"):
        open_video(folder / "train" / "nothing.mp4")
    assert inspect_file(str(folder / "nothing.mp4")).kind == "missing"
    assert find("/nowhere/at/all.mp4") is None
    assert Video(str(folder / "nothing.mp4")) not in read_source(folder).train.videos
