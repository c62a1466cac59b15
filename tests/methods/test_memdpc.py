from dataclasses import replace

import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, moving_shapes, term_on, trained

from kinema.batch import generator
from kinema.data.shapes import MOTIONS
from kinema.errors import UsageError
from kinema.methods import blocks
from kinema.settings import Clip, MemDPC
from reference.dense import dense_contrast


def recipe(**changes):
    """The case at 32 px, where a map has 2 x 2 cells."""
    base = CASES["memdpc"]
    return replace(base, method=replace(base.method, **changes), clip=Clip(frames=4, size=32))


def chance(rng, videos=4):
    """What is drawn for a batch of so many videos."""
    return lambda shape: torch.rand(videos, *shape, generator=rng)


def random_maps(seed=0):
    return torch.rand(4, 4, 32, 2, 2, generator=generator(seed))


def test_what_is_recalled_is_a_mean_of_the_slots():
    method = build(recipe())
    state = torch.randn(3, 32, 2, 2, generator=generator(1))
    with torch.no_grad():
        shares = method.shares(state).softmax(dim=1)
        recalled = method.recall(state)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3, 2, 2))
    expected = torch.stack([sum(share * slot for share, slot in zip(shares[0, :, i, j], method.slots, strict=True))
                            for i in range(2) for j in range(2)])  # fmt: skip
    torch.testing.assert_close(recalled[0].flatten(1).T, expected.detach())


def test_two_layers_of_one_cell_make_the_shares_of_slots_that_are_drawn_from_a_normal_law():
    method = build(recipe())
    assert [type(layer).__name__ for layer in method.shares] == ["Conv2d", "ReLU", "Conv2d"]
    assert all(layer.kernel_size == (1, 1) for layer in (method.shares[0], method.shares[2]))
    assert method.slots.std().item() == pytest.approx(1, abs=0.1)


def test_shares_and_recurrent_cells_begin_orthogonal_at_a_tenth_of_unit_length():
    method = build(recipe())
    for layer in (method.shares[0], method.onwards.update, method.back.candidate):
        rows = layer.weight.detach()[:, :, 0, 0]
        torch.testing.assert_close(rows @ rows.T, 0.01 * torch.eye(len(rows)), atol=1e-6, rtol=1e-4)
        assert (layer.bias == 0).all()


def test_shares_of_the_slots_sum_to_one():
    method = build(recipe())
    state = 30 * torch.randn(3, 32, 2, 2, generator=generator(1))
    with torch.no_grad():
        method.slots.fill_(7)
        torch.testing.assert_close(method.recall(state), torch.full((3, 32, 2, 2), 7.0))
        method.slots.copy_(torch.eye(32)[:16])  # a slot a channel: what is recalled are the shares
        assert method.recall(state).min() >= 0


def test_predictions_lie_in_the_span_of_fewer_slots_than_a_feature_has_numbers():
    method = build(recipe())
    slots = method.slots.detach()
    assert slots.shape == (16, 32)
    with torch.no_grad():
        found = blocks.predictions(method.onwards, method.recall, random_maps(), method.config, chance(step().rng()))

    def beyond(rows):
        """How far vectors are from the nearest that slots can be added up to."""
        return (slots.T @ torch.linalg.lstsq(slots.T, rows.T).solution - rows.T).norm(dim=0)

    assert beyond(found.movedim(2, -1).reshape(-1, 32)).max() < 1e-5
    assert beyond(random_maps().movedim(2, -1).reshape(-1, 32)).min() > 0.1


def test_time_turned_and_recurrent_cells_exchanged_is_the_same_loss(monkeypatch):
    method, maps = build(recipe(dropout=0)), random_maps()
    with torch.no_grad():
        for parameter in method.parameters():
            parameter *= 10  # the first weights are so small that hardly anything makes a difference

    def loss(given):
        monkeypatch.setattr("kinema.methods.memdpc.block_maps", lambda *args: given)
        return method.loss(batch(method), step()).total.item()

    before = loss(maps)
    assert loss(maps.flip(1)) != pytest.approx(before, rel=1e-3)
    method.onwards, method.back = method.back, method.onwards
    assert loss(maps.flip(1)) == pytest.approx(before)


def test_the_loss_is_that_of_both_ways():
    method = build(recipe(dropout=0))
    given, rng = batch(method), step().rng()
    with torch.no_grad():
        maps = blocks.block_maps(method.backbone, given, method.recipe, method.config, rng)
        expected = 0.0
        for aggregate, one_way in ((method.onwards, maps), (method.back, maps.flip(1))):
            found = blocks.predictions(aggregate, method.recall, one_way, method.config, chance(rng))
            expected += dense_contrast(found.numpy(), one_way[:, -2:].numpy())[0]
    assert method.loss(given, step()).total.item() == pytest.approx(expected, rel=1e-5)


def test_the_maps_to_come_learn_too():
    method, maps = build(recipe()), random_maps().requires_grad_()
    method.foresee(method.onwards, maps, batch(method), chance(step().rng()))[0].backward()
    assert (maps.grad.abs().amax(dim=(0, 2, 3, 4)) > 0).tolist() == [True] * 4


def test_states_lose_a_share_in_training():
    without, some = (build(recipe(dropout=share)) for share in (0, 0.5))
    given = batch(some)
    assert some.loss(given, step()).total != without.loss(given, step()).total


def test_slots_of_no_length_are_at_chance():
    method = build(recipe())
    with torch.no_grad():
        method.slots.zero_()
    assert method.loss(batch(method), step()).total.item() == pytest.approx(method.chance()["contrast"], rel=1e-6)


def test_a_memory_of_nothing_is_refused():
    with pytest.raises(UsageError, match=r"--method.slots is 0: give 1 or more"):
        MemDPC(slots=0)
    with pytest.raises(UsageError, match=r"leaves none to predict them from"):
        MemDPC(blocks=2, predicted=2)


@pytest.mark.slow
def test_it_learns_to_tell_the_cells_of_videos_it_has_not_seen():
    """Right in at least one of twenty, where chance is one of 128: 16 videos, 2 predicted maps of 2 x 2 cells."""
    method = MemDPC(blocks=5, predicted=2, block_frames=3, block_stride=2, slots=128)
    small = replace(LEARNING, method=method, train=replace(LEARNING.train, batch_size=16))
    found = trained(small, moving_shapes(MOTIONS[:4], range(24)), epochs=24)
    assert term_on(found, moving_shapes(MOTIONS[:4], range(100, 108), seed=1), "contrast_acc") > 0.05
