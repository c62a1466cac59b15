"""Time and memory of a training step at meta order 0, 1 and 2 (graph, hvp), with and without recomputed activations.

    python benchmarks/meta_order.py                                   # full width, on the CPU or the first GPU
    python benchmarks/meta_order.py --width 0.5 --rounds 3 --out half.json
    python benchmarks/meta_order.py --show half.json                  # print the table of an earlier run

A step is MCN's whole loss on clips of noise and its backward pass, the optimiser left out. Order 0 reads one batch,
orders 1 and 2 two of the same size (support and query).

- Seconds: on a CPU, CPU seconds of this process at one thread, which other work on the machine disturbs little; on a
  GPU, seconds until the device has finished. Every round runs all settings in turn; the table has the medians, and
  medians of each round's ratios to its own order 0.
- Memory: the most bytes of tensors alive at once during a step (weights, gradients and the batch included): on a CPU
  from the events of torch's allocator, on a GPU `torch.cuda.max_memory_allocated`. oneDNN's own scratch memory on a
  CPU is not in it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from kinema import methods
from kinema.batch import Batch, Step
from kinema.bench.measure import cpu_name
from kinema.bench.step import noise
from kinema.machine import pick_device
from kinema.methods.base import Method
from kinema.precision import mixed
from kinema.recipes import get
from kinema.settings import MCN, Backbone, Clip, Recipe

BACKBONES = ("s3d", "r2plus1d_18", "r3d_18")
ORDERS = {"0": {"order": 0}, "1": {"order": 1}, "2 graph": {"order": 2}, "2 hvp": {"order": 2, "form": "hvp"}}
VIDEOS = 2048
MIB = 2**20


def main() -> None:
    args = arguments()
    if args.show:
        print(table(json.loads(args.show.read_text())))
        return
    if args.out.exists():
        sys.exit(f"{args.out} exists: use another --out, or --show it")
    torch.set_num_threads(args.threads)
    device = pick_device(args.device)
    found: dict[str, Any] = {"machine": machine(device), "sizes": sizes(args), "rows": []}
    for backbone in args.backbones:
        found["rows"] += measure(backbone, args, device)
        args.out.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="+", default=BACKBONES)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=4, help="videos a stage")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=("auto", "32-true", "bf16-mixed"))
    parser.add_argument("--out", type=Path, default=Path("meta_order.json"))
    parser.add_argument("--show", type=Path)
    return parser.parse_args()


def machine(device: torch.device) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    return {"device": device.type, "name": name, "torch": torch.__version__, "threads": torch.get_num_threads()}


def sizes(args: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(args, name) for name in ("width", "frames", "size", "batch", "rounds", "precision")}


def measure(backbone: str, args: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """One row a setting; the first step of each, whose memory is measured, also warms it up."""
    autocast = mixed(args.precision, device)
    steps: dict[tuple[str, bool], Callable[[], float]] = {}
    rows = []
    for order in ORDERS:
        for checkpoint in (False, True):
            steps[order, checkpoint] = stepper(recipe(backbone, order, checkpoint, args), device, autocast)
            peak = peak_memory(steps[order, checkpoint], device)
            rows.append({"backbone": backbone, "order": order, "checkpoint": checkpoint, "peak_mib": peak / MIB})
            tell(f"{backbone}, order {order}{', checkpoint' * checkpoint}: {peak / MIB:.0f} MiB")
    seconds: dict[tuple[str, bool], list[float]] = {setting: [] for setting in steps}
    for number in range(args.rounds):
        for setting, step in steps.items():
            seconds[setting].append(step())
        tell(f"{backbone}, round {number + 1} of {args.rounds}: {sum(taken[-1] for taken in seconds.values()):.0f} s")
    for row in rows:
        row["seconds"] = seconds[row["order"], row["checkpoint"]]
    return rows


def recipe(backbone: str, order: str, checkpoint: bool, args: argparse.Namespace) -> Recipe:
    """The paper's recipe at the benchmark's size."""
    paper = get("mcn")
    assert isinstance(paper.method, MCN)
    return replace(
        paper,
        method=replace(paper.method, meta=replace(paper.method.meta, **ORDERS[order])),
        clip=Clip(frames=args.frames, size=args.size),
        backbone=Backbone(backbone, args.width),
        train=replace(paper.train, batch_size=args.batch, checkpoint_activations=checkpoint),
    )


def stepper(recipe: Recipe, device: torch.device, autocast: bool) -> Callable[[], float]:
    """A function that makes one step on a fresh method and returns its seconds; only one method is alive at a time."""

    def step() -> float:
        method = methods.build(recipe, VIDEOS).to(device).train()
        given = noise(method).to(device)
        at = Step(number=0, epoch=0, lr=recipe.optim.lr, seed=0)
        return clock(device, lambda: one_step(method, given, at, device, autocast))

    return step


def one_step(method: Method, given: Batch, at: Step, device: torch.device, autocast: bool) -> None:
    with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
        outcome = method.loss(given, at)
    outcome.total.backward()


def clock(device: torch.device, run: Callable[[], None]) -> float:
    """Seconds, in the sense of this file's first lines."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        run()
        torch.cuda.synchronize(device)
        return time.perf_counter() - start
    start = time.process_time()
    run()
    return time.process_time() - start


def peak_memory(step: Callable[[], float], device: torch.device) -> int:
    """Most bytes of tensors alive at once; the step makes all of them, weights included."""
    if device.type == "cuda":
        step()  # cuDNN and the allocator settle
        torch.cuda.reset_peak_memory_stats(device)
        step()
        return torch.cuda.max_memory_allocated(device)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    now = most = 0
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def table(found: dict[str, Any]) -> str:
    """Markdown; times and memory beside their ratio to order 0 without checkpointing."""
    machine, sizes = found["machine"], found["sizes"]
    lines = [
        f"{machine['name']}, torch {machine['torch']}, {machine['threads']} thread(s); width {sizes['width']:g}, "
        f"{sizes['batch']} videos a stage, {sizes['frames']} frames at {sizes['size']} px; {sizes['rounds']} rounds",
        "",
        "| backbone | order | checkpoint | s a step | x order 0 | peak MiB | x order 0 |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found["rows"]:
        base = next(
            r for r in found["rows"] if (r["backbone"], r["order"], r["checkpoint"]) == (row["backbone"], "0", False)
        )
        ratio = statistics.median(a / b for a, b in zip(row["seconds"], base["seconds"], strict=True))
        lines.append(
            f"| {row['backbone']} | {row['order']} | {'yes' if row['checkpoint'] else 'no'} | "
            f"{statistics.median(row['seconds']):.2f} | {ratio:.2f} | "
            f"{row['peak_mib']:.0f} | {row['peak_mib'] / base['peak_mib']:.2f} |"
        )
    return "\n".join(lines)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
