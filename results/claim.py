"""Make the tables and pictures of docs/claim.md from the JSON files in results/studies/claim: `make claim`.

`results/studies/claim/SET/VARIANT_SEED/*.json` are result files of one run; `VARIANT_minus_OTHER.json` beside them what
`kinema compare` wrote. Every figure is of both views joined, four clips a video.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from kinema.evaluate.protocol import Result, read

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
NAMES = {
    "random_init": "random init",
    "cmc": "CMC (CL)",
    "clbl": "CL + BL",
    "mcn": "MCN, order 1",
    "mcn_order2": "MCN, order 2",
    "mcn_half": "MCN, order 1, batch 16 a stage (half the steps)",
    "mcn_fixed": "MCN, order 1, fixed support and query sets",
    "mcn_no_pairs": "MCN, order 1, without pair classification",
    "mcn_both_halves": "MCN, order 1, the support half's loss beside the query's",
    "mcn_alpha1": "MCN, alpha 0.1",
    "mcn_alpha3": "MCN, alpha 0.3",
    "mcn_alpha4": "MCN, alpha 0.4",
    "cmc_frames4": "CMC, 4 frames",
    "mcn_frames4": "MCN, 4 frames",
    "cmc_frames16": "CMC, 16 frames",
    "mcn_frames16": "MCN, 16 frames",
    "mcn_plus": "mcn_plus",
    "plus_frames4": "mcn_plus, 4 frames",
    "plus_frames16": "mcn_plus, 16 frames",
    "plus_one_stage": "mcn_plus in one stage",
    "plus_order2": "mcn_plus, order 2",
    "plus_shuffled": "mcn_plus, shuffled batches",
    "plus_bank": "mcn_plus with a bank",
    "plus_no_pairs": "mcn_plus without pair classification",
    "plus_shared_crop": "mcn_plus, one crop for both views",
    "plus_query_only": "mcn_plus, query loss alone",
    "cmc_bf16": "CMC, in bf16",
    "mcn_bf16": "MCN, order 1, in bf16",
    "mcn_plus_bf16": "mcn_plus, in bf16",
}
"""Variants in the order in which tables show them; results/claim.sh says what each one is."""
FIGURES = {"retrieval": "R@1", "linear": "linear probe", "hard_positives": "hard-positive index"}


def main() -> None:
    """Replace each set's table in docs/claim.md and draw its picture."""
    page = (DOCS / "claim.md").read_text()
    for folder in sorted(path for path in (HERE / "studies" / "claim").iterdir() if path.is_dir()):
        found = results_of(folder)
        page = replaced(page, folder.name, table(folder, found))
        draw(found, folder.name, DOCS / f"claim_{folder.name}.png")
    (DOCS / "claim.md").write_text(page)


def results_of(folder: Path) -> dict[str, dict[str, list[Result]]]:
    """Of each variant, in the order of `NAMES`: of each task, a result a seed."""
    found: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/*.json")):
        result = read(path)
        if result.protocol.view != "both" or "against" in result.protocol.settings:
            continue
        variant = re.sub(r"_\d+$", "", path.parent.name)
        name = "random_init" if result.subject.weights == "random init" else variant
        found[name][result.protocol.task].append(result)
    unknown = set(found) - set(NAMES)
    assert not unknown, f"results/claim.py has no name for {unknown}"
    return {name: found[name] for name in NAMES if name in found}


def table(folder: Path, found: dict[str, dict[str, list[Result]]]) -> str:
    """Markdown: a row a variant; mean and deviation over seeds, and R@1 minus that of CMC on as many frames."""
    measured = measured_in(found)
    lines = [
        "| | seeds | " + " | ".join(FIGURES[task] for task in measured) + " | R@1 minus CMC's |",
        "| --- | --- |" + " --- |" * (len(measured) + 1),
    ]
    for name, tasks in found.items():
        cells = [spread([result.score.value for result in tasks[task]]) for task in measured]
        apart = folder / f"{name}_minus_{baseline(name)}.json"
        gap = interval(read(apart)) if apart.exists() else ""
        lines.append(f"| {NAMES[name]} | {len(tasks['retrieval'])} | " + " | ".join(cells) + f" | {gap} |")
    return "\n".join(lines)


def measured_in(found: dict[str, dict[str, list[Result]]]) -> list[str]:
    """The tasks of `FIGURES` that were measured on a set: no hard-positive index where there is one look."""
    return [task for task in FIGURES if any(tasks[task] for tasks in found.values())]


def baseline(name: str) -> str:
    """CMC with as many frames as a variant has."""
    frames = re.search(r"_frames\d+$", name)
    return f"cmc{frames[0]}" if frames else "cmc"


def spread(values: list[float]) -> str:
    """ "12.3 ± 0.4" """
    if not values:
        return ""
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def interval(result: Result) -> str:
    """ "+8.1 [5.0, 11.2]" """
    assert result.score.interval is not None
    low, high = result.score.interval
    return f"{result.score.value:+.1f} [{low:+.1f}, {high:+.1f}]"


def draw(found: dict[str, dict[str, list[Result]]], name: str, path: Path) -> None:
    """Bars of the means with a dot for each seed: R@1 left, the hard-positive index, if there is one, right."""
    shown = [task for task in measured_in(found) if task != "linear"]
    size = (4 + 3 * len(shown), 0.6 + 0.36 * len(found))
    fig, grid = plt.subplots(1, len(shown), figsize=size, sharey=True, layout="constrained", squeeze=False)
    axes, names = grid[0], list(found)
    for axis, task in zip(axes, shown, strict=True):
        for row, variant in enumerate(names):
            values = [result.score.value for result in found[variant][task]]
            if values:
                colour = "#b8b8b8" if variant == "random_init" else "#e07a2f" if "plus" in variant else "#4878a8"
                axis.barh(row, mean(values), color=colour, height=0.7)
                axis.plot(values, [row] * len(values), "o", color="black", markersize=3.5)
        axis.set_title(f"{FIGURES[task]}, {name}, percent", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        if task == "hard_positives":
            axis.axvline(50, color="grey", linewidth=0.8, linestyle=":")
    axes[0].set_yticks(range(len(names)), [NAMES[variant] for variant in names])
    axes[0].invert_yaxis()
    fig.savefig(path, dpi=130)
    plt.close(fig)


def replaced(page: str, name: str, content: str) -> str:
    """The page with what stands between a set's marks replaced."""
    begin, end = f"<!-- {name}: made by `make claim` -->", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    main()
