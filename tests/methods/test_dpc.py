from dataclasses import replace

import numpy as np
import pytest
import torch
from cases import CASES, batch, build, step
from learning import LEARNING, moving_shapes, term_on, trained

from kinema.batch import generator
from kinema.data.shapes import MOTIONS
from kinema.errors import UsageError
from kinema.methods import blocks
from kinema.recurrent import ConvGRU
from kinema.settings import DPC, Augment, Clip
from reference.dense import dense_contrast, gru

STILL = Augment(crop_area=(1, 1), crop_aspect=(1, 1), flip=0, jitter=0, blur=0)


def recipe(augment=STILL, size=32, **changes):
    """The case at 32 px, where a map has 2 x 2 cells."""
    base = CASES["dpc"]
    return replace(base, method=replace(base.method, **changes), augment=augment, clip=Clip(frames=4, size=size))


def maps_of(method, given):
    return blocks.block_maps(method.backbone, given, method.recipe, method.config, step().rng())


def chance(rng, videos=4):
    """What is drawn for a batch of so many videos."""
    return lambda shape: torch.rand(videos, *shape, generator=rng)


def random_maps(count=4, size=2, dim=32, seed=0):
    return torch.randn(4, count, dim, size, size, generator=generator(seed))  # as before a ReLU


def test_the_recurrent_cell_is_the_formula():
    torch.manual_seed(0)
    cell = ConvGRU(5, gain=0.7)
    x, state = torch.randn(2, 5, 3, 2), torch.randn(2, 5, 3, 2)
    weights = [layer.weight.detach()[:, :, 0, 0].numpy() for layer in (cell.update, cell.reset, cell.candidate)]
    found = cell(x, state).detach()
    for b, i, j in np.ndindex(2, 3, 2):
        expected = gru(x[b, :, i, j].numpy(), state[b, :, i, j].numpy(), *weights)
        np.testing.assert_allclose(found[b, :, i, j], expected, rtol=1e-4, atol=1e-6)
    rows = cell.update.weight[:, :, 0, 0]
    torch.testing.assert_close(rows @ rows.T, 0.49 * torch.eye(5))


def test_the_loss_is_the_formula():
    predicted, actual = random_maps(2, dim=6, seed=1) - 0.3, random_maps(4, dim=6, seed=2)
    loss, correct = blocks.dense_contrast(predicted, actual)
    expected, hits = dense_contrast(predicted.numpy(), actual[:, -2:].numpy())
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert correct.item() == pytest.approx(hits)


def test_predictions_that_are_the_maps_themselves_are_all_right():
    actual = 5 * torch.eye(3 * 2 * 4).view(3, 2, 2, 2, 24).movedim(-1, 2)  # no two cells have anything in common
    loss, correct = blocks.dense_contrast(actual, actual)
    assert correct == 1
    assert loss < 1e-8
    shuffled, none = blocks.dense_contrast(actual, actual.flip(1))
    assert none == 0
    assert shuffled > 20


def test_a_network_that_knows_nothing_is_at_chance():
    method = build(recipe())
    with torch.no_grad():
        method.predict[-1].weight.zero_()
    outcome = method.loss(batch(method), step())
    assert outcome.total.item() == pytest.approx(method.chance()["contrast"], rel=1e-6)
    assert method.chance()["contrast"] == pytest.approx(np.log(4 * 2 * 4))


@pytest.mark.parametrize("name", ["dpc", "memdpc"])
def test_the_maps_to_come_are_those_before_the_last_relu(name):
    method = build(CASES[name])
    assert (maps_of(method, batch(method)) < 0).any()


@pytest.mark.parametrize("size", [16, 17, 40, 56])
def test_chance_counts_the_cells_that_the_backbone_makes(size):
    method = build(recipe(size=size))
    cells = maps_of(method, batch(method)).shape[-2:].numel()
    assert method.chance()["contrast"] == pytest.approx(np.log(4 * 2 * cells))


def test_the_order_of_what_was_seen_changes_what_is_expected():
    method = build(recipe(dropout=0))
    maps = random_maps()
    seen = blocks.predictions(method.aggregate, method.predict, maps, method.config, chance(step().rng()))
    turned = torch.cat([maps[:, :2].flip(1), maps[:, 2:]], dim=1)
    other = blocks.predictions(method.aggregate, method.predict, turned, method.config, chance(step().rng()))
    assert seen.shape == (4, 2, 32, 2, 2)
    assert (seen - other).abs().max() > 1e-3


def test_predictions_know_nothing_of_the_blocks_that_they_are_of():
    method = build(recipe())
    maps = random_maps()
    hidden = torch.cat([maps[:, :2], torch.zeros_like(maps[:, 2:])], dim=1)
    one, other = (
        blocks.predictions(method.aggregate, method.predict, given, method.config, chance(step().rng()))
        for given in (maps, hidden)
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_later_block_is_predicted_by_way_of_the_earlier_and_each_state_loses_a_share(share):
    method = build(recipe(dropout=share))
    maps, drawn = random_maps(), chance(step().rng())
    first, second = blocks.predictions(
        method.aggregate, method.predict, maps, method.config, chance(step().rng())
    ).unbind(1)
    state = torch.zeros_like(maps[:, 0])
    for x in (maps[:, 0].relu(), maps[:, 1].relu()):
        state = blocks.dropout(method.aggregate(x, state), share, drawn)
    expected = method.predict(state)
    torch.testing.assert_close(first, expected)
    state = blocks.dropout(method.aggregate(expected.relu(), state), share, drawn)
    torch.testing.assert_close(second, method.predict(state))
    weights = list(method.predict.parameters())  # the first prediction learns from the second, too
    found, right = (torch.autograd.grad(each.square().sum(), weights) for each in (second, method.predict(state)))
    for gradient, own in zip(found, right, strict=True):
        torch.testing.assert_close(gradient, own)


def test_two_layers_of_one_cell_predict():
    method = build(recipe())
    assert [type(layer).__name__ for layer in method.predict] == ["Conv2d", "ReLU", "Conv2d"]
    assert all(layer.kernel_size == (1, 1) for layer in (method.predict[0], method.predict[2]))


def test_the_maps_to_come_learn_too(monkeypatch):
    method, maps = build(recipe()), random_maps().requires_grad_()
    monkeypatch.setattr("kinema.methods.dpc.block_maps", lambda *args: maps)
    method.loss(batch(method), step()).total.backward()
    assert (maps.grad.abs().amax(dim=(0, 2, 3, 4)) > 0).tolist() == [True] * 4


def test_dropout_is_decided_by_the_step_and_keeps_the_mean():
    x = torch.ones(50, 1000)
    dropped = blocks.dropout(x, 0.1, chance(step(1).rng(), 50))
    assert torch.equal(dropped, blocks.dropout(x, 0.1, chance(step(1).rng(), 50)))
    assert not torch.equal(dropped, blocks.dropout(x, 0.1, chance(step(2).rng(), 50)))
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)


def test_a_block_is_its_frames_in_their_order():
    method = build(recipe())
    method.eval()  # so that a block's map does not depend on the blocks beside it
    given = batch(method)
    maps = maps_of(method, given)
    assert maps.shape == (4, 4, 32, 2, 2)
    for n in range(4):
        alone = replace(given, clips=given.clips[:, n : n + 1].expand_as(given.clips))
        torch.testing.assert_close(maps_of(method, alone)[:, 0], maps[:, n])
    turned = replace(given, clips=given.clips.flip(2))
    assert not torch.allclose(maps_of(method, turned), maps)


def test_a_blocks_map_is_its_mean_over_time():
    method, steps = build(recipe()), torch.rand(16, 32, 3, 2, 2, generator=generator(3))
    method.backbone.maps = lambda blocks: steps
    found = maps_of(method, batch(method)).flatten(0, 1)
    np.testing.assert_allclose(found, steps.numpy().mean(axis=2), rtol=1e-5)


def shown(augment):
    """What the backbone is shown of one frame repeated, [B, 3, N * T, S, S]: only augmentation can tell them apart."""
    method, seen = build(recipe(augment=augment)), []
    given = batch(method)
    given = replace(given, clips=given.clips[:, :1, :1].expand_as(given.clips))
    method.backbone.maps = lambda x: seen.append(x) or torch.zeros(len(x), 32, 1, 2, 2)
    maps_of(method, given)
    return seen[0].view(4, 4, 3, 2, 32, 32).transpose(1, 2).flatten(2, 3)


def test_frames_share_crop_and_flip_and_have_colours_of_their_own():
    moved = shown(Augment(jitter=0, grey=0))
    assert torch.equal(moved, moved[:, :, :1].expand_as(moved))
    coloured = shown(Augment(jitter=1, brightness=0.5))
    means = coloured.mean(dim=(1, 3, 4))  # [B, N * T]
    assert (means[:, 1:] - means[:, :1]).abs().amin(dim=0).max() > 1e-3
    assert len(means[0].unique()) == means.shape[1]


def test_blocks_that_leave_nothing_to_predict_from_are_refused():
    with pytest.raises(UsageError, match=r"^--method.predicted 3 of --method.blocks 3 leaves none .* 2 or less"):
        DPC(blocks=3)
    with pytest.raises(UsageError, match=r"--method.predicted is 0: give 1 or more"):
        DPC(predicted=0)
    with pytest.raises(UsageError, match=r"--method.dropout is 1: "):
        DPC(dropout=1)


@pytest.mark.slow
def test_it_learns_to_tell_the_cells_of_videos_it_has_not_seen():
    """Right in at least one of ten, where chance is one of 128: 16 videos, 2 predicted maps of 2 x 2 cells."""
    method = DPC(blocks=5, predicted=2, block_frames=3, block_stride=2)
    small = replace(LEARNING, method=method, train=replace(LEARNING.train, batch_size=16))
    found = trained(small, moving_shapes(MOTIONS[:4], range(24)), epochs=16)
    assert term_on(found, moving_shapes(MOTIONS[:4], range(100, 108), seed=1), "contrast_acc") > 0.1
