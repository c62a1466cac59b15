"""Make docs/ladder.md's tables and `kinema list methods`'s column from results/studies/ladder: `make ladder`.

`results/studies/ladder/SET/METHOD_SEED/*.json` are result files of one run, made by results/ladder.sh, for which
`python results/ladder.py plan RECIPE CLIPS` prints how many epochs to train, whether flow is read, and the views to
measure.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import torch

from kinema import methods, recipes
from kinema.backbones.backbone import Backbone
from kinema.batch import DICE, Batch, Step, generator
from kinema.evaluate.protocol import Result, read
from kinema.evaluate.table import check_same_protocol
from kinema.methods import METHODS
from kinema.published.peers import SAME_NET, peers
from kinema.recipes.tiny import TINY
from kinema.settings import Recipe, TwoViews

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "ladder.md"
README = HERE.parent / "README.md"
SHIPPED = HERE.parent / "src" / "kinema" / "published" / "ladder.csv"
RANDOM, SUPERVISED, TUNED = "random init", "supervised, from random init", "supervised, from cmc"

Found = dict[str, dict[str, list[Result]]]
"""Of each row, of each column, a result a seed."""


def main() -> None:
    """Print a recipe's plan, or make the tables."""
    if sys.argv[1:2] == ["plan"]:
        print(plan(recipes.get(sys.argv[2]), float(sys.argv[3])))
        return
    page, lines, readme = PAGE.read_text(), [], README.read_text()
    for name in ("mocap15", "asl18"):
        found = results_of(HERE / "studies" / "ladder" / name)
        page = replaced(page, name, table(found))
        readme = replaced(readme, name, brief(found))
        lines += shipped(found, name)
    PAGE.write_text(replaced(page, "published", published()))
    README.write_text(readme)
    with SHIPPED.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("method", "data", "metric", "value", "seeds"), *lines])


def plan(recipe: Recipe, clips: float) -> str:
    """ "20 - rgb both": epochs in which the network sees `clips` clips of each video; flow if it is read; views."""
    epochs = max(1, round(clips / clips_seen(recipe)))
    views = "rgb both" if isinstance(recipe.method, TwoViews) else "rgb"
    return f"{epochs} {'flow' if recipe.method.flow else '-'} {views}"


def clips_seen(recipe: Recipe, videos: int = 1000) -> float:
    """How many clips of a video pass through the recipe's network in a step.

    All that enters a backbone is counted, each view and each copy of a clip, in clips of `TINY`'s size: a block of
    half the frames, or a tile of a quarter of the picture, is as much of a clip. It is counted at a step on noise.
    """
    method = methods.build(replace(recipe, train=replace(recipe.train, device="cpu")), videos).train()
    entered: list[int] = []

    def count(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        entered.append(inputs[0][:, 0].numel())

    for network in (each for each in method.modules() if isinstance(each, Backbone)):
        first = next(each for each in network.modules() if isinstance(each, torch.nn.Conv3d))
        first.register_forward_pre_hook(count)
    given = noise(method, recipe.train.batch_size * (1 if method.split is None else 2))
    method.loss(given, Step(number=0, epoch=0, lr=recipe.optim.lr, seed=0))
    return sum(entered) / len(given) / (TINY.clip.frames * TINY.clip.size**2)


def noise(method: methods.base.Method, count: int) -> Batch:
    """A batch of as many videos of noise, drawn as the method draws."""
    rng, side = generator("ladder"), method.recipe.clip.loaded_side
    drawn = [method.draw(48, rng) for _ in range(count)]
    shape = drawn[0].indices.shape
    channels = 4 if method.recipe.method.flow else 3
    clips = torch.randint(0, 256, (count, *shape, side, side, channels), generator=rng, dtype=torch.uint8)
    dice = torch.rand(count, shape[0], DICE, generator=rng)
    target = torch.tensor([each.target for each in drawn])
    return Batch(clips, torch.full((count, 2), side), dice, torch.arange(count), target)


def results_of(folder: Path) -> Found:
    """What was measured on a set."""
    found: Found = defaultdict(lambda: defaultdict(list))
    for path in sorted(folder.glob("*/*.json")):
        result, name = read(path), re.sub(r"_\d+$", "", path.parent.name)
        protocol, random = result.protocol, result.subject.weights == RANDOM
        tuned = protocol.task == "finetune"
        if protocol.task not in ("retrieval", "linear", "finetune") or "against" in protocol.settings:
            continue
        if tuned != (name == "supervised") or protocol.view not in ("rgb", "both"):
            continue  # the other verbs' results that lie beside
        row = (SUPERVISED if random else TUNED) if tuned else RANDOM if random else name
        found[row][f"{protocol.task} {protocol.view}"].append(result)
    for column in {column for row in found.values() for column in row}:
        check_same_protocol([result for row in found.values() for result in row.get(column, [])])
    beside = (RANDOM, SUPERVISED, TUNED)
    unknown = [name for name in found if name not in beside and f"tiny_{name}" not in recipes.RECIPES]
    assert not unknown, f"results/studies/ladder has results of no recipe: {unknown}"
    return found


def table(found: Found) -> str:
    """Markdown: a row a method, the highest R@1 first; mean and standard deviation over seeds."""
    if not found:
        return "No results yet."
    columns = {"retrieval rgb": "R@1", "linear rgb": "linear probe", "retrieval both": "R@1, RGB + residual"}
    lines = [
        "| | seeds | epochs | " + " | ".join(columns.values()) + " |",
        "| --- | --- | --- |" + " --- |" * len(columns),
    ]
    for name in sorted(found, key=lambda row: -average(found[row]["retrieval rgb"])):
        tasks = found[name]
        first = next(iter(tasks.values()))
        epochs = {str(result.subject.epoch or "") for result in first}
        tasks["linear rgb"] = tasks["linear rgb"] or tasks["finetune rgb"]
        cells = [spread(tasks[column]) for column in columns]
        lines.append(f"| {name} | {len(first)} | {', '.join(sorted(epochs))} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def brief(found: Found) -> str:
    """Markdown for the README: R@1 and the linear probe alone, in two halves side by side."""
    names = sorted(found, key=lambda row: -average(found[row]["retrieval rgb"]))
    cells = [
        [name, spread(found[name]["retrieval rgb"]), spread(found[name]["linear rgb"] or found[name]["finetune rgb"])]
        for name in names
    ]
    half = -(-len(cells) // 2)
    cells += [[""] * 3] * (2 * half - len(cells))
    head = "| | R@1 | probe " * 2 + "|\n" + "| --- | ---: | ---: " * 2 + "|"
    rows = [f"| {' | '.join([*left, *right])} |" for left, right in zip(cells[:half], cells[half:], strict=True)]
    return "\n".join([head, *rows])


def shipped(found: Found, data: str) -> list[tuple[str, str, str, str, str]]:
    """The lines of `published/ladder.csv` about a set."""
    metrics = {"R@1": "retrieval rgb", "top1": "linear rgb"}
    return [
        (name, data, metric, f"{average(tasks[column]):.2f}", str(len(tasks[column])))
        for name, tasks in sorted(found.items())
        for metric, column in metrics.items()
        if name in METHODS and tasks[column]
    ]


def published() -> str:
    """Markdown: what others had with one network."""
    ladder = sorted(
        (peer.value, peer.method) for peer in peers() if peer.source == SAME_NET and peer.task == "retrieval"
    )
    return "\n".join(["| | R@1 |", "| --- | --- |", *(f"| {name} | {value:.1f} |" for value, name in ladder)])


def average(results: list[Result]) -> float:
    """The mean of the headline figures; -1 for none, which is below all."""
    return mean(result.score.value for result in results) if results else -1.0


def spread(results: list[Result]) -> str:
    """ "12.3 ± 0.4" """
    values = [result.score.value for result in results]
    if not values:
        return ""
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def replaced(page: str, name: str, content: str) -> str:
    """The page with what stands between a table's marks replaced."""
    begin, end = f"<!-- {name}: made by `make ladder` -->", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{content}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    main()
