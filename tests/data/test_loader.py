import mmap
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from video_files import numbers_in, write_video

from kinema import sampler
from kinema.batch import DICE, Draw
from kinema.data import clip_loader
from kinema.data.decode import open_video
from kinema.data.loader import EpochSampler, EvalClips, TrainClips, collate, crop, eval_loader, fit, read, train_loader
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.settings import Clip

CLIP = Clip(frames=4, stride=2, size=24)


def draw(num_frames, rng):
    return Draw(sampler.random_clip(num_frames, frames=4, stride=2, rng=rng)[None], target=7)


def dataset(clips, seed=0):
    return TrainClips(clips, CLIP, draw, seed=seed)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """A video of 40 frames of 80 x 48 pixels, each of which shows its number."""
    return Video(str(write_video(tmp_path_factory.mktemp("numbered") / "a.mp4", 40)), label=3)


def test_frames_are_resized_to_the_short_side_without_aliasing():
    frames = torch.randint(0, 256, (2, 60, 90, 3), dtype=torch.uint8)
    out = fit(frames, 24)
    assert out.shape == (2, 24, 36, 3)
    assert out.dtype == torch.uint8
    exact = F.interpolate(frames.permute(0, 3, 1, 2).float(), size=(24, 36), mode="bilinear", antialias=True)
    assert (out.permute(0, 3, 1, 2).float() - exact).abs().max() <= 1


def test_frames_of_the_right_size_are_left_alone():
    frames = torch.randint(0, 256, (2, 24, 30, 3), dtype=torch.uint8)
    assert torch.equal(fit(frames, 24), frames)


@pytest.mark.parametrize(("height", "width"), [(7, 13), (13, 7), (24, 25), (240, 320), (1080, 1920), (23, 23)])
def test_short_side_is_exact_for_any_frame(height, width):
    out = fit(torch.zeros(1, height, width, 3, dtype=torch.uint8), 24)
    assert min(out.shape[1:3]) == 24
    assert max(out.shape[1:3]) == min(48, round(24 * max(height, width) / min(height, width)))


def test_thread_of_pixels_is_not_enlarged_whole(monkeypatch):
    sizes = []
    resize = F.interpolate
    monkeypatch.setattr(F, "interpolate", lambda planes, **how: (sizes.append(how["size"]), resize(planes, **how))[1])
    across = torch.arange(5000).clamp(2400, 2599).sub(2400).to(torch.uint8)
    thread = across.view(1, 1, 5000, 1).expand(2, 2, 5000, 3)
    for frames in (thread, thread.transpose(1, 2)):
        out = fit(frames, 24)
        assert sorted(out.shape[1:3]) == [24, 48]
        assert 97 <= out.float().mean() <= 102, "the middle"
    assert all(height * width == 24 * 24 * 64 for height, width in sizes)


def test_panorama_keeps_its_middle():
    frames = torch.arange(100, dtype=torch.uint8).view(1, 1, 100, 1).expand(1, 10, 100, 3)
    for given, out in (
        (frames, fit(frames, 10)),
        (frames.transpose(1, 2), fit(frames.transpose(1, 2), 10).transpose(1, 2)),
    ):
        assert sorted(given.shape[1:3]) == [10, 100]
        assert out.shape == (1, 10, 20, 3)
        assert out[0, 0, :, 0].tolist() == list(range(40, 60))


def test_each_frame_is_read_once_however_often_it_is_asked_for():
    asked = []

    def at(indices):
        asked.append(list(indices))
        return torch.tensor(indices, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 6, 6, 3)

    out = read(at, torch.tensor([[0, 0, 2, 4], [4, 9, 2, 0]]), 6)
    assert asked == [[0, 2, 4, 9]]
    assert out.shape == (2, 4, 6, 6, 3)
    assert out[:, :, 0, 0, 0].tolist() == [[0, 0, 2, 4], [4, 9, 2, 0]]


def test_sample_holds_the_frames_that_were_drawn(numbered):
    wanted = torch.tensor([[30, 31, 2], [0, 39, 0]])
    clip = Clip(frames=3, size=42, short_side=48)
    clips, dice, number, target = TrainClips([numbered], clip, lambda n, rng: Draw(wanted, n), seed=0)[(0, 0)]
    assert clips.shape == (2, 3, 48, 80, 3)
    assert [numbers_in(frames) for frames in clips] == wanted.tolist()
    assert (number, target) == (0, 40)
    assert dice.shape == (2, DICE)
    assert 0 <= dice.min() < dice.max() < 1


def test_video_shorter_than_a_clip_begins_with_its_first_frame_again(numbered):
    clip = Clip(frames=50, size=42, short_side=48)
    clips, *_ = TrainClips(
        [numbered], clip, lambda n, rng: Draw(sampler.random_clip(n, frames=50, stride=1, rng=rng)[None]), seed=0
    )[(0, 0)]
    assert numbers_in(clips[0]) == [0] * 10 + list(range(40))


def test_sample_depends_on_seed_epoch_and_video_alone(clips):
    first = dataset(clips)
    wanted = first[(3, 5)]
    other = dataset(clips)
    other[(0, 0)], other[(3, 4)], torch.manual_seed(9)
    again = other[(3, 5)]
    assert torch.equal(wanted[0], again[0])
    assert torch.equal(wanted[1], again[1])
    for different in (first[(4, 5)], first[(3, 6)], dataset(clips, seed=1)[(3, 5)]):
        assert not torch.equal(wanted[1], different[1])


def test_starts_differ_between_epochs(numbered):
    data = dataset([numbered])
    with open_video(numbered.path) as reader:
        frames = fit(reader.at(list(range(40))), CLIP.loaded_side)
    starts = set()
    for epoch in range(8):
        first = data[(epoch, 0)][0][0, 0]
        starts.add(next(i for i in range(40) if torch.equal(frames[i], first)))
    assert len(starts) > 3


def test_smaller_frames_lie_in_the_upper_left_corner_of_a_batch():
    wide = torch.full((1, 2, 10, 16, 3), 5, dtype=torch.uint8)
    tall = torch.full((1, 2, 14, 10, 3), 9, dtype=torch.uint8)
    batch = collate([(wide, torch.rand(1, DICE), 4, -1), (tall, torch.rand(1, DICE), 2, 6)])
    assert batch.clips.shape == (2, 1, 2, 14, 16, 3)
    assert batch.clips.dtype == torch.uint8
    assert batch.extent.tolist() == [[10, 16], [14, 10]]
    assert (batch.video.tolist(), batch.target.tolist()) == ([4, 2], [-1, 6])
    assert (batch.clips[0, :, :, :10, :16] == 5).all()
    assert (batch.clips[1, :, :, :14, :10] == 9).all()
    assert batch.clips.long().sum() == 3 * 2 * (160 * 5 + 140 * 9)


def test_epochs_follow_one_another_and_show_each_video_once():
    order = EpochSampler(10, 4, epochs=3, seed=0)
    places = list(order)
    assert len(order) == len(places) == 6
    assert [epoch for step in places for epoch, _ in step] == [0] * 8 + [1] * 8 + [2] * 8
    seen = Counter(place for step in places for place in step)
    assert max(seen.values()) == 1
    assert all(0 <= number < 10 for _, number in seen)


@pytest.mark.parametrize("start", range(7))
@pytest.mark.parametrize("split", [None, sampler.Split(redraw="epoch")])
def test_sampler_begins_at_any_step(start, split):
    options = {"epochs": 3, "seed": 0, "split": split}
    videos = 10 if split is None else 20
    whole = list(EpochSampler(videos, 4, **options))
    rest = EpochSampler(videos, 4, **options, start_step=start)
    assert list(rest) == whole[start:]
    assert len(rest) == 6 - start


def test_support_half_comes_first_in_every_step():
    split = sampler.Split()
    support, query = sampler.support_query(20, split, seed=0, epoch=0)
    for step in EpochSampler(20, 4, epochs=2, seed=0, split=split):
        numbers = [number for _, number in step]
        assert set(numbers[:4]) <= set(support.tolist())
        assert set(numbers[4:]) <= set(query.tolist())


def test_too_few_videos_are_refused_before_anything_is_read():
    with pytest.raises(UsageError, match="3 videos do not fill one batch of 4"):
        EpochSampler(3, 4, epochs=1, seed=0)


def stream(clips, workers, start=0):
    order = EpochSampler(len(clips), 8, epochs=2, seed=0, start_step=start)
    return list(train_loader(dataset(clips), order, workers=workers))


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for part in ("clips", "extent", "dice", "video", "target"):
            assert torch.equal(getattr(a, part), getattr(b, part))


def test_batches_are_the_same_from_any_number_of_workers(clips):
    alone = stream(clips, 0)
    assert_same(alone, stream(clips, 2))
    assert [len(batch) for batch in alone] == [8, 8, 8, 8]
    assert alone[0].target.tolist() == [7] * 8


def test_batches_after_a_resumption_are_those_that_were_left(clips):
    assert_same(stream(clips, 0)[3:], stream(clips, 0, start=3))


def test_test_clips_are_evenly_spaced_and_cropped_to_the_middle(numbered):
    data = EvalClips([numbered], Clip(frames=4, stride=3, size=48, short_side=48), clips=3)
    clips, number, label = data[0]
    assert clips.shape == (3, 4, 48, 48, 3)
    assert (number, label) == (0, 3)
    with open_video(numbered.path) as reader:
        frames = reader.at(list(range(40)))
    for clip, start in zip(clips, (0, 15, 30), strict=True):  # round(30 / 2) apart; 30 + 3 * 3 is the last frame
        assert torch.equal(clip, frames[start : start + 10 : 3, :, 16:64])


def test_three_crops_stand_beside_one_another(numbered):
    data = EvalClips([numbered], Clip(frames=2, size=48, short_side=48), clips=2, crops=3)
    clips, *_ = data[0]
    assert clips.shape == (6, 2, 48, 48, 3)
    with open_video(numbered.path) as reader:
        first = reader.at([0])[0]
    assert [torch.equal(clips[i, 0], first[:, left : left + 48]) for i, left in ((0, 0), (2, 16), (4, 32))] == [
        True
    ] * 3


@pytest.mark.parametrize(
    ("height", "width", "corners"), [(8, 14, [(0, 0), (0, 3), (0, 6)]), (14, 8, [(0, 0), (3, 0), (6, 0)])]
)
def test_crops_are_spread_along_the_longer_side(height, width, corners):
    frames = torch.arange(height * width).view(1, 1, height, width, 1)
    for out, (top, left) in zip(crop(frames, 8, 3), corners, strict=True):
        assert torch.equal(out, frames[:, :, top : top + 8, left : left + 8])
    assert torch.equal(crop(frames, 8, 1)[0], crop(frames, 8, 3)[1])


def test_every_video_is_evaluated_once_in_order(clips):
    found = list(eval_loader(EvalClips(clips, CLIP, clips=2), batch_size=8, workers=2))
    assert [tuple(batch.shape) for batch, _, _ in found] == [(8, 2, 4, 24, 24, 3)] * 2 + [(4, 2, 4, 24, 24, 3)]
    assert torch.cat([number for _, number, _ in found]).tolist() == list(range(20))


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_video_is_named_in_one_line_whoever_reads_it(clips, tmp_path, workers):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"")
    videos = [*clips[:3], Video(str(broken))]
    order = EpochSampler(4, 4, epochs=1, seed=0)
    for loader in (
        train_loader(dataset(videos), order, workers=workers),
        eval_loader(EvalClips(videos, CLIP), batch_size=4, workers=workers),
    ):
        with pytest.raises(DataError) as caught:
            list(loader)
        with pytest.raises(DataError) as alone:
            open_video(broken)
        assert str(caught.value) == str(alone.value)
        assert "\n" not in str(caught.value)
        assert str(broken) in str(caught.value)


def test_batches_that_do_not_fit_into_shared_memory_are_refused_before_the_start(clips, monkeypatch):
    sample = dataset(clips)[0, 0]
    assert sample[0].shape == (1, 4, 27, 27, 3)
    pages = -(-(64 + 5 * sample[0].nbytes) // mmap.PAGESIZE)
    need = mmap.PAGESIZE * pages * 3 * 3  # three slots of each of three processes
    for free in (need, need - 1):
        monkeypatch.setattr(clip_loader.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        steps = EpochSampler(len(clips), 5, epochs=3, seed=0)
        if free == need:
            train_loader(dataset(clips), steps, workers=3)
        else:
            with pytest.raises(UsageError, match=r"3 reading processes need .* MB of shared memory.*--shm-size"):
                train_loader(dataset(clips), steps, workers=3)
    train_loader(dataset(clips), steps, workers=0)
    train_loader(dataset(clips), EpochSampler(len(clips), 5, epochs=2, seed=0), workers=3)  # no more than 8 batches


@pytest.mark.parametrize("split", [None, sampler.Split(0.5, "never"), sampler.Split(0.5, "iteration")])
def test_ranks_share_every_batch_and_each_of_its_halves_without_overlap(split):
    def steps(rank, ranks):
        return list(EpochSampler(50, 8, epochs=2, seed=3, split=split, start_step=1, rank=rank, ranks=ranks))

    for whole, *parts in zip(steps(0, 1), *(steps(rank, 4) for rank in range(4)), strict=True):
        halves = [whole] if split is None else [whole[:8], whole[8:]]
        for number, half in enumerate(halves):
            assert [place for part in parts for place in part[2 * number : 2 * number + 2]] == half
        assert sorted(place for part in parts for place in part) == sorted(whole)
