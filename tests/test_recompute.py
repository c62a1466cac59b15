import copy
import gc
import weakref

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from kinema.meta import adapt, call_at, running_statistics
from kinema.recompute import keep_input_only, parts

LR = 0.5


def conv(inputs, outputs):
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1), nn.BatchNorm3d(outputs), nn.ReLU(inplace=True))


def plain(part, x):
    return part(x)


def torchs(part, x):
    """torch's checkpoint, as one would put it into a network."""
    return checkpoint(part, x, use_reentrant=False)


class Net(nn.Module):
    """Three parts and a head; `run` says how a part is run."""

    def __init__(self, run):
        super().__init__()
        self.run = run
        self.stage = nn.Sequential(conv(2, 4), nn.MaxPool3d(2), conv(4, 4), nn.Sequential(conv(4, 4), conv(4, 3)))
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        for part in parts(self.stage):
            x = self.run(part, x)
        return self.head(x.mean(dim=(2, 3, 4))).square().sum(dim=1).mean()


def net(run, dtype=torch.float64):
    torch.manual_seed(0)
    return Net(run).to(dtype).train()


@pytest.fixture
def stages():
    return torch.randn(2, 3, 2, 4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def meta_gradient(model, stages, order):
    """The gradient of the two-stage loss, or at order 0 of the plain one, and the statistics that the passes moved."""
    theta, statistics = dict(model.named_parameters()), running_statistics(model)
    if order:
        inner, statistics = call_at(model, theta, statistics, stages[0])
        theta = theta | adapt(inner, theta, LR, order=order)
    loss, statistics = call_at(model, theta, statistics, stages[1])
    return torch.autograd.grad(loss, list(model.parameters())), statistics


def distance(found, expected):
    a, b = (torch.cat([g.flatten() for g in each]) for each in (found, expected))
    return float((a - b).norm() / b.norm())


@pytest.mark.parametrize("order", [0, 1, 2])
def test_gradients_and_statistics_are_those_of_the_plain_run(stages, order):
    expected, statistics = meta_gradient(net(plain), stages, order)
    model = net(keep_input_only)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found, moved = meta_gradient(model, stages, order)
    assert distance(found, expected) < 1e-10
    assert all(torch.equal(moved[name], statistics[name]) for name in statistics)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


@pytest.mark.parametrize("order", [1, 2])
def test_torchs_checkpoint_under_other_weights_is_wrong_without_a_word(stages, order):
    expected, _ = meta_gradient(net(plain), stages, order)
    found, _ = meta_gradient(net(torchs), stages, order)
    assert distance(found, expected) > 0.05


def test_plain_training_moves_statistics_once_where_torchs_checkpoint_moves_them_twice(stages):
    counts = []
    for run in (plain, keep_input_only, torchs):
        model = net(run)
        model(stages[0]).backward()
        counts.append([int(m.num_batches_tracked) for m in model.modules() if isinstance(m, nn.BatchNorm3d)])
    assert counts == [[1] * 4, [1] * 4, [2] * 4]


def test_second_gradient_with_respect_to_input_and_weights_passes_gradgradcheck(stages):
    part = nn.Sequential(nn.Conv3d(2, 2, 3, padding=1), nn.BatchNorm3d(2), nn.Tanh()).double()
    weights = dict(part.named_parameters())

    def function(x, *values):
        given = {f"part.{name}": value for name, value in zip(weights, values, strict=True)}
        return functional_call(Through(part), given, (x,)).square().mean(dim=(2, 3, 4))

    x = stages[0][:2, :, :2, :2, :2].clone().requires_grad_()
    inputs = (x, *(w.detach().clone().requires_grad_() for w in weights.values()))
    assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


class Through(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x):
        return keep_input_only(self.part, x)


class Held:
    """A tensor that autograd keeps; it dies with the graph that keeps it."""

    def __init__(self, tensor):
        self.tensor = tensor


def kept_bytes(run, stages, *, create_graph):
    """Bytes that a pass, and with `create_graph` its gradient, holds for the backward pass, weights aside."""
    model, held = net(run), weakref.WeakSet()

    def pack(tensor):
        holder = Held(tensor)
        held.add(holder)
        return holder

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda holder: holder.tensor):
        results = [model(stages[0])]
        if create_graph:
            results += torch.autograd.grad(results[0], list(model.parameters()), create_graph=True)
        gc.collect()
    storages = {each.tensor.untyped_storage().data_ptr(): each.tensor.untyped_storage().nbytes() for each in held}
    for parameter in model.parameters():
        storages.pop(parameter.untyped_storage().data_ptr(), None)
    assert results[0].grad_fn is not None
    return sum(storages.values())


def test_little_more_than_the_inputs_of_parts_is_kept_even_when_the_gradient_has_a_graph(stages):
    forward, both = (
        {run: kept_bytes(run, stages, create_graph=create_graph) for run in (plain, torchs, keep_input_only)}
        for create_graph in (False, True)
    )
    assert forward[keep_input_only] < forward[plain] / 2
    assert both[keep_input_only] < both[plain] / 3
    assert both[keep_input_only] < both[torchs] / 2


def test_gradients_are_those_of_the_autocast_that_the_forward_pass_ran_under(stages):
    found = []
    for run in (plain, keep_input_only):
        torch.manual_seed(0)
        part = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 4))
        with torch.autocast("cpu", torch.bfloat16):
            loss = run(part, stages[0].flatten()[:80].view(10, 8).float()).float().square().mean()
        found.append(torch.autograd.grad(loss, list(part.parameters())))
    assert distance(found[1], found[0]) == 0


def test_no_gradient_is_computed_for_what_needs_none(stages):
    model = net(keep_input_only)
    for parameter in model.stage[0].parameters():
        parameter.requires_grad_(False)
    model(stages[0]).backward()
    assert model.stage[0][0].weight.grad is None
    reference = net(plain)
    reference(stages[0]).backward()
    torch.testing.assert_close(model.stage[2][0].weight.grad, reference.stage[2][0].weight.grad)


def test_weight_changed_before_the_backward_pass_is_found_out(stages):
    model = net(keep_input_only)
    loss = model(stages[0])
    with torch.no_grad():
        model.stage[0][0].weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_evaluation_mode_and_passes_without_gradient_give_what_the_part_gives(stages):
    model = net(keep_input_only)
    model(stages[0])
    other = copy.deepcopy(model)
    other.run = plain
    with torch.no_grad():
        assert torch.equal(model(stages[1]), other(stages[1]))
    model.eval(), other.eval()
    found, expected = (torch.autograd.grad(m(stages[1]), list(m.parameters())) for m in (model, other))
    assert distance(found, expected) < 1e-12


def test_child_without_weights_belongs_to_the_part_before_it():
    stage = nn.Sequential(conv(2, 4), nn.MaxPool3d(2), nn.Sequential(), conv(4, 4))
    first, second = parts(stage)
    assert list(first) == [stage[0], stage[1], stage[2]]
    assert list(second) == [stage[3]]
