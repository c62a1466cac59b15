import gc

import pytest
import torch

from kinema.data.lending import KEPT, Lender


def test_memory_is_used_again_once_nobody_holds_it():
    lender = Lender()
    first = lender.empty((4, 5))
    place = first.data_ptr()
    assert lender.empty((4, 5)).data_ptr() != place
    del first
    gc.collect()
    assert place in {lender.empty((4, 5)).data_ptr() for _ in range(2)}


@pytest.mark.parametrize(
    "look",
    [
        lambda tensor: tensor[1:, 2],
        lambda tensor: tensor.view(-1).unfold(0, 2, 1),
        lambda tensor: tensor.numpy()[::2],
        lambda tensor: memoryview(tensor.numpy()),
        lambda tensor: tensor.untyped_storage(),
        lambda tensor: torch.utils.dlpack.to_dlpack(tensor),
        lambda tensor: tensor.detach().view(torch.int8),
    ],
)
def test_memory_that_anything_still_looks_into_is_not_used_again(look):
    lender = Lender()
    tensor = lender.empty((4, 5)).fill_(7)
    place, kept = tensor.data_ptr(), look(tensor)
    del tensor
    gc.collect()
    others = [lender.empty((4, 5)) for _ in range(6)]
    assert place not in {other.data_ptr() for other in others}
    del kept, others
    gc.collect()
    assert len(lender.free) == KEPT


def test_what_a_network_keeps_for_its_gradient_is_not_used_again():
    lender, weight = Lender(), torch.ones(3, requires_grad=True)
    clip = lender.empty((12,)).view(torch.float32).fill_(2.0)
    loss = (clip * weight).sum()
    del clip
    for _ in range(4):
        lender.empty((12,)).fill_(0)
    loss.backward()
    assert weight.grad.tolist() == [2.0] * 3


def test_pieces_are_of_the_largest_size_and_smaller_ones_are_let_go():
    lender = Lender()
    small = [lender.empty((size,)) for size in (3, 9, 5)]
    del small
    gc.collect()
    assert [len(memory) for memory in lender.free] == [9, 9]
    assert lender.empty((2, 5)).shape == (2, 5)
    assert lender.most == 10
    assert all(len(memory) == 10 for memory in lender.free)


def test_no_more_than_a_few_pieces_are_kept():
    lender = Lender()
    held = [lender.empty((8,)) for _ in range(20)]
    assert len({tensor.data_ptr() for tensor in held}) == 20
    del held
    gc.collect()
    assert len(lender.free) == KEPT
