"""Training by a compiled network is training by the network."""

from dataclasses import replace

import pytest
import torch
from cases import CASES, TINY, batch, build, step

from kinema import backbones
from kinema.backbones import backbone
from kinema.errors import UsageError
from kinema.settings import CMC, MCN, Meta

SETTINGS = replace(TINY.train, compile=True)


@pytest.fixture
def compiled_by(monkeypatch):
    """`compiled_by(backend)`: have networks compiled by something that needs no compiler of C++."""

    def use(backend):
        torch._dynamo.reset()
        made = torch.compile(lambda network, x: network.stages(x), fullgraph=True, dynamic=False, backend=backend)
        monkeypatch.setattr(backbone, "compiler", lambda: made)

    return use


@pytest.mark.parametrize("name", CASES)
def test_every_methods_steps_can_be_compiled_and_are_what_they_were(name, compiled_by):
    """By a backend that runs what was traced as it stands, so to the bit; the second step compiles nothing more."""
    graphs = []

    def as_it_stands(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled_by(as_it_stands)
    plain, traced = build(CASES[name]), build(replace(CASES[name], train=SETTINGS))
    given, counts = batch(plain), []
    for number in range(2):
        one, other = plain.loss(given, step(number)), traced.loss(given, step(number))
        assert torch.equal(one.total, other.total)
        one.total.backward()
        other.total.backward()
        counts.append(len(graphs))
    assert counts[0] == counts[1] > 0
    for (parameter, weight), own in zip(plain.named_parameters(), traced.parameters(), strict=True):
        assert weight.grad is None or torch.equal(weight.grad, own.grad), parameter


def test_evaluation_is_never_compiled(compiled_by):
    compiled_by(lambda graph, inputs: pytest.fail("compiled"))
    method = build(replace(TINY, method=CMC(), train=SETTINGS)).eval()
    assert method.backbone(torch.rand(1, 3, 4, 16, 16)).isfinite().all()


def test_machine_that_cannot_compile_is_told_in_one_line(compiled_by):
    def failing(graph, inputs):
        raise RuntimeError("no compiler\nof C++")

    compiled_by(failing)
    method = build(replace(TINY, method=CMC(), train=SETTINGS))
    with pytest.raises(
        UsageError, match=r"^torch cannot compile the network \(.*no compiler.*\): leave out --train\.comp"
    ) as said:
        method.loss(batch(method), step())
    assert "\n" not in str(said.value)


def test_too_many_shapes_of_clips_are_told_in_one_line(compiled_by):
    """Where torch would go on uncompiled, or end with what it says to itself."""
    compiled_by("eager")
    network = build(replace(TINY, method=CMC(), train=SETTINGS)).backbone
    with pytest.raises(UsageError, match=r"^torch cannot compile the network \(.*\): leave out --train\.compile$"):
        for frames in range(2, 24):
            network(torch.rand(2, 3, frames, 16, 16))


def test_what_cannot_be_compiled_is_refused():
    with pytest.raises(UsageError, match=r"--train\.compile makes a network without second derivatives"):
        replace(TINY, method=MCN(meta=Meta(order=2)), train=SETTINGS)
    with pytest.raises(UsageError, match=r"--train\.compile and --train\.checkpoint-activations exclude each other"):
        replace(SETTINGS, checkpoint_activations=True)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        *(pytest.param(name, "cpu", marks=pytest.mark.slow) for name in ("r3d_18", "r2plus1d_18", "s3d")),
        *(pytest.param(name, "cuda", marks=pytest.mark.gpu) for name in ("r3d_18", "r2plus1d_18", "s3d")),
    ],
)
def test_compiled_network_has_the_features_gradients_and_statistics_of_the_network(name, device):
    """In double precision: where it sums in another order shows in the last digits alone."""
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU")
    torch.manual_seed(0)
    clips = torch.rand(3, 3, 8, 32, 32, dtype=torch.float64, device=device)
    networks = [backbones.build(name, 0.125).to(device).double() for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    networks[1].compiled = True
    features = [network(clips) for network in networks]
    for each in features:
        each.square().sum().backward()
    torch.testing.assert_close(*features, rtol=1e-9, atol=1e-9)
    one, other = (torch.cat([p.grad.flatten() for p in network.parameters()]) for network in networks)
    assert (one - other).norm() <= 1e-6 * one.norm()  # untrained S3D makes much of the last digits
    for one, other in zip(networks[0].buffers(), networks[1].buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
