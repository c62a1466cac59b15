"""A device that is not the CPU, on a machine that has no other: what a GPU would refuse is refused, what it would wait
for is noted; what has been asked for and not been waited for is not there yet.

A tensor "on the device" holds one of the CPU, on which its operations are done, so values are the CPU's. Torch takes it
for one of another device: an operation on tensors of both, or with the CPU's generator, is an error as it is on a GPU,
and what makes the program wait for the device, because Python asks for a value, is kept in `StandIn.reads`. What leaves
it by a copy that nobody waits for is not a number until an event that was recorded behind it is waited for.

Importing this gives torch a device named `standin` for as long as the process runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

aten = torch.ops.aten
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
"""What takes rows by numbers that may be the CPU's."""
VALUES = {
    *(aten._local_scalar_dense.default, aten.nonzero.default, aten.masked_select.default, aten.equal.default),
    *(aten.bincount.default, aten._unique2.default, aten.repeat_interleave.Tensor),
}
"""What gives Python a value, or a shape that depends on one."""


class Module(_DummyBackendModule):
    """What torch asks of a device's module."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]

    def current_stream(self, device: torch.device) -> Queue:
        assert device == DEVICE
        return QUEUE

    def Event(self, blocking: bool = False) -> Event:
        return Event()


class Queue:
    """What the device has been given to do."""

    def __init__(self) -> None:
        self.given = 0
        """Operations."""
        self.late: list[tuple[Tensor, Tensor]] = []
        """Tensors of the CPU that are to be filled, and with what."""
        self.ahead: list[int] = []
        """Whenever an event was waited for, how many operations the device still had to do behind it."""


QUEUE = Queue()


class Event:
    """A mark behind what the device has been given so far."""

    def record(self, queue: Queue) -> None:
        self.place, self.late = queue.given, list(queue.late)

    def synchronize(self) -> None:
        QUEUE.ahead.append(QUEUE.given - self.place)
        for waiting, value in self.late:
            waiting.copy_(value)


_setup_privateuseone_for_python_backend("standin", backend_module=Module())
DEVICE = torch.device("standin:0")


class There(Tensor):
    """A tensor on the device."""

    held: Tensor
    reads: list[str]

    @staticmethod
    def __new__(cls, held: Tensor, reads: list[str]) -> There:
        made: There = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=DEVICE
        )
        made.held, made.reads = held, reads
        return made

    def tolist(self) -> Any:
        self.reads.append("tolist")
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} on a tensor of the device, outside of StandIn")


class StandIn(TorchDispatchMode):
    """While this lasts the device is there."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    def __enter__(self) -> StandIn:
        self.lifting = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)  # so that torch.tensor(numbers, device=...) passes by here
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        torch._C._set_only_lift_cpu_tensors(self.lifting)
        super().__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        target = torch.device(kwargs["device"]) if kwargs.get("device") is not None else None
        if not any(isinstance(each, There) for each in tensors) and (target is None or target.type == "cpu"):
            return func(*args, **kwargs)
        if func is not aten._to_copy.default and func is not aten.copy_.default:
            self.check(func, args, tensors, kwargs)
        QUEUE.given += 1
        if waits(func, args, kwargs, target):
            self.reads.append(str(func))
        if target is not None:
            kwargs["device"] = torch.device("cpu")
        known = {id(each.held): each for each in tensors if isinstance(each, There)}
        found = func(*tree_map(held, args), **tree_map(held, kwargs))
        if func is aten._to_copy.default and leaves(target) and kwargs.get("non_blocking"):
            QUEUE.late.append((torch.full_like(found, float("nan")), found))
            return QUEUE.late[-1][0]
        if leaves(target) or (func is aten.copy_.default and args[0] is found):
            return found

        def there(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            return known[id(value)] if id(value) in known else There(value, self.reads)

        return tree_map(there, found)

    @staticmethod
    def check(func: Any, args: tuple[Any, ...], tensors: list[Tensor], kwargs: dict[str, Any]) -> None:
        """Refuse what a GPU does."""
        if kwargs.get("generator") is not None:
            raise RuntimeError(f"{func}: the CPU's generator for numbers on the device")
        mixed = [args[0], *args[2:3]] if func in INDEXING else [each for each in tensors if each.ndim]
        for each in mixed:
            if not isinstance(each, There):
                raise RuntimeError(f"{func}: a tensor of the CPU {[*each.shape]} among those of the device")


def waits(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], target: torch.device | None) -> bool:
    """Whether a GPU would have the program wait until it is done with all before."""
    if func is aten._to_copy.default:
        return (leaves(target) or not isinstance(args[0], There)) and not kwargs.get("non_blocking")
    if func is aten.copy_.default:
        apart = isinstance(args[0], There) != isinstance(args[1], There)
        return apart and not (isinstance(args[0], There) and args[2:] == (True,))
    if func in INDEXING:
        rows = [each for each in args[1] if each is not None]
        return any(each.dtype is torch.bool or not isinstance(each, There) for each in rows)
    return func in VALUES


def leaves(target: torch.device | None) -> bool:
    """Whether what is made is the CPU's."""
    return target is not None and target.type == "cpu"


def held(value: Any) -> Any:
    """What is computed with."""
    return value.held if isinstance(value, There) else value


def moved(module: nn.Module) -> None:
    """Put a module on the device; `Module.to` would have parameters change their class in place."""
    for each in module.modules():
        for name, parameter in each._parameters.items():
            if parameter is not None:
                there = nn.Parameter(parameter.detach().to(DEVICE), requires_grad=parameter.requires_grad)
                each._parameters[name] = there
        for name, buffer in each._buffers.items():
            if buffer is not None:
                each._buffers[name] = buffer.to(DEVICE)
