"""The two-stage step's pure part: run a module at other weights, and take one inner gradient step.

No function here changes a weight or a buffer. Any method's loss can use them; the training loop knows nothing of them.
docs/second_order.md has the formulas, and what each form costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from kinema.recompute import autocast_like_now, edges, leaves, pulled_back

State = dict[str, Tensor]
Reduce = Callable[[Sequence[Tensor]], list[Tensor]]
"""A linear map of a process's tensors to those that all processes share, its own adjoint: `distributed.averaged`."""


def running_statistics(module: nn.Module) -> State:
    """The buffers that a forward pass in train mode writes, batch norm's and `OtherStatistics`, by dotted name."""
    return {
        f"{name}.{key}" if name else key: buffer
        for name, child in module.named_modules()
        if isinstance(child, _BatchNorm | OtherStatistics)
        for key, buffer in child.named_buffers(recurse=False)
    }


def slashed(name: str) -> str:
    """A parameter's or buffer's dotted name as that of a buffer, which may hold no dot."""
    return name.replace(".", "/")


def dotted(name: str) -> str:
    """What `slashed` was given."""
    return name.replace("/", ".")


class OtherStatistics(nn.Module):
    """A module's running statistics on another kind of input, beside those that it holds itself.

    The module's weights are shared; which statistics it uses is up to the caller: `call_at(module, {}, other.state(),
    x)`, and `other.move` with what that returned.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, buffer in running_statistics(module).items():
            self.register_buffer(slashed(name), buffer.clone())

    def state(self) -> State:
        """The statistics by their names in the module."""
        return {dotted(name): buffer for name, buffer in self.named_buffers()}

    def move(self, moved: State) -> None:
        """Write them, in place; within `call_at` of a module around this one, into its copies."""
        for name, buffer in self.named_buffers():
            buffer.copy_(moved[dotted(name)])


def call_at(module: nn.Module, parameters: Mapping[str, Tensor], statistics: State, *args: Any) -> tuple[Any, State]:
    """`module(*args)` at other parameters and running statistics.

    Batch norm writes its statistics in place, so it is given copies: the module keeps its own, and the moved ones are
    returned beside the result. No submodule may be registered under two names: `functional_call` would leave the other
    parameters in it.
    """
    copies = {name: buffer.clone() for name, buffer in statistics.items()}
    return functional_call(module, {**parameters, **copies}, args), copies


def adapt(
    loss: Tensor,
    parameters: Mapping[str, Tensor],
    lr: float,
    *,
    order: Literal[1, 2],
    weight_decay: float = 0.0,
    reduce: Reduce = list,
) -> State:
    """One plain gradient step: theta - lr * grad(loss), the inner update of MAML (MCN, section 3.3).

    The result is a function of `parameters` that autograd can follow. At order 1 the gradient counts as a constant, so
    the meta gradient is that at the adapted point; at order 2 the step itself is differentiated, and its graph is kept
    until then; `adapt_anew` does without. At order 1 the graph of `loss` is freed; `adapt_once` is for one that counts
    itself too. Parameters the loss does not reach stay as they are. `reduce` makes this process's gradients those of
    all.
    """
    values = list(parameters.values())
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(loss, values, create_graph=order == 2, allow_unused=True)
    return stepped(parameters, reduced(reduce, gradients), lr, order=order, weight_decay=weight_decay)


def adapt_once(
    loss: Tensor,
    parameters: Mapping[str, Tensor],
    lr: float,
    *,
    adapts: Callable[[str], bool] = lambda name: True,
    weight_decay: float = 0.0,
    reduce: Reduce = list,
) -> tuple[Tensor, State]:
    """`adapt` at order 1 for a loss that counts itself too: its graph is passed back through once and freed here.

    The gradient that the step is taken along is also what the loss sends to `parameters` in the end.

    Arguments are those of `adapt_anew`. Returns the loss, differentiable once, and the parameters that the step moves.
    """
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    value = _Known.apply(loss.detach(), gradients, *parameters.values())  # type: ignore[no-untyped-call]
    own = {name: gradient for name, gradient in zip(parameters, gradients, strict=True) if adapts(name)}
    some = {name: parameters[name] for name in own}
    return value, stepped(some, reduced(reduce, list(own.values())), lr, order=1, weight_decay=weight_decay)


def stepped(
    parameters: Mapping[str, Tensor],
    gradients: Sequence[Tensor | None],
    lr: float,
    *,
    order: Literal[1, 2],
    weight_decay: float,
) -> State:
    """The parameters after a step along their gradients; those without one as they are."""
    moved = {}
    for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
        if gradient is not None and weight_decay:
            gradient = gradient + weight_decay * (value if order == 2 else value.detach())
        moved[name] = value if gradient is None else value - lr * gradient
    return moved


class _Known(torch.autograd.Function):
    """A loss whose gradients at parameters are known."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, gradients: tuple[Tensor | None, ...], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, seed: Tensor) -> tuple[Tensor | None, ...]:
        gradients, ctx.gradients = ctx.gradients, ()
        return None, None, *(None if gradient is None else seed * gradient for gradient in gradients)


def reduced(reduce: Reduce, tensors: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """`reduce` of those that are there."""
    found = iter(reduce([tensor for tensor in tensors if tensor is not None]))
    return tuple(None if tensor is None else next(found) for tensor in tensors)


def adapt_anew(
    loss: Tensor,
    again: Callable[[Mapping[str, Tensor]], Tensor],
    parameters: Mapping[str, Tensor],
    lr: float,
    *,
    adapts: Callable[[str], bool] = lambda name: True,
    weight_decay: float = 0.0,
    unchanged: Iterable[Tensor] = (),
    reduce: Reduce = list,
) -> tuple[Tensor, State]:
    """`adapt` at order 2 by a Hessian-vector product: exact as well, and no graph of `loss` is kept.

    The graph of `loss` is freed here. When the gradient g of what follows arrives at the adapted parameters, the loss
    is computed again, and what goes on to `parameters` is g - lr * (H g + weight_decay * g), H being the Hessian of the
    loss at `parameters`. So the graph of the query pass is gone before that of the support pass is made.

    Args:
        loss: `again(parameters)`, which has been computed once.
        again: the loss as a pure function, which draws the same random numbers each time. Autocast will be as now.
        parameters: all that the loss is a function of, those that the step leaves alone included.
        lr: the rate of the step.
        adapts: which parameters the step changes, by name.
        weight_decay: within the step.
        unchanged: other tensors that `again` reads; the backward pass fails if they were written to in between.
        reduce: makes this process's gradients those of all.

    Returns:
        The loss, differentiable, and the parameters that the step changes.
    """
    some = {name: value for name, value in parameters.items() if adapts(name)}
    moved = adapt(loss, some, lr, order=1, weight_decay=weight_decay, reduce=reduce)
    known = [value.detach() for value in (loss, *moved.values())]
    step = _Step(again, autocast_like_now(loss.device.type), list(parameters), list(some), lr, weight_decay, reduce)
    value, *adapted = _Anew.apply(step, known, tuple(unchanged), *parameters.values())  # type: ignore[no-untyped-call]
    return value, dict(zip(some, adapted, strict=True))


class _Step(NamedTuple):
    """An inner step, besides the parameters that it is taken at."""

    again: Callable[[Mapping[str, Tensor]], Tensor]
    autocast: Callable[[], AbstractContextManager[Any]]
    names: list[str]
    changed: list[str]
    lr: float
    weight_decay: float
    reduce: Reduce


class _Anew(torch.autograd.Function):
    """The loss and the parameters after the step, which are known; their gradient is that of `_Step` made anew."""

    @staticmethod
    def forward(
        ctx: Any, step: _Step, known: list[Tensor], unchanged: tuple[Tensor, ...], *parameters: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.step = step
        ctx.save_for_backward(*parameters, *unchanged)  # autograd refuses to go on if one of them was written to
        ctx.set_materialize_grads(False)
        return tuple(known)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, seed: Tensor | None, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        step: _Step = ctx.step
        wanted = ctx.needs_input_grad[3:]
        parameters = dict(zip(step.names, leaves(wanted, ctx.saved_tensors[: len(wanted)]), strict=True))
        with torch.enable_grad(), step.autocast():
            loss = step.again(parameters)
            inner: list[Tensor | None] = list(
                torch.autograd.grad(
                    -step.lr * loss, [parameters[name] for name in step.changed], create_graph=True, allow_unused=True
                )
            )
        decayed = {name for name, gradient in zip(step.changed, inner, strict=True) if gradient is not None}
        ends, seeds = edges([loss, *inner], [seed, *reduced(step.reduce, gradients)])
        del inner  # as large as the weights; the graph does not need its values
        found = dict(zip(step.names, pulled_back(ends, seeds, list(parameters.values())), strict=True))
        for name, gradient in zip(step.changed, gradients, strict=True):
            if gradient is not None:
                share = 1 - step.lr * step.weight_decay if name in decayed else 1.0
                product = found[name]  # -lr * H g, and the gradient of the loss itself where that is wanted
                found[name] = share * gradient if product is None else product.add(gradient, alpha=share)
        return None, None, None, *found.values()
