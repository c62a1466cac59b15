import pytest
import torch
from torch import nn

from kinema.meta import adapt, adapt_anew, adapt_once, call_at, running_statistics

LR = 0.3


class Net(nn.Module):
    """The layers that a video backbone is made of, whose double backward is in question."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm3d(3)
        self.pool = nn.MaxPool3d(2)
        self.head = nn.Linear(3, 2)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.pool(torch.relu(self.norm(self.conv(x))))
        return self.head(x.mean(dim=(2, 3, 4))).square().sum(dim=1).mean() + self.head.weight.sum().sin()


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net().double().train()


@pytest.fixture
def stages():
    rng = torch.Generator().manual_seed(1)
    return torch.randn(2, 3, 2, 4, 4, 4, generator=rng, dtype=torch.float64)  # support and query, 3 clips each


def everything(name):
    return True


def two_stage_loss(net, stages, order, *, weight_decay=0.0, adapts=everything, support_weight=0.0):
    """L_q(theta-bar) + support_weight * L_s(theta); order "hvp" is order 2 without the graph of the inner step,
    "once" order 1 with the support loss passed back through once."""
    theta, statistics = dict(net.named_parameters()), running_statistics(net)

    def support(parameters):
        return call_at(net, parameters, statistics, stages[0])[0]

    inner = support(theta)
    if order == "hvp":
        inner, adapted = adapt_anew(inner, support, theta, LR, adapts=adapts, weight_decay=weight_decay)
    elif order == "once":
        inner, adapted = adapt_once(inner, theta, LR, adapts=adapts, weight_decay=weight_decay)
    else:
        some = {name: value for name, value in theta.items() if adapts(name)}
        adapted = adapt(inner, some, LR, order=order, weight_decay=weight_decay)
        inner = support(theta)  # at order 1 the graph of the first is gone
    outer, _ = call_at(net, theta | adapted, statistics, stages[1])
    return outer + support_weight * inner


def gradient(net, stages, order, **options):
    loss = two_stage_loss(net, stages, order, **options)
    parameters = [p for name, p in net.named_parameters() if not name.startswith("unused")]
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)])


def finite_differences(net, stages, eps=1e-5, **options):
    """d loss / d theta of every weight by itself, by central differences."""
    found = []
    for name, parameter in net.named_parameters():
        if name.startswith("unused"):
            continue
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            values = []
            for sign in (1, -1):
                flat[i] += sign * eps
                values.append(two_stage_loss(net, stages, 1, **options).item())
                flat[i] -= sign * eps
            found.append((values[0] - values[1]) / (2 * eps))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1, "support_weight": 0.5},
        {"adapts": lambda name: name.startswith("head"), "weight_decay": 0.1},
    ],
    ids=["plain", "decay and support loss", "head alone, decay"],
)
def test_second_order_is_the_gradient_of_the_two_stage_loss_in_both_forms_and_first_order_is_not(net, stages, options):
    truth = finite_differences(net, stages, **options)
    for form in (2, "hvp"):
        assert (gradient(net, stages, form, **options) - truth).norm() / truth.norm() < 1e-6
    assert (gradient(net, stages, 1, **options) - truth).norm() / truth.norm() > 0.02


def test_orders_and_forms_agree_on_the_loss_itself(net, stages):
    losses = [
        two_stage_loss(net, stages, order, weight_decay=0.1, support_weight=0.5).item() for order in (1, 2, "hvp")
    ]
    assert losses[0] == losses[1] == losses[2]


def test_hvp_form_takes_the_same_step(net, stages):
    theta = dict(net.named_parameters())
    loss = net(stages[0])
    expected = adapt(loss, theta, LR, order=2, weight_decay=0.1)
    value, adapted = adapt_anew(net(stages[0]), lambda _: None, theta, LR, weight_decay=0.1)
    assert torch.equal(value, loss)
    assert list(adapted) == list(theta)
    assert all(torch.equal(adapted[name], expected[name]) for name in theta)


@pytest.mark.parametrize("order", [1, 2, "hvp"])
def test_gradients_of_several_losses_accumulate_and_those_of_none_stay_none(net, stages, order):
    other = stages.flip(0)
    expected = gradient(net, stages, order) + gradient(net, other, order)
    for given in (stages, other):
        two_stage_loss(net, given, order).backward()
    found = torch.cat([p.grad.flatten() for name, p in net.named_parameters() if not name.startswith("unused")])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    assert net.unused.weight.grad is None
    assert net.unused.bias.grad is None


def test_hvp_form_keeps_no_graph_of_the_support_pass_while_the_query_pass_runs(net, stages):
    def kept(order):
        """Bytes of the tensors, parameters aside, that the loss holds for its backward pass."""
        storages = {}

        def note(tensor):
            storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()  # held, so that none is reused
            return tensor

        theta, statistics = dict(net.named_parameters()), running_statistics(net)
        inner, _ = call_at(net, theta, statistics, stages[0])
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            if order == "hvp":
                adapt_anew(inner, lambda _: None, theta, LR)
            else:
                adapt(inner, theta, LR, order=order)
        own = {p.untyped_storage().data_ptr() for p in net.parameters()}
        return sum(s.nbytes() for address, s in storages.items() if address not in own)

    assert kept("hvp") == kept(1) == 0
    assert kept(2) > stages[0].nbytes


@pytest.mark.parametrize("written", ["bank", "weight", None])
def test_backward_pass_fails_if_what_the_support_loss_reads_was_written_to_in_between(written):
    bank, weight = torch.ones(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64, requires_grad=True)

    def again(parameters):
        return (parameters["weight"].sin() * bank).sum()

    _, adapted = adapt_anew(again({"weight": weight}), again, {"weight": weight}, LR, unchanged=[bank])
    loss = adapted["weight"].sum()
    if written is None:
        loss.backward()
        torch.testing.assert_close(weight.grad, 1 + LR * weight.detach().sin())
    else:
        with torch.no_grad():
            {"bank": bank, "weight": weight}[written].add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_support_loss_is_computed_again_under_the_autocast_it_was_computed_under():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    support, query = torch.randn(2, 4, 8)
    theta = dict(net.named_parameters())

    def loss(parameters, x):
        return call_at(net, parameters, {}, x)[0].float().square().mean()

    def gradients(form):
        with torch.autocast("cpu", torch.bfloat16):
            inner = loss(theta, support)
            if form == "hvp":
                _, adapted = adapt_anew(inner, lambda parameters: loss(parameters, support), theta, 1.0)
            else:
                adapted = adapt(inner, theta, 1.0, order=2)
            total = loss(adapted, query)
        return torch.cat([g.flatten() for g in torch.autograd.grad(total, list(theta.values()))])

    assert torch.equal(gradients("hvp"), gradients("graph"))


def test_first_order_gradient_is_that_at_the_adapted_weights(net, stages):
    theta = dict(net.named_parameters())
    inner, _ = call_at(net, theta, running_statistics(net), stages[0])
    moved = {name: value.detach() for name, value in adapt(inner, theta, LR, order=1).items()}
    other = Net().double().train()
    other.load_state_dict(moved | dict(net.named_buffers()))
    other(stages[1]).backward()
    expected = torch.cat([p.grad.flatten() for p in other.parameters() if p.grad is not None])
    torch.testing.assert_close(gradient(net, stages, 1), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"support_weight": 1.0},
        {"support_weight": 0.3, "weight_decay": 0.1},
        {"support_weight": 0.3, "adapts": lambda name: name.startswith("head")},
        {"support_weight": 0.0},
    ],
)
def test_support_loss_passed_back_through_once_gives_first_orders_gradient(net, stages, options):
    torch.testing.assert_close(gradient(net, stages, "once", **options), gradient(net, stages, 1, **options))


def test_graph_of_a_support_loss_passed_back_through_once_is_gone(net, stages):
    theta = dict(net.named_parameters())
    loss = net(stages[0])
    value, adapted = adapt_once(loss, theta, LR)
    assert torch.equal(value, loss)
    assert adapted["unused.weight"] is theta["unused.weight"]
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_adapt_is_one_plain_gradient_step(net, stages):
    theta = dict(net.named_parameters())
    adapted = adapt(net(stages[0]), theta, LR, order=1, weight_decay=0.01)
    net(stages[0]).backward()
    for name, value in theta.items():
        expected = value if value.grad is None else value - LR * (value.grad + 0.01 * value)
        torch.testing.assert_close(adapted[name], expected)
    assert adapted["unused.weight"] is theta["unused.weight"]


def test_adapt_without_a_rate_gives_the_plain_loss(net, stages):
    theta = dict(net.named_parameters())
    inner, statistics = call_at(net, theta, running_statistics(net), stages[0])
    adapted = adapt(inner, theta, 0.0, order=1)
    judged, _ = call_at(net, adapted, statistics, stages[1])
    plain, _ = call_at(net, theta, statistics, stages[1])
    assert torch.equal(judged, plain)


def test_call_at_leaves_the_module_alone_and_returns_what_a_plain_pass_would_have_written(net, stages):
    before = {name: value.clone() for name, value in net.state_dict().items()}
    _, moved = call_at(net, dict(net.named_parameters()), running_statistics(net), stages[0])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert sorted(moved) == ["norm.num_batches_tracked", "norm.running_mean", "norm.running_var"]
    net(stages[0])
    for name, value in moved.items():
        assert torch.equal(net.get_buffer(name), value)
        assert not torch.equal(before[name], value)


def test_statistics_that_are_handed_on_gather_both_passes(net, stages):
    theta = dict(net.named_parameters())
    _, once = call_at(net, theta, running_statistics(net), stages[0])
    _, twice = call_at(net, theta, once, stages[1])
    net(stages[0]), net(stages[1])
    assert int(twice["norm.num_batches_tracked"]) == 2
    torch.testing.assert_close(twice["norm.running_mean"], net.norm.running_mean)


def test_module_in_evaluation_mode_moves_no_statistics(net, stages):
    net.eval()
    statistics = running_statistics(net)
    _, after = call_at(net, dict(net.named_parameters()), statistics, stages[0])
    assert all(torch.equal(statistics[name], after[name]) for name in statistics)


def test_running_statistics_are_those_of_batch_norm_only():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))
    module.register_buffer("bank", torch.zeros(3))
    assert sorted(running_statistics(module)) == ["0.num_batches_tracked", "0.running_mean", "0.running_var"]
