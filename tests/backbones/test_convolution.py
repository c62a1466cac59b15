"""Gradients in bf16 on a CPU, where torch's own are wrong over maps smaller than a kernel."""

import pytest
import torch
from torch import nn

from kinema.backbones import BACKBONES, build
from kinema.backbones.convolution import Conv3d
from kinema.precision import has_bf16

in_bf16 = pytest.mark.skipif(not has_bf16(), reason="this CPU does not multiply in bf16")
SMALL = [  # kernel, stride, padding, dilation, map
    (3, 1, 1, 1, (2, 4, 4)),
    (3, 2, 1, 1, (2, 7, 7)),
    (3, 1, 1, 1, (1, 1, 1)),
    (3, (2, 1, 1), (2, 1, 1), (2, 1, 1), (4, 3, 3)),
    ((3, 1, 1), 1, (1, 0, 0), 1, (2, 5, 5)),
    ((1, 3, 3), 1, (0, 1, 1), 1, (4, 2, 2)),
    ((3, 7, 7), (1, 2, 2), (1, 3, 3), 1, (2, 9, 9)),
]


def gradients(conv, x, *, mixed):
    """The output, its gradients to the input and the weights for a drawn seed, and to those of these gradients."""
    x = x.detach().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        y = conv(x)
        rng = torch.Generator().manual_seed(2)
        seed = torch.randn(y.shape, generator=rng).to(y.dtype)
        first = torch.autograd.grad(y, (x, conv.weight), seed, create_graph=True)
    along = [torch.randn(each.shape, generator=rng).to(each.dtype) for each in first]
    return y.detach(), *(each.detach() for each in first), *torch.autograd.grad(first, (x, conv.weight), along)


def assert_near(conv, x):
    for rounded, plain in zip(gradients(conv, x, mixed=True), gradients(conv, x, mixed=False), strict=True):
        assert (rounded.float() - plain).norm() <= 0.02 * plain.norm()


@in_bf16
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last_3d])
@pytest.mark.parametrize("kernel, stride, padding, dilation, size", SMALL)
def test_gradients_over_small_maps_are_those_of_float32_but_for_rounding(
    kernel, stride, padding, dilation, size, memory
):
    torch.manual_seed(0)
    conv = Conv3d(16, 32, kernel, stride, padding, dilation, bias=False).to(memory_format=memory)
    assert_near(conv, torch.randn(4, 16, *size).contiguous(memory_format=memory))


@pytest.mark.parametrize("kernel, stride, padding, dilation, size", SMALL)
def test_padding_that_is_written_out_changes_no_value(kernel, stride, padding, dilation, size):
    torch.manual_seed(0)
    ours = Conv3d(4, 6, kernel, stride, padding, dilation).bfloat16()
    torchs = nn.Conv3d(4, 6, kernel, stride, padding, dilation)
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, *size).bfloat16()
    y = ours(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), torchs(x.float()), rtol=0.01, atol=0.01)


@pytest.mark.parametrize(
    "mixed, size, written",
    [(True, (2, 5, 5), [(0, 0, 0, 0, 1, 1)]), (True, (3, 3, 3), []), (False, (2, 5, 5), [])],
)
def test_padding_is_written_out_in_bf16_over_small_maps_alone(mixed, size, written, monkeypatch):
    seen, pad = [], torch.nn.functional.pad
    monkeypatch.setattr("torch.nn.functional.pad", lambda x, around: seen.append(around) or pad(x, around))
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        Conv3d(4, 4, 3, padding=(1, 0, 0))(torch.zeros(1, 4, *size))
    assert seen == written


@in_bf16
@pytest.mark.parametrize("name", BACKBONES)
def test_every_convolution_of_a_backbone_has_right_gradients_in_bf16(name):
    torch.manual_seed(0)
    network, seen = build(name, 1 / 8), {}

    def note(conv, given):
        seen[conv] = given[0].shape

    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_pre_hook(note)
    with torch.no_grad():
        network.eval()(torch.zeros(2, 3, 16, 32, 32))  # 16 frames leave R3D-18's last stage two
    assert seen
    for conv, shape in list(seen.items()):
        assert_near(conv, torch.randn(shape).contiguous(memory_format=torch.channels_last_3d))
