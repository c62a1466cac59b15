import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from cases import CASES, batch, build, step

from kinema import methods, recipes
from kinema.augment import augment
from kinema.batch import generator
from kinema.data import synthetic
from kinema.methods import tclr
from kinema.pretraining import pretrain
from kinema.sampler.stretches import SparseAndDense
from kinema.settings import TCLR
from reference import tclr as reference

PAPER = TCLR()


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=generator(seed), dtype=torch.float64), dim=-1)


def drawn(num_frames, seed=0, **changes):
    config = replace(PAPER, **changes)
    draw = SparseAndDense(config.frames, config.parts, config.dense_stride)
    return draw(num_frames, generator(seed)).indices


@pytest.mark.parametrize("seed", range(5))
def test_dense_clips_cover_the_sparse_clips_window_without_gaps(seed):
    sparse, *dense = drawn(300, seed)[:5]
    assert torch.cat(dense).tolist() == list(range(int(sparse[0]), int(sparse[0]) + 64))
    for part, clip in enumerate(dense):
        assert clip[0] == sparse[4 * part]  # D_j begins where the sparse clip's frame 4 j lies
    assert sparse.diff().tolist() == [4] * 15


def test_each_clip_is_asked_for_twice():
    indices = drawn(100)
    assert indices.shape == (10, 16)
    assert torch.equal(indices[:5], indices[5:])


def test_all_windows_of_a_video_are_drawn():
    starts = {int(drawn(67, seed)[0, 0]) for seed in range(100)}
    assert starts == {0, 1, 2, 3}


def test_video_shorter_than_the_window_repeats_its_first_frame():
    indices = drawn(6, frames=4, parts=2)
    assert indices[:3].tolist() == [[0, 0, 2, 4], [0, 0, 0, 1], [2, 3, 4, 5]]


def test_dense_stride_widens_the_window():
    indices = drawn(127, dense_stride=2)
    assert (indices.min(), indices.max()) == (0, 126)
    assert indices[:, 1].sub(indices[:, 0]).tolist() == [8, 2, 2, 2, 2] * 2


def test_terms_are_those_of_the_code():
    dense = [unit(3, 4, 8, seed=seed) for seed in (0, 1)]  # of two augmentations [B, P, D]
    copies = [[part.numpy() for part in copy.unbind(1)] for copy in dense]
    videos = tclr.between_videos(torch.cat(dense, dim=1), 0.1).item()
    assert videos == pytest.approx(reference.between_videos(copies, 0.1), rel=1e-5)
    parts = tclr.between_parts(*dense, 0.1).item()
    assert parts == pytest.approx(reference.between_parts(copies, 0.1), rel=1e-5)
    steps = unit(3, 4, 8, seed=2)
    found = tclr.steps_to_parts(steps, dense[0], 0.1).item()
    assert found == pytest.approx(reference.global_local(steps.numpy(), dense[0].numpy(), 0.1), rel=1e-9)


def test_total_is_the_sum_of_the_terms_on_the_methods_features():
    method = build(CASES["tclr"])
    given = batch(method)
    outcome = method.loss(given, step())
    with torch.no_grad():
        sparse = [method.embed_sparse(method.clip(given, n)) for n in (0, 3)]
        dense = [[method.embed(method.clip(given, n)).numpy() for n in half] for half in ((1, 2), (4, 5))]
    (_, z1, steps1), (_, z2, steps2) = sparse
    expected = {
        "instance": reference.nt_xent(z1.numpy(), z2.numpy(), 0.1),
        "instance_dense": reference.between_videos(dense, 0.1),
        "local": reference.between_parts(dense, 0.1),
        "global_local": sum(
            reference.global_local(steps.numpy(), list(zip(*copy, strict=True)), 0.1)
            for steps in (steps1, steps2)
            for copy in dense
        ),
    }
    assert {name: float(value) for name, value in outcome.terms.items()} == pytest.approx(expected, rel=1e-3)
    assert outcome.total.item() == pytest.approx(sum(expected.values()), rel=1e-3)


def test_features_that_know_nothing_give_chance():
    same = torch.ones(4, 2, 16) / 4  # one direction for all
    chance = build(CASES["tclr"]).chance()
    assert tclr.between_videos(torch.cat([same, same], dim=1), 0.1).item() == pytest.approx(chance["instance_dense"])
    assert tclr.between_parts(same, same, 0.1).item() == pytest.approx(chance["local"])
    assert 4 * tclr.steps_to_parts(same, same, 0.1).item() == pytest.approx(chance["global_local"])
    assert chance["instance"] == pytest.approx(math.log(7))


def test_steps_that_equal_their_parts_clip_have_the_least_loss():
    dense = F.normalize(torch.eye(4, 8), dim=1).expand(2, 4, 8)
    shuffled = dense[:, [1, 0, 2, 3]]
    assert tclr.steps_to_parts(dense, dense, 0.1) < 0.001
    assert tclr.steps_to_parts(shuffled, dense, 0.1) > 5


def test_local_term_of_one_video_is_simclrs_loss_and_adds_up_over_videos():
    one, other = unit(2, 4, 8, seed=3), unit(2, 4, 8, seed=4)
    each = [tclr.between_parts(one[v : v + 1], other[v : v + 1], 0.1) for v in range(2)]
    assert each[0].item() == pytest.approx(reference.nt_xent(one[0].numpy(), other[0].numpy(), 0.1), rel=1e-5)
    torch.testing.assert_close(sum(each), tclr.between_parts(one, other, 0.1))


def test_map_of_the_papers_clips_has_a_step_for_each_part():
    method = build(replace(CASES["tclr"], method=PAPER))
    assert method.backbone.maps(torch.rand(1, 3, 16, 16, 16)).shape[2] == 4
    _, _, steps = method.embed_sparse(torch.rand(2, 3, 16, 16, 16))
    assert steps.shape == (2, 4, 128)


def test_a_sparse_clip_is_the_mean_of_its_steps_and_each_step_is_projected_alike():
    method = build(replace(CASES["tclr"], method=PAPER)).eval()
    clips = torch.rand(2, 3, 16, 16, 16, generator=generator(0))
    with torch.no_grad():
        steps = method.backbone.maps(clips).numpy().mean(axis=(3, 4))  # [2, F, 4]
        h, z, projected = method.embed_sparse(clips)
        torch.testing.assert_close(h, torch.tensor(steps.mean(axis=2)))
        torch.testing.assert_close(h, method.backbone(clips))  # as of a dense clip
        torch.testing.assert_close(z, method.project(h))
        for number in range(4):
            torch.testing.assert_close(projected[:, number], method.project(torch.tensor(steps[:, :, number])))
    torch.testing.assert_close(z.norm(dim=1), torch.ones(2))


def test_every_clip_is_augmented_by_dice_of_its_own():
    method = build(CASES["tclr"])
    given = batch(method)
    given = replace(given, clips=given.clips[:, :1].expand_as(given.clips))  # that only dice can tell apart
    shown = [method.clip(given, n) for n in range(6)]
    for n, own in enumerate(shown):
        expected = augment(given.clips[:, 0], given.extent, given.dice[:, n], method.recipe.augment, 16)
        torch.testing.assert_close(own, expected)
        assert not any(torch.equal(own, other) for other in shown[:n])


def test_batch_norm_stands_behind_both_layers_of_the_projection():
    layers = [type(layer).__name__ for layer in build(CASES["tclr"]).projection]
    assert layers == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d"]


@pytest.mark.slow
def test_videos_and_their_parts_are_told_apart_after_training(tmp_path):
    """On 96 synthetic clips of 32 frames, in about two minutes; to these shares of chance."""
    share = {"instance": 0.6, "instance_dense": 0.65, "local": 0.85, "global_local": 0.95}
    data = synthetic.make(tmp_path / "set", train=96, test=3, frames=32, size=40, motions=3, train_looks=4)
    tiny = recipes.get("tiny_tclr")
    recipe = replace(
        tiny,
        clip=replace(tiny.clip, size=32, short_side=36),
        backbone=replace(tiny.backbone, width=1 / 8),
        train=replace(tiny.train, epochs=12, workers=0, probe_every=0, device="cpu"),
    )
    _, trained = pretrain(recipe, data=data, out=tmp_path / "run")
    chance = methods.build(recipe, 96).chance()
    assert {name: trained.figures[name] < share[name] * chance[name] for name in chance} == dict.fromkeys(share, True)
