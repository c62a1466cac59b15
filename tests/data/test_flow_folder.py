"""Flow on disk: what is written is read at the right frames, and flow of anything else is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from video_files import write_video

from kinema.data.decode import open_video
from kinema.data.flow import ALGORITHM
from kinema.data.flow_folder import FlowFolder, Making, archive_path, open_folder, write_archive, write_manifest
from kinema.data.loader import EpochSampler, EvalClips, TrainClips, train_loader
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.sampler import RandomClip
from kinema.settings import Clip

MAKING = Making(dict(ALGORITHM), 48, 20.0)


def numbered(num_fields=39, height=48, width=80):
    """Fields whose every pixel is their number, u from 0 and v from 100."""
    numbers = torch.arange(num_fields).view(-1, 1, 1, 1) + torch.tensor([0, 100]).view(1, 2, 1, 1)
    return numbers.expand(-1, -1, height, width).to(torch.uint8)


@pytest.fixture
def video(tmp_path):
    """A video of 40 frames of 80 x 48 pixels, in two folders."""
    return Video(str(write_video(tmp_path / "set" / "walk" / "a.mp4", 40)))


@pytest.fixture
def folder(tmp_path, video):
    """Its flow, in which each field shows its number."""
    flow = FlowFolder(tmp_path / "flow", MAKING, {"walk/a.mp4": Path(video.path).stat().st_size})
    write_archive(archive_path(flow.folder, "walk/a.mp4"), numbered())
    write_manifest(flow)
    return flow


def fields_of(folder, video, indices, size=(48, 80), components="v"):
    with open_video(video.path) as reader:
        return folder.fields(video, reader, torch.tensor(indices), size, components)


def test_pixels_are_grey_levels_between_the_bounds():
    flow = torch.tensor([-20.0, 20.0, 0.0, -99.0, 99.0, 10.0])
    assert MAKING.to_bytes(flow).tolist() == [0, 255, 128, 0, 255, 191]
    assert replace(MAKING, bound=5.0).to_bytes(torch.tensor([5.0, 2.5])).tolist() == [255, 191]


def test_field_is_read_for_the_frame_that_it_begins_at_and_the_last_frame_takes_the_one_before(folder, video):
    read = fields_of(folder, video, [[0, 7, 7], [38, 39, 20]])
    assert read.shape == (2, 3, 48, 80, 1)
    assert read.dtype == torch.uint8
    assert read[:, :, 5, 5, 0].tolist() == [[100, 107, 107], [138, 138, 120]]


@pytest.mark.parametrize("size", [(48, 80), (24, 40)])
def test_both_components_are_read_where_both_are_asked_for(folder, video, size):
    read = fields_of(folder, video, [[0, 7], [7, 39]], size, "uv")
    assert read.shape == (2, 2, *size, 2)
    assert read[:, :, 5, 5].tolist() == [[[0, 100], [7, 107]], [[7, 107], [38, 138]]]


def test_manifest_is_read_as_it_was_written(folder):
    assert open_folder(folder.folder) == folder
    assert open_folder(str(folder.folder)).making.algorithm["tau"] == 0.25


def test_field_is_resized_to_the_clips_frames(folder, video):
    assert fields_of(folder, video, [3], size=(24, 40)).unique().tolist() == [103]
    assert fields_of(folder, video, [3], size=(24, 40)).shape == (1, 24, 40, 1)


def test_flow_is_found_after_the_data_set_has_moved(folder, video, tmp_path):
    shutil.move(tmp_path / "set", tmp_path / "elsewhere")
    moved = Video(str(tmp_path / "elsewhere" / "walk" / "a.mp4"))
    folder.require([moved])
    assert fields_of(folder, moved, [4])[0, 0, 0].item() == 104


def test_clips_have_the_flow_of_their_frames_and_else_are_what_they_were(folder, video):
    clip = Clip(frames=4, stride=3, size=48, short_side=48)
    for epoch in range(4):
        plain, flowing = (
            TrainClips([video], clip, RandomClip(4, 3, copies=2), seed=1, flow=flow)[(epoch, 0)]
            for flow in (None, folder)
        )
        assert torch.equal(flowing[0][..., :3], plain[0])
        assert torch.equal(flowing[1], plain[1])
        first = flowing[0][0, 0, 0, 0, 3].item() - 100
        assert flowing[0][..., 3].unique().tolist() == [100 + min(first + 3 * n, 38) for n in range(4)]
        with open_video(video.path) as reader:
            assert torch.equal(reader.at([first])[0], plain[0][0, 0])
    (clips, *_), (plain, *_) = (EvalClips([video], clip, clips=2, flow=flow)[0] for flow in (folder, None))
    assert torch.equal(clips[..., :3], plain)
    assert clips[..., 0, 0, 3].tolist() == [[100, 103, 106, 109], [130, 133, 136, 138]]


def test_batches_with_flow_are_the_same_with_reading_processes(clips, flow_folder):
    clip = Clip(frames=4, stride=2, size=24)

    def batches(workers):
        dataset = TrainClips(clips, clip, RandomClip(4, 2), seed=3, flow=flow_folder)
        return list(train_loader(dataset, EpochSampler(len(clips), 10, epochs=1, seed=3), workers=workers))

    for one, other in zip(batches(0), batches(2), strict=True):
        assert one.clips.shape[-1] == 4
        assert torch.equal(one.clips, other.clips)
        assert torch.equal(one.dice, other.dice)


# ---- what is refused ----


def test_flow_of_other_videos_is_refused(folder, tmp_path):
    other = Video(str(write_video(tmp_path / "set" / "walk" / "b.mp4", 5)))
    with pytest.raises(UsageError, match=r"holds flow of other videos, none of .*b.mp4"):
        folder.require([other])


def test_flow_of_a_video_that_was_replaced_is_refused(folder, video):
    write_video(Path(video.path), 12)
    with pytest.raises(UsageError, match=r"holds flow of another walk/a.mp4, of \d+ bytes and not the \d+ of"):
        folder.require([video])


def test_unfinished_flow_is_refused(folder, video):
    archive = archive_path(folder.folder, "walk/a.mp4")
    archive.rename(archive.with_name(archive.name + ".partial"))
    with pytest.raises(UsageError, match=r"is unfinished, it has no flow for .*a.mp4: the same"):
        folder.require([video])


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (numbered(20), "is flow of 21 frames of 80 x 48 pixels, but .* has 40 frames of 80 x 48 pixels"),
        (numbered(39, 48, 64), "is flow of 40 frames of 64 x 48 pixels, but .* has 40 frames of 80 x 48 pixels"),
    ],
)
def test_flow_of_another_count_or_shape_than_the_video_is_refused(folder, video, fields, complaint):
    write_archive(archive_path(folder.folder, "walk/a.mp4"), fields)
    with pytest.raises(UsageError, match=complaint):
        fields_of(folder, video, [0])


def test_damaged_archive_is_named(folder, video):
    archive = archive_path(folder.folder, "walk/a.mp4")
    whole = archive.read_bytes()
    for content in (b"", whole[:-40], whole[:3000] + b"\0" * 900 + whole[3900:]):
        archive.write_bytes(content)
        with pytest.raises(DataError, match=r"a.mp4.zip: flow cannot be read \(.+\): delete it"):
            fields_of(folder, video, list(range(39)))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: "no JSON", "flow.json is damaged .*: make the flow anew, .* --out with another folder"),
        (lambda content: json.dumps([]), "flow.json is damaged"),
        (lambda content: json.dumps(content | {"videos": 3}), "flow.json is damaged"),
        (lambda content: json.dumps({k: v for k, v in content.items() if k != "bound"}), "flow.json is damaged"),
        (lambda content: json.dumps(content | {"format": 9}), "has format 9, not 1"),
    ],
)
def test_damaged_manifest_is_named(folder, change, complaint):
    manifest = folder.folder / "flow.json"
    manifest.write_text(change(json.loads(manifest.read_text())))
    with pytest.raises(UsageError, match=complaint):
        open_folder(folder.folder)


def test_folder_without_flow_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match=r"holds no flow, it has no flow.json: make it with kinema data flow"):
            open_folder(place)
