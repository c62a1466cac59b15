"""Every reading of MCN that can be varied by a flag, what it does to the score, and the table of docs/reading_mcn.md.

    python results/reading.py flags     a line for each alternative: its name and the flags, for results/reading.sh
    python results/reading.py           write the table (`make claim`)

`results/studies/reading/NAME_SEED/*.json` are the result files of one run each; the base is
`results/studies/claim/shapes/mcn_SEED`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from kinema.evaluate.protocol import read

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reading_mcn.md"
BEGIN, END = "<!-- reading: made by `make claim` -->", "<!-- end of reading -->"


@dataclass(frozen=True)
class Choice:
    """One point that the paper leaves open."""

    where: str
    question: str
    ours: str
    """What kinema does, with the grade of its evidence."""
    others: dict[str, str]
    """Name of a run: the flags that take the other side."""


CHOICES = (
    Choice("3.1, Eq. 1", "the last frame has no successor", "its difference is repeated (ours)", {
        "wrap": "--method.views.last-residual wrap",
        "zero": "--method.views.last-residual zero",
        "extra_frame": "--method.views.last-residual extra_frame",
    }),
    Choice("3.1", "residuals are of the augmented clip, or of one augmented anew", "of the same (inferred)", {
        "independent_augment": "--method.views.independent-augment",
    }),
    Choice("4.1", "pixels", "in [0, 1] (inferred)", {"imagenet": "--method.views.normalise imagenet"}),
    Choice("4.1", "greyscale is not among the augmentations", "none (paper)", {"grey": "--augment.grey 0.2"}),
    Choice("Fig. 2", "the fc layer before the contrast", "linear, 128 wide; tiny recipes add batch norm (ours)", {
        "projection_linear": "--method.views.projection linear",
        "projection_mlp": "--method.views.projection mlp",
        "projection_none": "--method.views.projection none",
        "projection_apart": "--method.views.no-shared-projection",
    }),
    Choice("Eq. 3", "features have unit length", "yes (paper: a cosine)", {
        "any_length": "--method.views.no-unit-length",
    }),
    Choice("-", "batch norm's running statistics", "each view has its own (ours)", {
        "mixed_statistics": "--method.views.statistics mixed",
        "joint_batch_norm": "--method.views.joint-batch-norm",
    }),
    Choice("Eq. 2", "one direction is printed", "both are summed (inferred)", {
        "one_direction": "--method.contrast.directions 1to2",
    }),
    Choice("3.1", "\"NCE\" in the text, softmax in Eq. 2", "softmax (paper)", {"nce": "--method.contrast.form nce"}),
    Choice("3.1", "the positive", "the other view's row in the bank (inferred)", {
        "positive_batch": "--method.contrast.positive batch",
    }),
    Choice("3.1", "negatives may hit the video itself", "they may (inferred)", {
        "exclude_self": "--method.contrast.exclude-self",
    }),
    Choice("3.1", "share of a bank row that survives", "0.5 (inferred)", {
        "bank_momentum_0": "--method.contrast.bank-momentum 0",
        "bank_momentum_9": "--method.contrast.bank-momentum 0.9",
    }),
    Choice("3.1", "temperature", "0.07 (inferred)", {"tau_2": "--method.contrast.temperature 0.2"}),
    Choice("3.2", "the pair classifier", "two layers (ours, see above)", {
        "head_linear": "--method.pairs.head linear",
        "head_hadamard": "--method.pairs.head hadamard",
        "head_bilinear": "--method.pairs.head bilinear",
    }),
    Choice("3.2", "which pairs of the eight features", "16 of RGB with residual (inferred)", {
        "grid_all": "--method.pairs.grid all_unordered",
        "grid_balanced": "--method.pairs.grid balanced",
        "symmetric": "--method.pairs.symmetric",
    }),
    Choice("3.2", "\"4 video clips in each batch\"", "all groups of four (ours)", {
        "one_group": "--method.pairs.groups one",
    }),
    Choice("Eq. 4", "a sum over pairs", "summed within a group, averaged over groups (paper)", {
        "pairs_mean": "--method.pairs.reduction mean",
    }),
    Choice("3.2", "the feature that is paired", "the projected one (ours)", {
        "pairs_backbone": "--method.pairs.feature backbone",
    }),
    Choice("3.2", "one positive for three negatives", "unweighted (paper)", {
        "positive_weight": "--method.pairs.positive-weight 3",
    }),
    Choice("3.3", "order of the meta gradient", "first (inferred from the batch sizes)", {
        "one_stage": "--method.meta.order 0 --train.batch-size 16",
        "order2": "--method.meta.order 2",
    }),
    Choice("3.3", "the inner rate alpha_1", "the outer one (paper); it follows the schedule (ours)", {
        "inner_lr_small": "--method.meta.inner-lr 0.0001",
        "inner_lr_large": "--method.meta.inner-lr 0.01",
    }),
    Choice("3.3", "what the inner step changes", "everything (paper)", {
        "inner_head": "--method.meta.inner-parameters head",
    }),
    Choice("3.3", "when videos are dealt to D_s and D_q", "in each step (ours); `mcn` itself: once (paper)", {
        "split_once": "--method.meta.resplit never",
        "split_epoch": "--method.meta.resplit epoch",
    }),
    Choice("3.3", "the support loss in the meta objective", "left out (paper)", {
        "support_loss": "--method.meta.support-loss-weight 1",
    }),
    Choice("3.3", "which stage refreshes the bank", "both (ours)", {
        "bank_query": "--method.meta.bank-update query",
        "bank_support": "--method.meta.bank-update support",
    }),
    Choice("3.3", "where a stage's negatives come from", "the whole bank (ours)", {
        "own_half": "--method.meta.negatives own_half --method.meta.resplit epoch",
    }),
    Choice("3.3", "which stage moves batch norm's statistics", "both (ours)", {
        "statistics_query": "--method.meta.batch-norm query",
    }),
)  # fmt: skip
SHARED = {"one_stage": "clbl", "order2": "mcn_order2"}
"""Alternatives that the claim's study has already run, under these names."""


def main() -> None:
    """Print the flags, or write the table."""
    if sys.argv[1:] == ["flags"]:
        for choice in CHOICES:
            for name, flags in choice.others.items():
                if name not in SHARED:
                    print(name, flags)
        return
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}")


def table() -> str:
    """Markdown: a row an alternative, with R@1 of both views joined; the base in the first row."""
    claim = HERE / "studies" / "claim" / "shapes"
    base = scores(claim, "mcn")
    lines = [
        "| where | open point | ours | alternative | R@1 |",
        "| --- | --- | --- | --- | --- |",
        f"| | | | none: `tiny_mcn` as it is | {spread(base)} |",
    ]
    for choice in CHOICES:
        for number, (name, flags) in enumerate(choice.others.items()):
            first = (choice.where, choice.question, choice.ours) if number == 0 else ("", "", "")
            values = scores(claim, SHARED[name]) if name in SHARED else scores(HERE / "studies" / "reading", name)
            found = spread(values) or "not measured yet"
            lines.append("| " + " | ".join((*first, f"`{flags}`", found)) + " |")
    return "\n".join(lines)


def scores(folder: Path, name: str) -> list[float]:
    """R@1 of each seed."""
    files = sorted(folder.glob(f"{name}_[0-9]/retrieval_*_both.json"))
    return [read(path).score.value for path in files]


def spread(values: list[float]) -> str:
    """ "12.3 ± 0.4 (3 seeds)" """
    if not values:
        return ""
    apart = f" ± {stdev(values):.1f}" if len(values) > 1 else ""
    return f"{mean(values):.1f}{apart} ({len(values)} seed{'s' * (len(values) > 1)})"


if __name__ == "__main__":
    main()
