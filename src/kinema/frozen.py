"""A network as it was at one time, beside one of the same make that is being trained: what CoCLR asks for positives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from kinema.meta import State, dotted, slashed


class FrozenCopy(nn.Module):
    """Weights and running statistics for a module, held as buffers: no optimiser, gradient or batch changes them.

    The module itself is passed in wherever it is needed and is not part of this one. `forward` runs it in evaluation
    mode on what is kept here, at first the module's own; `load_state_dict` brings another's.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for name, value in module.state_dict().items():
            self.register_buffer(slashed(name), value.detach().clone())

    def state(self) -> State:
        """What is kept, by its names in the module."""
        return {dotted(name): buffer for name, buffer in self.named_buffers()}

    @torch.no_grad()
    def forward(self, module: nn.Module, *args: Any) -> Any:
        """`module(*args)` as it would be with what is kept here, without a gradient."""
        with evaluation_mode(module):
            return functional_call(module, self.state(), args)


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Within it, batch norm uses its running statistics and moves none; afterwards every part is in its mode again."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
