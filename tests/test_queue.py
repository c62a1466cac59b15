import pytest
import torch

from kinema.errors import UsageError
from kinema.queue import Queue, check_queue


def rows(first, count, dim=2):
    return {
        "keys": torch.arange(first, first + count)[:, None].expand(count, dim).float(),
        "video": torch.arange(count),
    }


def test_a_new_queue_holds_unit_vectors_of_no_video():
    queue = Queue(6, 4, seed=0)
    torch.testing.assert_close(queue.keys.norm(dim=1), torch.ones(6))
    assert not queue.filled.any()
    assert torch.equal(queue.keys, Queue(6, 4, seed=0).keys)
    assert not torch.equal(queue.keys, Queue(6, 4, seed=1).keys)


def test_the_oldest_rows_make_place_round_the_end():
    queue = Queue(5, 2, seed=0)
    for first in (10, 20, 30):
        queue.put(rows(first, 2))
    assert queue.keys[:, 0].tolist() == [31, 11, 20, 21, 30]
    assert queue.place == 1
    assert queue.filled.all()


def test_fields_stay_beside_their_keys():
    queue = Queue(4, 2, seed=0, fields={"flow": 3})
    queue.put(rows(1, 3) | {"flow": torch.full((3, 3), 7.0)})
    assert queue.flow[:3].eq(7).all()
    assert not queue.flow[3].eq(7).any()
    with pytest.raises(AssertionError):
        queue.put(rows(1, 3))


def test_a_queue_survives_its_state_dict():
    queue, other = Queue(4, 2, seed=0), Queue(4, 2, seed=1)
    queue.put(rows(1, 3))
    other.load_state_dict(queue.state_dict())
    assert torch.equal(other.keys, queue.keys)
    assert other.place == 3


def test_a_queue_that_cannot_be_is_refused():
    with pytest.raises(UsageError, match=r"^a queue of 8 rows is overfilled by one step, .* 16 videos: raise --method"):
        check_queue(8, 16, 100)
    with pytest.raises(
        UsageError, match=r"of the 100 videos of an epoch twice, .* lower --method.queue to 84 or less$"
    ):
        check_queue(85, 16, 100)
    check_queue(16, 16, 100)
    check_queue(84, 16, 100)


def test_a_queue_that_takes_several_rows_of_a_video_may_be_as_many_times_as_long():
    with pytest.raises(UsageError, match=r"2 features each of 16 videos: raise --method.queue to 32 or more$"):
        check_queue(31, 16, 100, rows=2)
    with pytest.raises(UsageError, match=r"lower --method.queue to 168 or less$"):
        check_queue(169, 16, 100, rows=2)
    check_queue(168, 16, 100, rows=2)


def test_no_queue_fits_steps_of_more_than_half_an_epoch():
    with pytest.raises(UsageError, match=r"16 videos, more than half of the 30 of an epoch.* --train.batch-size"):
        check_queue(16, 16, 30)
    check_queue(16, 16, 32)


def test_within_an_epoch_no_video_meets_its_own_row_in_the_longest_queue_that_is_allowed():
    check_queue(8, 4, 12)
    queue, videos = Queue(8, 2, seed=0), torch.arange(12).split(4)
    for batch in videos:
        assert not torch.isin(batch, queue.video).any()
        queue.put(rows(0, 4) | {"video": batch})
