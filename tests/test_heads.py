import numpy as np
import pytest
import torch

from kinema.errors import UsageError
from kinema.heads import PairScore, check_groups, group_pairs, mlp, projection
from kinema.losses import pair_classification
from reference.pairs import cross_view_loss


@pytest.mark.parametrize(
    ("grid", "symmetric", "pairs", "positive"),
    [
        ("cross_view", False, 16, 4),
        ("cross_view", True, 32, 8),
        ("balanced", False, 8, 4),
        ("balanced", True, 16, 8),
        ("all_unordered", False, 28, 4),
        ("all_ordered", False, 56, 8),
    ],
)
def test_grid_has_the_pairs_it_names(grid, symmetric, pairs, positive):
    left, right, same = group_pairs(grid, symmetric=symmetric)
    assert (len(left), len(right), int(same.sum())) == (pairs, pairs, positive)
    assert len(set(zip(left.tolist(), right.tolist(), strict=True))) == pairs
    assert (left != right).all()
    assert torch.equal(same, left % 4 == right % 4)


def test_cross_view_grid_puts_rgb_first_and_residual_second():
    left, right, _ = group_pairs("cross_view")
    assert (left < 4).all()
    assert (right >= 4).all()


def test_symmetric_grid_adds_each_pair_in_the_other_order():
    left, right, same = group_pairs("cross_view", symmetric=True)
    assert torch.equal(left[:16], right[16:])
    assert torch.equal(right[:16], left[16:])
    assert torch.equal(same[:16], same[16:])


def free_minimum(kind, seed):
    """The loss at the end of a descent over free features of four videos and free weights of the head."""
    torch.manual_seed(seed)
    head = PairScore(kind, 8).double()
    group = torch.randn(8, 8, dtype=torch.float64, requires_grad=True)
    left, right, same = group_pairs("cross_view")
    optim = torch.optim.LBFGS([group, *head.parameters()], max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        return pair_classification(head(group[left], group[right]), same, groups=1, reduction="sum", weight=1.0)

    def closure():
        optim.zero_grad()
        value = loss()
        value.backward()
        return value

    optim.step(closure)
    return float(loss().detach())


def test_linear_head_never_beats_the_prior_whatever_the_features():
    for seed in range(3):
        assert free_minimum("linear", seed) == pytest.approx(8.9974, abs=1e-3)


@pytest.mark.parametrize("kind", ["mlp", "bilinear", "hadamard"])
def test_other_heads_tell_pairs_apart(kind):
    assert min(free_minimum(kind, seed) for seed in range(3)) < 0.1


def test_linear_head_loss_on_any_features_is_above_the_bound():
    generator = torch.Generator().manual_seed(0)
    left, right, same = group_pairs("cross_view")
    for scale in (0.1, 1.0, 10.0):
        head = PairScore("linear", 8)
        group = scale * torch.randn(8, 8, generator=generator)
        loss = pair_classification(head(group[left], group[right]), same, groups=1, reduction="sum", weight=1.0)
        assert loss >= 8.9974 - 1e-3


@pytest.mark.parametrize("kind", ["mlp", "linear", "hadamard", "bilinear"])
def test_head_scores_are_the_written_out_formula(kind):
    torch.manual_seed(1)
    head = PairScore(kind, 6).double()
    weights = {name: value.detach().numpy() for name, value in head.named_parameters()}

    def score(a, b):
        if kind == "linear":
            return np.concatenate([a, b]) @ weights["score.weight"][0] + weights["score.bias"][0]
        if kind == "mlp":
            hidden = weights["score.0.weight"] @ np.concatenate([a, b]) + weights["score.0.bias"]
            return np.maximum(hidden, 0) @ weights["score.2.weight"][0] + weights["score.2.bias"][0]
        if kind == "hadamard":
            return (a * b) @ weights["score.weight"][0] + weights["score.bias"][0]
        return a @ weights["score.weight"][0] @ b + weights["score.bias"][0]

    view1, view2 = torch.randn(2, 4, 6, dtype=torch.float64)
    group = torch.cat([view1, view2])
    left, right, same = group_pairs("cross_view")
    logits = head(group[left], group[right])
    assert logits.shape == (16,)
    loss = pair_classification(logits, same, groups=1, reduction="sum", weight=1.0)
    assert float(loss.detach()) == pytest.approx(cross_view_loss(score, view1.numpy(), view2.numpy()), rel=1e-9)


def test_projection_has_the_length_asked_for():
    features = torch.randn(4, 10)
    for kind in ("linear", "linear_bn", "mlp"):
        assert projection(kind, 10, 6)(features).shape == (4, 6)
    assert projection("none", 10, 10)(features) is features


def test_batch_normalised_projection_is_centred_over_the_batch():
    out = projection("linear_bn", 10, 6)(torch.randn(8, 10) + 3)
    assert out.mean(dim=0).abs().max() < 1e-5


@pytest.mark.parametrize(("size", "fit"), [(1, 4), (3, 4), (5, 4), (30, 28)])
def test_batch_that_groups_of_four_do_not_fill_is_refused_with_one_that_fits(size, fit):
    with pytest.raises(UsageError, match=rf"^a batch of {size} videos .* use --train.batch-size {fit}$"):
        check_groups(size)


@pytest.mark.parametrize("size", [4, 28, 80])
def test_batch_of_whole_groups_is_accepted(size):
    check_groups(size)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_perceptron_has_its_layers_with_relu_between_them(batch_norm):
    layers = mlp(6, 5, 3, layers=3, batch_norm=batch_norm)
    block = ["Linear", "BatchNorm1d", "ReLU"] if batch_norm else ["Linear", "ReLU"]
    assert [type(layer).__name__ for layer in layers] == [*block, *block, "Linear"]
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(5, 6), (5, 5), (3, 5)]
    assert all((layer.bias is None) == batch_norm for layer in linear)
    assert layers(torch.rand(4, 6)).shape == (4, 3)


def test_projection_of_three_layers_normalises_the_inner_two_over_the_batch():
    head, features = projection("mlp3_bn", 6, 3), torch.rand(8, 6)
    one, other = head[:3](features), head[:6](features)
    for hidden in (one, other):
        assert hidden.shape == (8, 6)
        assert hidden.min() == 0
    torch.testing.assert_close(head[:2](features).std(dim=0, unbiased=False), torch.ones(6), atol=0.1, rtol=0)
    assert head(features).shape == (8, 3)
    assert head(features).min() < 0
