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
    with pytest.raises(UsageError, match=r"^a queue of 8 features is smaller than a batch of 16 videos: raise"):
        check_queue(8, 16, 100)
    with pytest.raises(UsageError, match=r"of the 100 videos twice, .* lower --method.queue to 84 or less$"):
        check_queue(100, 16, 100)
    check_queue(84, 16, 100)
