"""MCN on Kinetics-400 by arithmetic: what a clip costs here, carried to 1, 8 and 64 GPUs; the tables of docs/scale.md.

python benchmarks/scale.py

Rates of reading and of flow are those of benchmarks/results/; the network's work is counted by torch. What no machine
at hand could measure is assumed, in capitals below, and the page says so.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from kinema import backbones, recipes

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "scale.md"
BEGIN, END = "<!-- made by benchmarks/scale.py -->", "<!-- end -->"

VIDEOS, SECONDS, FPS, EPOCHS = 240_000, 10, 30, 500
FLOP_RATE = 40e12  # ASSUMED: what a GPU gets out of these networks, FLOP/s; as in the recipes' docstrings
LINKS = {"10 Gbit/s": 1.25e9, "400 Gbit/s": 50e9}  # ASSUMED: what a machine's network carries, bytes/s
BESIDE = 8  # GPUs in a machine
A_GPU = 8  # videos of a stage on each GPU
JPEG, RAW = 4_800, 171 * 128 * 3  # bytes a frame of 171 x 128 (docs/packing.md)


def rate(part: str, row: str) -> float:
    """The median of a benchmark's rates."""
    found = json.loads((HERE / "results" / f"{part}.json").read_text())
    return next(statistics.median(each["rates"]) for each in found["rows"] if each["name"] == row)


def work(backbone: str) -> tuple[float, int]:
    """FLOP of a training step's share of one video (two views, forward and backward), and the network's parameters."""
    clip = recipes.get("mcn").clip
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = backbones.build(backbone).eval()
        network(torch.empty(1, 3, clip.frames, clip.size, clip.size))
    return 3 * 2 * counter.get_total_flops(), sum(p.numel() for p in network.parameters())


def table(head: list[str], rows: list[list[str]]) -> str:
    """Markdown, the first column to the left."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def reading() -> str:
    """What each way of storing costs, and how many cores feed a GPU."""
    frames = VIDEOS * SECONDS * FPS
    clips = FLOP_RATE / work("r2plus1d_18")[0]
    rows = []
    for name, row, size in (
        ("H.264, 340 x 256", "H.264, kinema by pyav", None),
        ("JPEG store", "packed jpeg", JPEG),
        ("raw store", "packed raw", RAW),
    ):
        speed = rate("decode", row)
        rows.append([
            name,
            f"{speed:,.0f}",
            f"{VIDEOS * EPOCHS / speed / 3600:,.0f}",
            f"{clips / speed:.2f}",
            f"{frames * size / 1e12:.1f} TB" if size else "as downloaded",
            f"{64 * clips * 32 * size / 1e6:,.0f} MB/s" if size else "-",
        ])  # fmt: skip
    head = [
        "videos kept as",
        "clips a core and second",
        "core hours, 500 epochs",
        "cores a GPU",
        "disk",
        "read by 64 GPUs",
    ]
    return table(head, rows)


def training() -> str:
    """Days, and what the network between machines adds."""
    rows = []
    for backbone in ("r2plus1d_18", "r3d_18", "s3d"):
        flop, weights = work(backbone)
        for gpus in (1, 8, 64):
            batch = A_GPU * gpus
            seconds = 2 * A_GPU * flop / FLOP_RATE  # a step reads a support and a query batch
            steps = VIDEOS * EPOCHS / (2 * batch)
            sent = 2 * 2 * 4 * weights  # two averages (inner and outer gradient), a ring's two ways, float32
            machines = gpus // BESIDE
            late = [f"{sent / link / seconds:.0%}" if machines > 1 else "-" for link in LINKS.values()]
            rows.append([backbone, str(gpus), str(batch), f"{seconds:.2f}", f"{steps * seconds / 86400:.1f}", *late])
    head = ["backbone", "GPUs", "batch a stage", "s a step", "days", *(f"averaging over {link}" for link in LINKS)]
    return table(head, rows)


def others() -> str:
    """What is done once, and what lies in memory."""
    frames = VIDEOS * SECONDS * FPS
    flow = frames / rate("flow", "kinema") / 3600
    pack = frames / (32 * rate("decode", "H.264, kinema by pyav")) / 3600
    search = 20_000 / rate("retrieve", "20,000 in 240,000")
    return table(
        ["once", "by one core, hours", "by 512 cores"],
        [
            ["packing (at most: windows are read from key frames)", f"{pack:,.0f}", f"{pack / 512:.1f} h"],
            ["TV-L1 flow of every frame, 171 x 128", f"{flow:,.0f}", f"{flow / 512:.1f} h"],
            ["retrieval of 20,000 in 240,000 vectors", f"{search / 3600:.2f}", "-"],
        ],
    )  # fmt: skip


def main() -> None:
    text = PAGE.read_text()
    parts = text.split(BEGIN)
    made = [reading(), training(), others()]
    assert len(parts) == 1 + len(made), "the page has a place for each table"
    for number, lines in enumerate(made, start=1):
        parts[number] = f"\n{lines}\n{END}" + parts[number].split(END, 1)[1]
    PAGE.write_text(BEGIN.join(parts))


if __name__ == "__main__":
    main()
