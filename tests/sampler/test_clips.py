import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinema.batch import generator
from kinema.errors import UsageError
from kinema.sampler import (
    Blocks,
    OneOrTwoClips,
    Split,
    check_batch_size,
    clip_at,
    epoch_batches,
    random_clip,
    support_query,
    uniform_clips,
)

any_video = given(
    num_frames=st.integers(1, 300), frames=st.integers(1, 32), stride=st.integers(1, 8), seed=st.integers(0, 1000)
)


def test_clip_steps_through_the_video_by_its_stride():
    assert clip_at(3, 10, frames=4, stride=2).tolist() == [3, 5, 7, 9]
    assert clip_at(0, 4, frames=4, stride=1).tolist() == [0, 1, 2, 3]


def test_short_video_repeats_its_first_frame():
    assert clip_at(0, 3, frames=8, stride=1).tolist() == [0, 0, 0, 0, 0, 0, 1, 2]
    assert clip_at(0, 5, frames=4, stride=2).tolist() == [0, 0, 2, 4]
    assert clip_at(0, 1, frames=4, stride=3).tolist() == [0, 0, 0, 0]


def test_short_video_gives_the_same_clip_whatever_start_is_drawn():
    rng = generator("any")
    assert {tuple(random_clip(6, frames=8, stride=1, rng=rng).tolist()) for _ in range(20)} == {
        (0, 0, 0, 1, 2, 3, 4, 5)
    }


def test_video_without_frames_is_refused():
    with pytest.raises(UsageError, match="0 frames"):
        clip_at(0, 0, frames=4, stride=1)


@any_video
def test_random_clip_stays_inside_any_video(num_frames, frames, stride, seed):
    indices = random_clip(num_frames, frames=frames, stride=stride, rng=generator(seed))
    assert indices.dtype == torch.int64
    assert indices.shape == (frames,)
    assert indices.min() >= 0
    assert indices.max() < num_frames
    if num_frames >= (frames - 1) * stride + 1:
        assert (indices.diff() == stride).all()
    else:
        padding = int((indices == 0).sum()) - 1  # the first frame itself is none
        assert indices[padding:].tolist() == list(range(0, num_frames, stride))


@any_video
def test_uniform_clips_cover_any_video_from_its_first_start_to_its_last(num_frames, frames, stride, seed):
    clips = 1 + seed % 10
    indices = uniform_clips(num_frames, clips, frames=frames, stride=stride)
    assert indices.shape == (clips, frames)
    assert indices.min() >= 0
    assert indices.max() < num_frames
    starts, last = indices[:, 0], max(num_frames - 1 - (frames - 1) * stride, 0)
    if clips == 1:
        assert starts.tolist() == [last // 2]
    else:
        assert (starts[0], starts[-1]) == (0, last)
        assert starts.diff().max() - starts.diff().min() <= 1


def test_uniform_clips_are_evenly_spaced():
    assert uniform_clips(21, 3, frames=4, stride=2)[:, 0].tolist() == [0, 7, 14]
    assert uniform_clips(20, 1, frames=4, stride=2).tolist() == [[6, 8, 10, 12]]


def test_every_start_that_needs_no_padding_is_drawn_about_equally_often():
    rng = generator(0)
    starts = torch.stack([random_clip(13, frames=4, stride=3, rng=rng) for _ in range(4000)])[:, 0]
    counts = torch.bincount(starts)
    assert len(counts) == 4  # 0 to 3: frame 3 + 3 * 3 is the last
    assert (counts / 4000 - 1 / 4).abs().max() < 0.03


@given(num_videos=st.integers(8, 200), batch_size=st.integers(1, 8), epoch=st.integers(0, 5))
def test_each_video_is_seen_once_an_epoch(num_videos, batch_size, epoch):
    batches = epoch_batches(num_videos, batch_size, seed=3, epoch=epoch)
    assert batches.shape == (num_videos // batch_size, batch_size)
    seen = batches.flatten().tolist()
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(num_videos))


@given(
    num_videos=st.integers(40, 200),
    batch_size=st.integers(1, 8),
    fraction=st.sampled_from([0.3, 0.5, 0.8]),
    redraw=st.sampled_from(["never", "epoch"]),
    epoch=st.integers(0, 5),
)
def test_stages_read_their_own_half_and_no_video_twice(num_videos, batch_size, fraction, redraw, epoch):
    split = Split(fraction, redraw)
    batches = epoch_batches(num_videos, batch_size, seed=3, epoch=epoch, split=split)
    support, query = (set(half.tolist()) for half in support_query(num_videos, split, seed=3, epoch=epoch))
    assert len(support) == round(fraction * num_videos)
    assert not support & query
    assert support | query == set(range(num_videos))
    assert batches.shape == (min(len(support), len(query)) // batch_size, 2 * batch_size)
    assert set(batches[:, :batch_size].flatten().tolist()) <= support
    assert set(batches[:, batch_size:].flatten().tolist()) <= query
    assert len(batches.flatten().unique()) == batches.numel()


def test_all_of_the_larger_set_is_seen_over_the_epochs():
    split = Split(0.75)
    support, _ = support_query(40, split, seed=0, epoch=0)
    seen = torch.cat([epoch_batches(40, 5, seed=0, epoch=e, split=split)[:, :5].flatten() for e in range(20)])
    assert set(seen.tolist()) == set(support.tolist())


def test_batches_are_the_same_on_every_call_and_others_in_another_epoch_or_seed():
    for split in (None, Split(), Split(redraw="iteration")):
        first = epoch_batches(50, 4, seed=1, epoch=2, split=split)
        assert torch.equal(first, epoch_batches(50, 4, seed=1, epoch=2, split=split))
        assert not torch.equal(first, epoch_batches(50, 4, seed=1, epoch=3, split=split))
        assert not torch.equal(first, epoch_batches(50, 4, seed=2, epoch=2, split=split))


def support_sets(redraw, epochs=2):
    split = Split(0.5, redraw)
    return [set(epoch_batches(48, 4, seed=0, epoch=e, split=split)[:, :4].flatten().tolist()) for e in range(epochs)]


def test_videos_keep_their_half_when_it_is_never_redrawn():
    first, second = support_sets("never")
    assert first == second
    assert len(first) == 24


@pytest.mark.parametrize("redraw", ["epoch", "iteration"])
def test_videos_change_halves_between_epochs_when_redrawn(redraw):
    first, second = support_sets(redraw)
    assert first != second
    assert len(first) == len(second) == 24


def test_remainder_left_out_differs_between_epochs():
    left_out = {
        (set(range(10)) - set(epoch_batches(10, 9, seed=0, epoch=e).flatten().tolist())).pop() for e in range(9)
    }
    assert len(left_out) > 1


def test_fewer_videos_than_a_batch_are_refused_with_both_numbers():
    check_batch_size(8, 8, None)
    check_batch_size(16, 8, Split())
    with pytest.raises(UsageError, match=r"^7 videos do not fill one batch of 8 videos: lower --train.batch-size"):
        check_batch_size(7, 8, None)
    for split in (Split(), Split(redraw="iteration"), Split(0.9)):
        with pytest.raises(UsageError, match="15 videos do not fill one batch of 8 videos in the support half"):
            check_batch_size(15, 8, split)


def looks(num_videos: int, kinds: int) -> torch.Tensor:
    """Thumbnails of videos of so many looks, dealt in turn, with a little noise."""
    rng = generator("looks")
    centres = torch.randint(0, 256, (kinds, 108), generator=rng)
    noise = torch.randint(-3, 4, (num_videos, 108), generator=rng)
    return (centres[torch.arange(num_videos) % kinds] + noise).clamp(0, 255).to(torch.uint8)


def test_look_alikes_share_a_batch():
    batches = epoch_batches(60, 5, seed=0, epoch=0, appearance=looks(60, 6))
    assert batches.shape == (12, 5)
    assert sorted(batches.flatten().tolist()) == list(range(60))
    assert all(len(set((batch % 6).tolist())) == 1 for batch in batches)
    assert (batches[:, 0] % 6).diff().abs().sum() > 0, "batches of one look do not follow one another"


def test_the_halves_of_a_step_are_each_of_one_look_whichever_way_videos_are_dealt():
    appearance = looks(96, 6)
    for split in (Split(redraw="iteration"), Split(), Split(redraw="epoch")):
        for step in epoch_batches(96, 4, seed=0, epoch=1, split=split, appearance=appearance):
            support, query = (step % 6).chunk(2)
            if split.redraw == "iteration":  # 16 videos of each look: no batch has to mix
                assert len(set(support.tolist())) == len(set(query.tolist())) == 1
        batches = epoch_batches(96, 4, seed=0, epoch=1, split=split, appearance=appearance)
        assert len(batches.flatten().unique()) == batches.numel()
        if split.redraw != "iteration":
            support, query = (set(half.tolist()) for half in support_query(96, split, seed=0, epoch=1))
            assert set(batches[:, :4].flatten().tolist()) <= support
            assert set(batches[:, 4:].flatten().tolist()) <= query


@given(num_videos=st.integers(1, 60), batch_size=st.integers(1, 9), epoch=st.integers(0, 3))
def test_look_alikes_are_seen_once_an_epoch_and_as_many_as_fill_batches(num_videos, batch_size, epoch):
    batches = epoch_batches(num_videos, batch_size, seed=3, epoch=epoch, appearance=looks(num_videos, 3))
    assert batches.shape == (num_videos // batch_size, batch_size)
    assert len(batches.flatten().unique()) == batches.numel()


def test_look_alikes_meet_others_of_their_look_in_another_epoch():
    first, second = (
        {frozenset(batch.tolist()) for batch in epoch_batches(60, 5, seed=0, epoch=e, appearance=looks(60, 3))}
        for e in (0, 1)
    )
    assert first != second


def test_look_alikes_of_a_large_set_are_sought_in_neighbourhoods(monkeypatch):
    monkeypatch.setattr("kinema.sampler.batches.NEIGHBOURHOOD", 24)
    batches = epoch_batches(120, 4, seed=0, epoch=0, appearance=looks(120, 3))
    assert sorted(batches.flatten().tolist()) == list(range(120))
    alike = sum(len(set((batch % 3).tolist())) == 1 for batch in batches)
    assert alike >= 15  # of 30; the last of each neighbourhood are leftovers


def test_batch_of_look_alikes_may_be_larger_than_the_neighbourhood_they_are_sought_in(monkeypatch):
    monkeypatch.setattr("kinema.sampler.batches.NEIGHBOURHOOD", 24)
    batches = epoch_batches(70, 30, seed=0, epoch=0, appearance=looks(70, 3))
    assert batches.shape == (2, 30), "as many as batches of any videos, by which training refuses too large ones"
    assert len(batches.flatten().unique()) == 60


def test_blocks_follow_one_another_without_a_gap():
    drawn = Blocks(blocks=3, frames=2, stride=2)(12, generator(0)).indices  # starts 0 and 1 are possible
    assert drawn.tolist() in ([[0, 2], [4, 6], [8, 10]], [[1, 3], [5, 7], [9, 11]])
    short = Blocks(blocks=3, frames=2, stride=2)(7, generator(0)).indices
    assert short.tolist() == [[0, 0], [0, 2], [4, 6]]


def test_one_or_two_clips_are_of_one_window_half_of_the_time_and_few_change_colour():
    drawn = [OneOrTwoClips(4, 2)(60, generator(seed)) for seed in range(2000)]
    alike = [each for each in drawn if torch.equal(*each.indices)]
    apart = [each for each in drawn if not torch.equal(*each.indices)]
    assert all(each.indices.shape == (2, 4) for each in drawn)
    assert len(apart) / len(drawn) == pytest.approx(0.5 * 53 / 54, abs=0.04)  # 54 starts, two of which may coincide
    one_window = [sum(each.target == target for each in alike) / len(alike) for target in range(4)]
    assert one_window[1] == pytest.approx(0.5, abs=0.05)
    assert one_window[0] + one_window[3] < 0.05  # what coincides by chance
    two_windows = [sum(each.target == target for each in apart) / len(apart) for target in range(4)]
    assert two_windows == pytest.approx([0.49, 0.21, 0.21, 0.09], abs=0.05)
