"""The two-stage step's pure part: run a module at other weights, and take one inner gradient step.

Neither function changes a weight or a buffer. Any method's loss can use them; the training loop knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

State = dict[str, Tensor]


def running_statistics(module: nn.Module) -> State:
    """The buffers that a forward pass in train mode writes, batch norm's and `OtherStatistics`, by dotted name."""
    return {
        f"{name}.{key}" if name else key: buffer
        for name, child in module.named_modules()
        if isinstance(child, _BatchNorm | OtherStatistics)
        for key, buffer in child.named_buffers(recurse=False)
    }


class OtherStatistics(nn.Module):
    """A module's running statistics on another kind of input, beside those that it holds itself.

    The module's weights are shared; which statistics it uses is up to the caller: `call_at(module, {}, other.state(),
    x)`, and `other.move` with what that returned.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, buffer in running_statistics(module).items():
            self.register_buffer(name.replace(".", "/"), buffer.clone())  # a buffer's own name may hold no dot

    def state(self) -> State:
        """The statistics by their names in the module."""
        return {name.replace("/", "."): buffer for name, buffer in self.named_buffers()}

    def move(self, moved: State) -> None:
        """Write them, in place; within `call_at` of a module around this one, into its copies."""
        for name, buffer in self.named_buffers():
            buffer.copy_(moved[name.replace("/", ".")])


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
    keep_graph: bool = False,
) -> State:
    """One plain gradient step: theta - lr * grad(loss), the inner update of MAML (MCN, section 3.3).

    The result is a function of `parameters` that autograd can follow. At order 1 the gradient counts as a constant, so
    the meta gradient is that at the adapted point; at order 2 the step itself is differentiated, which needs about
    three times the memory. Parameters the loss does not reach stay as they are. `keep_graph` lets the caller use `loss`
    once more.
    """
    values = list(parameters.values())
    gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
        loss, values, create_graph=order == 2, retain_graph=order == 2 or keep_graph, allow_unused=True
    )
    adapted: State = {}
    for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
        if gradient is None:
            adapted[name] = value
        else:
            adapted[name] = value - lr * (gradient + weight_decay * (value if order == 2 else value.detach()))
    return adapted
