import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from kinema.bank import InBatch, PairedBanks, contrast_of, prefixed
from kinema.batch import generator
from kinema.errors import UsageError
from kinema.settings import Contrast
from reference import contrast as reference

VIDEOS, DIM, TAU = 30, 16, 0.07


def banks(videos=VIDEOS, dim=DIM, seed=0, **changes):
    return PairedBanks(videos, dim, Contrast(**{"negatives": 12} | changes), seed=seed)


def features(count=6, dim=DIM, seed=0):
    rng = torch.Generator().manual_seed(seed)
    z1, z2 = (F.normalize(torch.randn(count, dim, generator=rng), dim=1) for _ in range(2))
    return z1, z2, torch.randperm(VIDEOS, generator=rng)[:count]


def commit(module, writes):
    for write in writes:
        buffer = getattr(module, write.buffer)
        buffer[write.rows] = write.value


def test_rows_begin_in_a_cube_with_a_length_of_about_one():
    rows = banks(videos=500, dim=128).rgb
    assert rows.abs().max() <= 1 / math.sqrt(128 / 3)
    assert rows.norm(dim=1).mean() == pytest.approx(1, abs=0.01)
    assert rows.norm(dim=1).std() < 0.1


def test_banks_are_decided_by_the_seed_and_differ_from_one_another():
    assert torch.equal(banks(seed=1).rgb, banks(seed=1).rgb)
    assert not torch.equal(banks(seed=1).rgb, banks(seed=2).rgb)
    assert not torch.equal(banks().rgb, banks().residual)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_refresh_mixes_the_row_with_the_feature_and_restores_unit_length(momentum):
    module, (z1, z2, video) = banks(bank_momentum=momentum), features()
    old = {name: getattr(module, name).clone() for name in ("rgb", "residual")}
    writes = module.refresh(5 * z1, z2, video)
    commit(module, writes)
    for name, feature in (("rgb", 5 * z1), ("residual", z2)):
        new = getattr(module, name)
        for b, number in enumerate(video):
            expected = reference.refreshed(old[name][number].numpy(), feature[b].numpy(), momentum)
            np.testing.assert_allclose(new[number], expected, atol=1e-6)
        np.testing.assert_allclose(new[video].norm(dim=1), 1, atol=1e-5)
        untouched = torch.ones(VIDEOS, dtype=torch.bool).scatter(0, video, False)
        assert torch.equal(new[untouched], old[name][untouched])


def test_contrast_writes_nothing_by_itself_and_gives_gradients_to_features_only():
    module, (z1, z2, video) = banks(form="nce"), features()
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    z1.requires_grad_(), z2.requires_grad_()
    loss, terms, writes = module.contrast(z1, z2, video, generator(0))
    loss.backward()
    assert all(torch.equal(before[name], buffer) for name, buffer in module.named_buffers())
    assert z1.grad.abs().max() > 0
    assert z2.grad.abs().max() > 0
    assert not any(value.requires_grad for value in terms.values())
    assert not any(write.value.requires_grad for write in writes)


def expected_loss(module, z1, z2, indices, *, positive="bank", form="softmax", z=(None, None)):
    total = 0.0
    for direction, (anchor, other, bank) in enumerate([(z1, z2, module.residual), (z2, z1, module.rgb)]):
        rows = bank[indices].numpy().astype(float)
        if positive == "batch":
            rows[:, 0] = other.numpy()
        anchors = anchor.numpy().astype(float)
        if form == "softmax":
            total += reference.softmax_contrast(anchors, rows, TAU)
        else:
            constant = z[direction] or reference.nce_constant(anchors, rows, TAU, VIDEOS)
            total += reference.noise_contrast(anchors, rows, TAU, constant, VIDEOS)
    return total


@pytest.mark.parametrize("positive", ["bank", "batch"])
@pytest.mark.parametrize("form", ["softmax", "nce"])
def test_each_view_is_contrasted_with_the_other_views_bank(positive, form):
    module, (z1, z2, video) = banks(positive=positive, form=form), features()
    indices = module.draw(video, generator(3), None)
    loss, _, _ = module.contrast(z1, z2, video, generator(3))
    assert float(loss) == pytest.approx(expected_loss(module, z1, z2, indices, positive=positive, form=form), rel=1e-4)


def test_one_direction_has_rgb_anchors_and_the_residual_bank():
    module, (z1, z2, video) = banks(directions="1to2"), features()
    loss, _, _ = module.contrast(z1, z2, video, generator(3))
    rows = module.residual[module.draw(video, generator(3), None)].numpy()
    assert float(loss) == pytest.approx(reference.softmax_contrast(z1.numpy(), rows, TAU), rel=1e-5)


def test_with_the_batch_as_the_bank_and_all_others_as_negatives_it_is_the_contrast_in_batch(monkeypatch):
    z1, z2, _ = features(VIDEOS)
    module, video = banks(negatives=VIDEOS), torch.arange(VIDEOS)
    module.rgb.copy_(z1), module.residual.copy_(z2)
    everyone = torch.stack([torch.tensor([i, *(j for j in range(VIDEOS) if j != i)]) for i in range(VIDEOS)])
    monkeypatch.setattr(module, "draw", lambda *_: everyone)
    loss, _, _ = module.contrast(z1, z2, video, generator(0))
    expected = reference.in_batch(z1.numpy(), z2.numpy(), TAU) + reference.in_batch(z2.numpy(), z1.numpy(), TAU)
    assert float(loss) == pytest.approx(expected, rel=1e-5)


@given(exclude=st.booleans(), pool=st.sampled_from([None, 0, 1]), count=st.integers(1, 15), seed=st.integers(0, 100))
def test_own_row_comes_first_and_negatives_from_where_they_may(exclude, pool, count, seed):
    module = banks(exclude_self=exclude)
    halves = torch.randperm(VIDEOS, generator=generator(seed)).chunk(2)
    video = halves[pool or 0][:count]
    drawn = module.draw(video, generator(seed, "draw"), None if pool is None else halves[pool])
    assert drawn.shape == (count, 13)
    assert torch.equal(drawn[:, 0], video)
    assert set(drawn[:, 1:].flatten().tolist()) <= set(range(VIDEOS) if pool is None else halves[pool].tolist())
    if exclude:
        assert (drawn[:, 1:] != video[:, None]).all()


@pytest.mark.parametrize("exclude", [True, False])
def test_negatives_are_uniform_over_the_videos(exclude):
    module, video = banks(videos=8, negatives=7, exclude_self=exclude), torch.full((4000,), 3)
    drawn = module.draw(video, generator(0), None)[:, 1:]
    share = torch.bincount(drawn.flatten(), minlength=8) / drawn.numel()
    expected = torch.full((8,), 1 / 7 if exclude else 1 / 8)
    expected[3] = 0 if exclude else expected[3]
    assert (share - expected).abs().max() < 0.01


def test_draws_depend_on_the_generator_alone():
    module, (_, _, video) = banks(), features()
    assert torch.equal(module.draw(video, generator(1), None), module.draw(video, generator(1), None))
    assert not torch.equal(module.draw(video, generator(1), None), module.draw(video, generator(2), None))


def test_few_videos_have_as_many_negatives_as_there_are_others():
    module = banks(videos=5, negatives=1024)
    assert module.num_negatives == 4
    assert module.chance(8) == pytest.approx(2 * math.log(5))


def test_one_video_alone_is_refused():
    with pytest.raises(UsageError, match="1 video has no other"):
        banks(videos=1)


@pytest.mark.parametrize("form", ["softmax", "nce"])
@pytest.mark.parametrize("directions", ["both", "1to2"])
def test_chance_is_the_loss_of_features_that_are_all_alike(form, directions):
    module, (_, _, video) = banks(form=form, directions=directions), features()
    alike = F.normalize(torch.ones(1, DIM), dim=1)
    module.rgb.copy_(alike.expand(VIDEOS, DIM)), module.residual.copy_(alike.expand(VIDEOS, DIM))
    loss, _, _ = module.contrast(alike.expand(6, DIM), alike.expand(6, DIM), video, generator(0))
    assert float(loss) == pytest.approx(module.chance(8), rel=1e-4)


def test_z_is_set_by_the_first_batch_a_direction_apart_and_then_frozen():
    module, (z1, z2, video) = banks(form="nce"), features()
    indices = module.draw(video, generator(0), None).numpy()
    expected = [
        reference.nce_constant(anchor.numpy(), bank.numpy()[indices], TAU, VIDEOS)
        for anchor, bank in ((z1, module.residual), (z2, module.rgb))
    ]
    commit(module, module.contrast(z1, z2, video, generator(0))[2])
    assert module.z.tolist() == pytest.approx(expected, rel=1e-4)
    loss, _, writes = module.contrast(z2, z1, video, generator(1))
    indices = module.draw(video, generator(1), None)
    assert float(loss) == pytest.approx(
        expected_loss(module, z2, z1, indices, form="nce", z=module.z.tolist()), rel=1e-4
    )
    commit(module, writes)
    assert module.z.tolist() == pytest.approx(expected, rel=1e-4)


def test_z_follows_the_features_with_a_momentum():
    module, (z1, z2, video) = banks(form="nce", z_momentum=0.9), features()
    commit(module, module.contrast(z1, z2, video, generator(0))[2])
    first = module.z.clone()
    indices = module.draw(video, generator(1), None).numpy()
    estimate = reference.nce_constant(z1.numpy(), module.residual.numpy()[indices], TAU, VIDEOS)
    commit(module, module.contrast(z1, z2, video, generator(1))[2])
    assert float(module.z[0]) == pytest.approx(0.9 * float(first[0]) + 0.1 * estimate, rel=1e-4)


def test_accuracy_is_the_share_of_anchors_whose_own_row_is_nearest():
    module, (z1, z2, video) = banks(exclude_self=True), features()
    module.rgb[video], module.residual[video] = z2, z1  # each anchor finds itself
    assert float(module.contrast(z1, z2, video, generator(0))[1]["contrast_acc"]) == 1
    module.rgb[video], module.residual[video] = -z2, -z1
    assert float(module.contrast(z1, z2, video, generator(0))[1]["contrast_acc"]) == 0


def test_autocast_does_not_touch_the_scores():
    module, (z1, z2, video) = banks(positive="batch"), features()
    plain, _, _ = module.contrast(z1, z2, video, generator(0))
    with torch.autocast("cpu", torch.bfloat16):
        under, _, _ = module.contrast(z1, z2, video, generator(0))
    assert torch.equal(plain, under)


def test_writes_are_named_from_the_module_that_holds_the_banks():
    module, (z1, z2, video) = banks(), features()
    writes = prefixed("banks", module.refresh(z1, z2, video))
    assert [write.buffer for write in writes] == ["banks.rgb", "banks.residual"]
    assert all(torch.equal(write.rows, video) for write in writes)


@pytest.mark.parametrize("directions", ["both", "1to2"])
def test_in_batch_contrast_is_each_view_against_the_others_of_the_batch(directions):
    module, (z1, z2, video) = InBatch(Contrast(source="batch", directions=directions)), features()
    expected = reference.in_batch(z1.numpy(), z2.numpy(), TAU)
    if directions == "both":
        expected += reference.in_batch(z2.numpy(), z1.numpy(), TAU)
    loss, terms, writes = module.contrast(z1, z2, video, generator(0))
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert writes == ()
    right = [(z1 @ z2.T).argmax(dim=1), (z1 @ z2.T).argmax(dim=0)][: 2 if directions == "both" else 1]
    hits = torch.stack([(each == torch.arange(6)).float().mean() for each in right]).mean()
    assert float(terms["contrast_acc"]) == pytest.approx(float(hits))


def test_in_batch_contrast_has_no_bank_and_its_chance_is_that_of_features_all_alike():
    module = contrast_of(VIDEOS, DIM, Contrast(source="batch"), seed=0)
    assert list(module.state_dict()) == []
    alike = F.normalize(torch.ones(6, DIM), dim=1)
    loss, _, _ = module.contrast(alike, alike, torch.arange(6), generator(0))
    assert float(loss) == pytest.approx(module.chance(6)) == pytest.approx(2 * math.log(6))


def test_in_batch_contrast_sends_gradients_to_both_views():
    z1, z2, video = features()
    z1.requires_grad_(), z2.requires_grad_()
    InBatch(Contrast(source="batch", directions="1to2")).contrast(z1, z2, video, generator(0))[0].backward()
    assert z1.grad.abs().sum() > 0
    assert z2.grad.abs().sum() > 0


@pytest.mark.parametrize("positive", ["bank", "batch"])
def test_intra_negatives_of_the_same_videos_are_further_negatives_of_both_anchors(positive):
    module = PairedBanks(VIDEOS, DIM, Contrast(negatives=12, positive=positive), seed=0, intra=True)
    z1, z2, video = features()
    indices = module.draw(video, generator(3), None)
    loss, _, _ = module.contrast(z1, z2, video, generator(3), intra=z2.flip(0))
    expected = 0.0
    for anchor, other, bank in ((z1, z2, module.residual), (z2, z1, module.rgb)):
        rows = bank[indices].clone()
        if positive == "batch":
            rows[:, 0] = other
        expected += reference.inter_intra(anchor.numpy(), rows.numpy(), module.intra[indices].numpy(), TAU)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert (indices[:, 0] == video).all()  # so that an anchor's own intra-negative is among them


def test_bank_of_intra_negatives_is_refreshed_with_their_features_and_leaves_the_others_as_they_were():
    module, plain = PairedBanks(VIDEOS, DIM, Contrast(negatives=12), seed=0, intra=True), banks()
    assert torch.equal(module.rgb, plain.rgb)
    assert torch.equal(module.residual, plain.residual)
    assert set(plain.state_dict()) == {"rgb", "residual"}
    assert plain.intra is None
    z1, z2, video = features()
    intra, before = features(seed=1)[0], module.intra.clone()
    writes = {write.buffer: write for write in module.contrast(z1, z2, video, generator(0), intra=intra)[2]}
    assert set(writes) == {"rgb", "residual", "intra"}
    assert torch.equal(writes["intra"].rows, video)
    for b, number in enumerate(video):
        expected = reference.refreshed(before[number].numpy(), intra[b].numpy(), 0.5)
        np.testing.assert_allclose(writes["intra"].value[b], expected, atol=1e-6)


@pytest.mark.parametrize("form", ["softmax", "nce"])
def test_features_that_know_nothing_lose_what_chance_says_with_intra_negatives_too(form):
    module = PairedBanks(VIDEOS, DIM, Contrast(negatives=12, form=form), seed=0, intra=True)
    alike = F.normalize(torch.ones(1, DIM), dim=1)
    for bank in (module.rgb, module.residual, module.intra):
        bank.copy_(alike.expand(VIDEOS, DIM))
    one = alike.expand(6, DIM)
    loss, _, _ = module.contrast(one, one, torch.arange(6), generator(0), intra=one)
    if form == "softmax":
        assert module.chance(6) == pytest.approx(2 * math.log(26))
        assert float(loss) == pytest.approx(module.chance(6), rel=1e-5)
    else:
        assert module.chance(6) == pytest.approx(2 * (math.log(26) + 25 * math.log1p(1 / 25)))


def test_in_a_batch_every_anchor_has_all_intra_negatives_and_they_have_a_gradient():
    z1, z2, video = features()
    intra = features(seed=1)[0].requires_grad_()
    module = InBatch(Contrast(source="batch"), intra=True)
    loss, _, writes = module.contrast(z1, z2, video, generator(0), intra=intra)
    expected = 0.0
    for anchors, others in ((z1, z2), (z2, z1)):
        rows = [[others[b].numpy(), *(others[j].numpy() for j in range(6) if j != b)] for b in range(6)]
        expected += reference.inter_intra(anchors.numpy(), rows, [intra.detach().numpy()] * 6, TAU)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert intra.grad.abs().max() > 0
    assert writes == ()
    assert module.chance(6) == pytest.approx(2 * math.log(12))
