"""Peak memory of a step of MCN of second order, beside that of first order, each in a process of its own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import torch

from kinema.bench.measure import memory_now, peak_memory
from kinema.bench.size import Size
from kinema.bench.step import Order, mcn, whole_step
from kinema.data.processes import without_main
from kinema.machine import pick_device
from kinema.memory import return_memory

LIMIT = 1.6
"""Second order over first, to stay under."""
STEPS = 2
"""The first one makes the optimiser's buffers, which the second has beside everything else."""


def step_memory(size: Size) -> dict[str, float]:
    """GiB that a step takes at most beyond weights and clips, and the ratios of second order to first.

    Second order by Hessian-vector products, as it is and with activations that are computed again instead of kept.
    """
    first, second = in_fresh_process(size, 1), in_fresh_process(size, 2)
    recomputed = in_fresh_process(size, 2, recompute=True)
    return {
        "peak memory of order 1, GiB": first / 2**30,
        "peak memory of order 2, GiB": second / 2**30,
        "peak memory of order 2 with recomputed activations, GiB": recomputed / 2**30,
        "order 2 over order 1": second / first,
        "order 2 with recomputed activations over order 1": recomputed / first,
        "limit": LIMIT,
    }


def in_fresh_process(size: Size, order: Order, *, recompute: bool = False) -> int:
    """`growth` where nothing was allocated before."""
    with without_main(), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(growth, size, order, recompute).result()


def growth(size: Size, order: Order, recompute: bool) -> int:
    """Bytes by which steps raise the peak of this process's memory, or of a GPU's, over what it holds before them."""
    device = pick_device(size.device)
    return_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    recipe = mcn(size, order)
    run = whole_step(replace(recipe, train=replace(recipe.train, checkpoint_activations=recompute)), device)
    on_gpu = device.type == "cuda"
    before = torch.cuda.memory_allocated(device) if on_gpu else memory_now()
    for _ in range(STEPS):
        run()
    return (torch.cuda.max_memory_allocated(device) if on_gpu else peak_memory()) - before
