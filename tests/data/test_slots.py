"""Batches that come through shared memory which is used again are those of one process, however long they are kept."""

from __future__ import annotations

import gc
import re
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from kinema.batch import Batch, Draw
from kinema.data import clip_loader
from kinema.data.lending import Lender
from kinema.data.loader import EpochSampler, EvalClips, Place, TrainClips, eval_loader, gather, train_loader
from kinema.data.slots import SLOTS, Parcel, Received, Slots, ordinary
from kinema.data.video import Video
from kinema.errors import DataError, UsageError
from kinema.settings import Clip

CLIP = Clip(frames=4, stride=2, size=24)
FIELDS = ("clips", "extent", "dice", "video", "target")
needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mapped memory is read from /proc")


def three_clips(num_frames: int, rng: torch.Generator) -> Draw:
    """Three clips of a video."""
    return Draw(torch.randint(0, num_frames, (3, 4), generator=rng), target=num_frames)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    """Eleven videos of noise, upright, square and ever wider ones, so that hardly two batches have one shape."""
    folder = tmp_path_factory.mktemp("shapes")
    rng = np.random.default_rng(0)
    for number in range(11):
        width, height = ((32, 48), (32, 32), (32 + 2 * number, 32))[number % 3]
        with av.open(str(folder / f"{number}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for _ in range(9):
                frame = av.VideoFrame.from_ndarray(rng.integers(0, 256, (height, width, 3), np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return [Video(str(folder / f"{number}.mp4"), label=number % 4) for number in range(11)]


def steps(videos: Sequence[Video], *, start: int = 0, epochs: int = 6, batch: int = 2) -> EpochSampler:
    return EpochSampler(len(videos), batch, epochs=epochs, seed=0, start_step=start)


def dataset(videos: Sequence[Video]) -> TrainClips:
    return TrainClips(videos, CLIP, three_clips, seed=0)


def assert_same(one: Sequence[Batch], other: Sequence[Batch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


# ---- the same batches ----


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_batches_that_are_all_kept_are_those_of_one_process(shapes: list[Video], workers: int) -> None:
    alone = list(train_loader(dataset(shapes), steps(shapes), workers=0))
    kept = list(train_loader(dataset(shapes), steps(shapes), workers=workers))
    assert len(kept) == 30 > SLOTS * workers, "every slot is used again"
    assert len({batch.clips.shape for batch in kept}) > 4, "of many shapes"
    assert_same(alone, kept)
    samples = [dataset(shapes)[place] for place in list(steps(shapes))[17]]
    assert all(torch.equal(a, b) for a, b in zip(gather(samples), vars(kept[17]).values(), strict=False))


def test_batch_may_be_written_to_and_kept_while_others_come(shapes: list[Video]) -> None:
    alone = list(train_loader(dataset(shapes), steps(shapes), workers=0))
    kept = []
    for batch, wanted in zip(train_loader(dataset(shapes), steps(shapes), workers=2), alone, strict=True):
        time.sleep(0.02)  # the reading processes are as far ahead as they may be
        assert_same([batch], [wanted])
        kept.append((batch, wanted))
        for earlier, _ in kept[-4:]:
            for name in FIELDS:
                getattr(earlier, name).zero_()
    assert all(not getattr(batch, name).any() for batch, _ in kept for name in FIELDS)


def test_slow_owner_gets_what_was_read_long_before(shapes: list[Video]) -> None:
    alone = list(train_loader(dataset(shapes), steps(shapes, epochs=2), workers=0))
    late = []
    for batch in train_loader(dataset(shapes), steps(shapes, epochs=2), workers=2):
        late.append(batch)
        time.sleep(0.1)
    assert_same(alone, late)


@pytest.mark.parametrize("start", [1, 4, 7])
def test_resumed_order_is_what_was_left_from_reading_processes_too(shapes: list[Video], start: int) -> None:
    whole = list(train_loader(dataset(shapes), steps(shapes, epochs=3), workers=0))
    assert_same(whole[start:], list(train_loader(dataset(shapes), steps(shapes, epochs=3, start=start), workers=2)))


def test_each_rank_gets_its_part_from_reading_processes(shapes: list[Video]) -> None:
    for rank in range(2):
        order = EpochSampler(len(shapes), 4, epochs=4, seed=0, rank=rank, ranks=2)
        alone, together = (list(train_loader(dataset(shapes), order, workers=workers)) for workers in (0, 2))
        assert_same(alone, together)


def test_smaller_last_batch_has_nothing_of_those_before_it(shapes: list[Video]) -> None:
    clips = EvalClips(shapes, CLIP, clips=2, crops=3)
    alone, together = (list(eval_loader(clips, batch_size=2, workers=workers)) for workers in (0, 1))
    assert [len(batch) for batch, _, _ in together] == [2, 2, 2, 2, 2, 1]
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.cat([label for _, _, label in together]).tolist() == [video.label for video in shapes]


def test_error_comes_after_the_batches_before_it(shapes: list[Video], tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    videos = [*shapes[:9], Video(str(tmp_path / "empty.mp4"))]
    alone, seen = eval_loader(EvalClips(videos, CLIP), batch_size=1, workers=0), []
    with pytest.raises(DataError, match=r"empty\.mp4"):
        for batch in eval_loader(EvalClips(videos, CLIP), batch_size=1, workers=2):
            seen.append(batch)
    assert len(seen) == 9
    assert all(torch.equal(one[0], other[0]) for one, other in zip(seen, alone, strict=False))


class Late(TrainClips):
    """Clips of which every third takes its time, so that batches arrive out of order."""

    def __getitem__(self, place: Place) -> tuple[Tensor, Tensor, int, int]:
        time.sleep(0.05 if place[1] % 3 == 0 else 0)
        return super().__getitem__(place)


def test_batches_that_arrive_out_of_order_are_put_in_order(shapes: list[Video]) -> None:
    late = Late(shapes, CLIP, three_clips, seed=0)
    order = EpochSampler(len(shapes), 1, epochs=2, seed=0)
    alone = list(train_loader(dataset(shapes), order, workers=0))
    assert_same(alone, list(train_loader(late, order, workers=3)))


# ---- the shared memory ----


def mapped() -> dict[str, int]:
    """Bytes of each piece of torch's shared memory that this process has mapped, by its inode."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    found = [re.match(r"(\w+)-(\w+) \S+ \S+ \S+ (\d+) +/dev/shm/torch_", line) for line in lines]
    return {at[3]: int(at[2], 16) - int(at[1], 16) for at in found if at}


@needs_proc
@pytest.mark.parametrize(("workers", "epochs"), [(1, 3), (2, 3), (2, 1)])
def test_shared_memory_is_what_is_asked_for_before_the_start_and_goes_with_the_loader(
    clips: list[Video], workers: int, epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`clips` are of one size, so that the first sample says what every batch takes."""
    before = mapped()
    order, seen = steps(clips, epochs=epochs, batch=8), 0
    stream = iter(train_loader(dataset(clips), order, workers=workers))
    pieces: dict[str, int] = {}
    for _ in stream:
        seen += 1
        now = {inode: size for inode, size in mapped().items() if inode not in before}
        assert set(pieces) <= set(now), "what is mapped stays mapped"
        pieces = now
    used = sum(pieces.values())
    assert len(pieces) == min(SLOTS * workers, seen)
    del stream
    gc.collect()
    assert not set(pieces) & set(mapped())
    for free in (used, used - 1):
        monkeypatch.setattr(clip_loader.shutil, "disk_usage", lambda path, free=free: SimpleNamespace(free=free))
        if free == used:
            train_loader(dataset(clips), order, workers=workers)
        else:
            with pytest.raises(UsageError, match="MB of shared memory"):
                train_loader(dataset(clips), order, workers=workers)


@needs_proc
def test_loader_left_midway_leaves_no_memory_and_begins_again(shapes: list[Video]) -> None:
    loader, before = train_loader(dataset(shapes), steps(shapes), workers=2), set(mapped())
    stream = iter(loader)
    first = [next(stream) for _ in range(7)]
    assert set(mapped()) - before
    del stream
    gc.collect()
    assert set(mapped()) <= before
    again = iter(loader)
    assert_same(first, [next(again) for _ in range(7)])


def test_slot_is_sent_once_and_again_when_it_had_to_grow() -> None:
    slots, received = Slots(2), Received(ordinary)
    sizes = [4, 4, 3, 9, 9, 9, 2]
    sent = []
    for number, size in enumerate(sizes):
        clips = slots.empty((size, 5))
        clips.fill_(number)
        parcel = slots.parcel(clips, torch.tensor([number]))
        sent.append((parcel.slot, parcel.memory is not None))
        copy = received.clips(parcel)
        assert copy.shape == (size, 5)
        assert (copy == number).all()
        assert not copy.is_shared()
    assert sent == [(0, True), (1, True), (0, False), (1, True), (0, True), (1, False), (0, False)]


def test_clips_elsewhere_than_in_the_slot_are_refused() -> None:
    slots = Slots(2)
    slots.empty((2, 3))
    for elsewhere in (ordinary((2, 3)), slots.empty((2, 3))[1:], slots.empty((2, 3)).t()):
        with pytest.raises(RuntimeError, match="not where they were to be put"):
            slots.parcel(elsewhere)


# ---- a slot that is filled too early is noticed ----


def filled(slots: Slots, value: int) -> Parcel:
    clips = slots.empty((6,))
    clips.fill_(value)
    return slots.parcel(clips)


def test_slot_that_was_filled_again_before_it_is_copied_is_an_error() -> None:
    slots, received = Slots(2), Received(ordinary)
    first, second, _ = (filled(slots, value) for value in range(3))
    assert received.clips(second).tolist() == [1] * 6
    with pytest.raises(RuntimeError, match="slot 0 of reading process 0 should hold its batch 1 and holds 3"):
        received.clips(first)


@pytest.mark.parametrize("done", [False, True])
def test_slot_that_is_filled_while_it_is_copied_is_an_error(done: bool) -> None:
    slots = Slots(1)

    def empty(shape: Sequence[int]) -> Tensor:
        """Called after the slot was looked at and before it is copied; just then the reading process goes on."""
        filled(slots, 7) if done else slots.empty((6,))
        return ordinary(shape)

    parcel = filled(slots, 3)
    with pytest.raises(RuntimeError, match=f"should hold its batch 1 and holds {2 if done else -2}: "):
        Received(empty).clips(parcel)


@pytest.mark.parametrize("count", range(1, SLOTS + 1))
def test_as_many_slots_as_there_are_do_and_fewer_never_give_a_wrong_batch(
    shapes: list[Video], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is, torch gives out batches in the order that it is taken to do."""

    class Slow(Lender):
        """As if a copy took long: meanwhile the reading process gets as far as it may."""

        def empty(self, shape: Sequence[int]) -> Tensor:
            time.sleep(0.1)
            return super().empty(shape)

    monkeypatch.setattr(clip_loader, "SLOTS", count)
    alone = list(train_loader(dataset(shapes), steps(shapes, epochs=3), workers=0))
    monkeypatch.setattr(clip_loader, "Lender", Slow)
    enough = nullcontext() if count == SLOTS else pytest.raises(RuntimeError, match="filled again before it was copied")
    with enough:
        for batch, wanted in zip(train_loader(dataset(shapes), steps(shapes, epochs=3), workers=1), alone, strict=True):
            assert_same([batch], [wanted])


@pytest.mark.gpu
@pytest.mark.parametrize("workers", [0, 2])
def test_batches_for_a_gpu_lie_in_pinned_memory(shapes: list[Video], workers: int) -> None:
    alone = list(train_loader(dataset(shapes), steps(shapes), workers=0))
    device = torch.device("cuda")
    pinned = list(train_loader(dataset(shapes), steps(shapes), workers=workers, pin_memory=True))
    assert all(getattr(batch, name).is_pinned() for batch in pinned for name in FIELDS)
    moved = [batch.to(device) for batch in pinned]
    assert_same(alone, [batch.to(torch.device("cpu")) for batch in moved])
