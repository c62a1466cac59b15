"""Activation checkpointing that gradients of gradients can be taken through: parts of a network that keep their input.

`torch.utils.checkpoint` runs a part again as it finds it in the backward pass. Under `functional_call` that is with
other weights than in the forward pass, so the meta gradient is silently wrong; in train mode batch norm's running
statistics move twice; and with `create_graph` all that was recomputed stays in memory. Here weights are arguments, the
second run writes to copies of the buffers, and the gradient is itself such a part: it keeps what goes into it, and
recomputes when it is differentiated.

             forward pass             inner gradient                 meta gradient
    x, w ──▶ Part ──▶ y      x, w, gy ──▶ PartGradient ──▶ gx, gw    runs the part, its gradient and their gradient,
                             runs the part once more                 one part at a time
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.func import functional_call

Run = Callable[..., Tensor]
"""A part as a pure function of its input and its weights, in order."""
Gradients = tuple[Tensor | None, ...]


def keep_input_only(part: nn.Module, x: Tensor) -> Tensor:
    """`part(x)`, keeping no activation between the input and the output for the backward pass.

    The values, the gradients of first and second order, and batch norm's running statistics are those of `part(x)`;
    it takes one more forward pass a gradient. The part must be a function of its input, weights and buffers (no drawn
    dropout), and must not change its input.
    """
    if not torch.is_grad_enabled():
        y: Tensor = part(x)
        return y
    names = [name for name, _ in part.named_parameters()]
    weights = [weight for _, weight in part.named_parameters()]
    buffers = dict(part.named_buffers())
    autocast = autocast_like_now(x.device.type)

    def again(x: Tensor, *weights: Tensor) -> Tensor:
        copies = {name: buffer.clone() for name, buffer in buffers.items()}
        with autocast():
            y: Tensor = functional_call(part, {**dict(zip(names, weights, strict=True)), **copies}, (x,))
        return y

    kept: Tensor = _Part.apply(part, again, x, *weights)  # type: ignore[no-untyped-call]
    return kept


def parts(stage: nn.Sequential) -> list[nn.Module]:
    """A stage's children as parts worth running again; one without weights, such as a pooling, joins the one before."""
    found: list[list[nn.Module]] = []
    for child in stage:
        if found and next(child.parameters(), None) is None:
            found[-1].append(child)
        else:
            found.append([child])
    return [nn.Sequential(*modules) for modules in found]


def autocast_like_now(device: str) -> Callable[[], AbstractContextManager[Any]]:
    """What restores the present state of autocast on a kind of device, for a pass that is repeated later."""
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return lambda: torch.autocast(device, dtype, enabled=enabled)


class _Part(torch.autograd.Function):
    """A part's output; its gradient is a `_PartGradient`."""

    @staticmethod
    def forward(ctx: Any, part: nn.Module, again: Run, *inputs: Tensor) -> Tensor:
        ctx.again = again
        ctx.save_for_backward(*inputs)
        y: Tensor = part(inputs[0])  # as it stands, with the weights in `inputs`: batch norm moves its statistics here
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad[2:]
        return None, None, *_PartGradient.apply(ctx.again, wanted, grad, *ctx.saved_tensors)  # type: ignore[no-untyped-call]


class _PartGradient(torch.autograd.Function):
    """The gradient of a part's output, times `grad`, to those of its inputs that are wanted."""

    @staticmethod
    def forward(ctx: Any, again: Run, wanted: tuple[bool, ...], grad: Tensor, *inputs: Tensor) -> Gradients:
        ctx.again, ctx.wanted = again, wanted
        ctx.save_for_backward(grad, *inputs)
        ctx.set_materialize_grads(False)
        return gradients(again, wanted, grad, leaves(wanted, inputs), create_graph=False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *seeds: Tensor | None) -> Gradients:
        grad, *inputs = ctx.saved_tensors
        grad, *inputs = leaves((True, *ctx.wanted), (grad, *inputs))
        # Without a name for the gradients, which would hold their values while they are differentiated.
        ends, used = edges(gradients(ctx.again, ctx.wanted, grad, inputs, create_graph=True), seeds)
        return None, None, *pulled_back(ends, used, [grad, *inputs])


def leaves(wanted: tuple[bool, ...], tensors: Any) -> list[Tensor]:
    """The tensors cut from their past, those wanted as the start of a new graph."""
    return [tensor.detach().requires_grad_(want) for want, tensor in zip(wanted, tensors, strict=True)]


def gradients(
    again: Run, wanted: tuple[bool, ...], grad: Tensor, inputs: list[Tensor], *, create_graph: bool
) -> Gradients:
    """One gradient an input, `None` where none is wanted or none arrives."""
    with torch.enable_grad():
        y = again(*inputs)
        chosen = [each for want, each in zip(wanted, inputs, strict=True) if want]
        found = iter(torch.autograd.grad(y, chosen, grad, create_graph=create_graph, allow_unused=True))
    return tuple(next(found) if want else None for want in wanted)


def edges(outputs: Sequence[Tensor | None], seeds: Sequence[Tensor | None]) -> tuple[list[GradientEdge], list[Tensor]]:
    """Where in their graph the outputs are, and their seeds; pairs of which either is missing are left out.

    Who holds an edge holds the graph, but not the output's values.
    """
    pairs = [
        (get_gradient_edge(output), seed)
        for output, seed in zip(outputs, seeds, strict=True)
        if output is not None and output.requires_grad and seed is not None
    ]
    return [edge for edge, _ in pairs], [seed for _, seed in pairs]


def pulled_back(ends: list[GradientEdge], seeds: list[Tensor], inputs: list[Tensor]) -> Gradients:
    """The gradient of sum(output * seed) to the inputs, `None` where none is wanted or none arrives."""
    wanted = [each for each in inputs if each.requires_grad]
    if not ends:
        return (None,) * len(inputs)
    found = iter(torch.autograd.grad(ends, wanted, seeds, allow_unused=True))
    return tuple(next(found) if each.requires_grad else None for each in inputs)
