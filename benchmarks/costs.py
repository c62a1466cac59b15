"""What every recipe of a paper's size costs: memory and work of a step, counted on tensors without numbers.

python benchmarks/costs.py             the table of docs/costs.md
python benchmarks/costs.py cmc iic     lines of these recipes, printed

Nothing is computed: a whole training step (loss, gradient, optimiser, writes) runs on torch's `meta` device, where its
multiplications are counted and the tensors that live at one time are added up.
"""

from __future__ import annotations

import re
import sys
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from kinema import methods, recipes
from kinema.batch import DICE, Batch, Step, generator
from kinema.engine.optim import optimizer
from kinema.engine.train import gradient, update
from kinema.methods.base import Method

PAGE = Path(__file__).parents[1] / "docs" / "costs.md"
BEGIN, END = "<!-- made by benchmarks/costs.py -->", "<!-- end -->"
META = torch.device("meta")

SETS = {"UCF-101": ("UCF101", 9_537), "kinetics400": ("Kinetics-400", 240_000)}
"""What a recipe's docstring gives as --data, and how many videos there are to learn from."""
FLOP_RATE = 40e12  # ASSUMED: what a GPU gets out of these networks, FLOP/s; as in docs/scale.md


class Alive(TorchDispatchMode):
    """Adds up the memory of tensors that live at one time, those made while this lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and tensor.device == META:
                self.count(tensor.untyped_storage())
        return made

    def count(self, storage: torch.UntypedStorage) -> None:
        """Add a piece of memory, unless it is known, until nobody holds it any more."""
        key = storage._cdata
        if key not in self.sizes:
            self.sizes[key] = storage.nbytes()
            self.now += self.sizes[key]
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self.gone, key)

    def gone(self, key: int) -> None:
        self.now -= self.sizes.pop(key)


@dataclass(frozen=True)
class Cost:
    """Of one step, in float32."""

    videos: int
    """Read in a step."""
    state: int
    """Bytes of weights, copies of them, moments, banks and queues."""
    most: int
    """Bytes that a step holds at most beside those."""
    flop: int
    """Multiplications and additions in convolutions and products of matrices."""


def cost(name: str) -> Cost:
    """What a step of the recipe takes, with banks for the data set that it is for."""
    recipe = recipes.get(name)
    method = methods.build(recipe, SETS[data_of(name)][1]).to(META).train()
    optim = optimizer(method.parameters(), recipe.optim)
    given, at = empty(method), Step(number=0, epoch=0, lr=recipe.optim.lr, seed=0)

    def step() -> None:
        outcome = method.loss(given, at)
        gradient(method, optim, outcome, recipe.optim.clip_grad)
        update(method, optim, outcome, at.lr)

    step()  # makes the moments
    with Alive() as alive, FlopCounterMode(display=False) as counter:
        step()
    moments = [value for state in optim.state.values() for value in state.values() if isinstance(value, Tensor)]
    held = [*method.parameters(), *method.buffers(), *moments]
    return Cost(len(given), sum(each.nbytes for each in held), alive.most, counter.get_total_flops())


def data_of(name: str) -> str:
    """The --data of the recipe's own command."""
    found = re.search(rf"kinema pretrain {name} --data (\S+)", recipes.RECIPES[name].__doc__ or "")
    assert found is not None, f"{name} has no command in its docstring"
    return found[1]


def empty(method: Method) -> Batch:
    """A batch as the recipe reads it, without numbers."""
    recipe = method.recipe
    clip = recipe.method.training_clip(recipe.clip)
    count = recipe.train.batch_size * (1 if method.split is None else 2)
    drawn = method.draw(10 * clip.span, generator("cost"))
    channels = 3 + len(recipe.method.flow_components)
    side = clip.loaded_side
    return Batch(
        torch.empty(count, *drawn.indices.shape, side, side, channels, dtype=torch.uint8, device=META),
        torch.empty(count, 2, dtype=torch.int64, device=META),
        torch.empty(count, len(drawn.indices), DICE, device=META),
        torch.empty(count, dtype=torch.int64, device=META),
        torch.empty(count, dtype=torch.int64, device=META),
    )


def without_numbers() -> None:
    """Let autocast be asked of `meta`, which it does not know."""
    plain: Callable[..., Any] = torch.autocast
    torch.autocast = lambda kind, *args, **kwargs: nullcontext() if kind == "meta" else plain(kind, *args, **kwargs)  # type: ignore


def line(name: str) -> list[str]:
    """A recipe's row."""
    of, recipe = cost(name), recipes.get(name)
    data, videos = SETS[data_of(name)]
    work = of.flop / of.videos * videos * recipe.train.epochs
    return [
        f"`{name}`",
        f"{recipe.backbone.name}, {recipe.clip.frames} x {recipe.clip.size} x {recipe.clip.size}",
        str(of.videos),
        f"{of.state / 2**30:.1f}",
        f"{of.most / 2**30:.1f}",
        f"{of.flop / of.videos / 1e12:.2f}",
        f"{data}, {recipe.train.epochs}",
        short(work / 1e18),
        short(work / FLOP_RATE / 3600),
    ]


def short(value: float) -> str:
    """Two figures, or all before the point."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def paper_sized() -> list[str]:
    """The recipes that are not made for two cores."""
    return [name for name, make in recipes.RECIPES.items() if not re.search(r"\.(tiny\w*|demo)$", make.__module__)]


HEAD = [
    "recipe",
    "network, clip",
    "videos a step",
    "GiB held",
    "GiB a step",
    "TFLOP a video",
    "videos of, epochs",
    "EFLOP",
    "hours",
]


def main() -> None:
    without_numbers()
    if sys.argv[1:]:
        for name in sys.argv[1:]:
            print(" | ".join(line(name)))
        return
    rows = [HEAD, ["---", "---", *["---:"] * 4, "---", *["---:"] * 2], *(line(name) for name in paper_sized())]
    made = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{rest.split(END, 1)[1]}")


if __name__ == "__main__":
    main()
