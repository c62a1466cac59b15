"""The paper's ten tables, as data: what each measures, and which recipe makes which of its rows.

The printed figures are in `kinema.published`. To show a row of our own that the paper does not have, add its recipe's
name to `extra` of a table. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kinema import published, recipes
from kinema.errors import UsageError, nearest
from kinema.evaluate.settings import Finetune, LinearProbe
from kinema.recipes.tiny import tiny
from kinema.settings import Recipe

Scale = Literal["paper", "tiny"]
View = Literal["rgb", "rgb+flow"]


@dataclass(frozen=True)
class Row:
    """A row that we can make: a recipe, and the printed row that it stands beside."""

    recipe: str
    method: str = ""
    """As in `published.Figure`, like the next two; "" for a row that the paper does not have."""
    backbone: str = ""
    frames: int = 32


@dataclass(frozen=True)
class PaperTable:
    """One table: a task, the sets it is measured on, and our rows."""

    number: int
    title: str
    task: published.Task
    data: tuple[str, ...]
    """The sets measured on, a column each."""
    printed: tuple[Row, ...]
    """Those of the paper's rows that are ours."""
    varies: tuple[str, ...] = ()
    """What differs between rows on purpose, as `kinema.tables.comparing.conditions` names it; all else must not."""
    pretrain: str = "UCF101"
    view: View = "rgb"
    extra: tuple[str, ...] = ()
    """Recipes of ours that are shown below the paper's rows."""

    @property
    def rows(self) -> tuple[Row, ...]:
        """All our rows."""
        return self.printed + tuple(Row(recipe) for recipe in self.extra)


R21D, R3D, S3D = "R(2+1)D", "R3D-18", "S3D"
CMC, MCN = "CMC (RGB + residual)", "MCN"
BOTH = ("UCF101", "HMDB51")
BACKBONE = ("backbone", "settings.batch_size")  # fine-tuning's batch is what fits a backbone
SIX = (
    Row("cmc_s3d", CMC, S3D),
    Row("mcn_s3d", MCN, S3D),
    Row("cmc", CMC, R21D),
    Row("mcn", MCN, R21D),
    Row("cmc_r3d", CMC, R3D),
    Row("mcn_r3d", MCN, R3D),
)
TWO = (Row("mcn", MCN, R21D), Row("mcn_r3d", MCN, R3D))
FLOW = (Row("mcn_flow", MCN, R21D), Row("mcn_r3d_flow", MCN, R3D))
ALPHAS = (
    Row("mcn_alpha01", "MCN, alpha 0.1", R21D),
    Row("mcn", "MCN, alpha 0.2", R21D),
    Row("mcn_alpha03", "MCN, alpha 0.3", R21D),
    Row("mcn_alpha04", "MCN, alpha 0.4", R21D),
)
FRAMES = (
    Row("cmc_16f", CMC, R21D, 16),
    Row("mcn_16f", MCN, R21D, 16),
    Row("cmc", CMC, R21D),
    Row("mcn", MCN, R21D),
    Row("cmc_64f", CMC, R21D, 64),
    Row("mcn_64f", MCN, R21D, 64),
)
PRINTED = {"r2plus1d_18": R21D, "r3d_18": R3D, "s3d": S3D}
"""What the paper calls a backbone of a recipe of its size."""
LOSSES = (Row("cmc", "CL", R21D), Row("mcn_one_stage", "CL + BL", R21D), Row("mcn", "CL + BL + meta stages", R21D))
PLUS = ("mcn_plus",)

TABLES = {
    table.number: table
    for table in (
        PaperTable(
            1, "fine-tuning, with and without MCN, three backbones", "finetune", BOTH, SIX, BACKBONE, extra=PLUS
        ),
        PaperTable(2, "linear probe, with and without MCN, three backbones", "linear", BOTH, SIX, BACKBONE, extra=PLUS),
        PaperTable(3, "fine-tuning, weight alpha of the pair classification", "finetune", BOTH[:1], ALPHAS),
        PaperTable(4, "fine-tuning, number of frames", "finetune", BOTH[:1], FRAMES, ("frames",)),
        PaperTable(5, "fine-tuning, parts of the loss", "finetune", BOTH[:1], LOSSES, extra=PLUS),
        PaperTable(6, "linear probe, beside other methods", "linear", BOTH, TWO, BACKBONE),
        PaperTable(7, "fine-tuning after UCF101, beside other methods", "finetune", BOTH, TWO, BACKBONE),
        PaperTable(
            8, "fine-tuning after Kinetics-400, beside other methods", "finetune", BOTH, TWO, BACKBONE, "Kinetics-400"
        ),
        PaperTable(
            9, "retrieval on UCF101, beside other methods", "retrieval", BOTH[:1], FLOW, BACKBONE, view="rgb+flow"
        ),
        PaperTable(
            10,
            "retrieval on HMDB51 after UCF101, beside others",
            "retrieval",
            BOTH[1:],
            FLOW,
            BACKBONE,
            view="rgb+flow",
        ),
    )
}

STAND_INS = {
    "tiny_mcn": ("mcn", "mcn_r3d", "mcn_flow", "mcn_r3d_flow"),
    "tiny_mcn+flow": ("mcn_flow", "mcn_r3d_flow"),
    "tiny_cmc": ("cmc", "cmc_r3d"),
    "tiny_mcn_plus": ("mcn_plus",),
    "mcn": ("mcn_flow",),
    "mcn_r3d": ("mcn_r3d_flow",),
}
"""Recipes, and the rows of others that their results may fill: smaller ones, and those of other views."""
FINETUNE_BATCH = {"r2plus1d_18": 72, "r3d_18": 200, "s3d": 288}
"""Videos in a step of fine-tuning: section 4.1; for S3D, on which it is silent, what takes as much memory."""
FOLDERS = {"UCF101": "UCF-101", "HMDB51": "HMDB51", "Kinetics-400": "kinetics400"}
"""What the data sets are called in commands."""


def get(number: int, rows: Sequence[str] = ()) -> PaperTable:
    """A table of the paper, with all our rows or only some.

    Raises:
        UsageError: there is no such table, or it has no such row; names what exists.
    """
    if number not in TABLES:
        raise UsageError(f"there is no table {number}: the paper has tables {min(TABLES)} to {max(TABLES)}")
    table = TABLES[number]
    known = [row.recipe for row in table.rows]
    for name in rows:
        if name not in known:
            raise UsageError(f"Table {number} has no row '{name}' of ours: {nearest(name, known)}")
    if not rows:
        return table
    printed = tuple(row for row in table.printed if row.recipe in rows)
    return replace(table, printed=printed, extra=tuple(name for name in table.extra if name in rows))


def recipe_of(row: Row, scale: Scale) -> Recipe:
    """The recipe that makes a row."""
    recipe = recipes.get(row.recipe)
    return tiny(recipe) if scale == "tiny" else recipe


def settings_of(table: PaperTable, recipe: Recipe, scale: Scale) -> Finetune | LinearProbe | None:
    """How a row is measured; fine-tuning at the small scale is that of `results/make.sh`."""
    if table.task == "finetune":
        if scale == "tiny":
            return Finetune(epochs=12, batch_size=16, dropout=0.0)
        return Finetune(batch_size=FINETUNE_BATCH.get(recipe.backbone.name, Finetune.batch_size))
    return LinearProbe() if table.task == "linear" else None


def run_name(table: PaperTable, row: Row) -> str:
    """The folder that the commands give a row's run."""
    return row.recipe if table.pretrain == "UCF101" else f"{row.recipe}_kinetics"


def shows_flow(table: PaperTable) -> bool:
    """Whether its networks are trained and measured with flow."""
    return "flow" in table.view


def flow_command(data: str) -> str:
    """What makes the flow of one of the table's sets."""
    return f"kinema data flow {FOLDERS[data]} --out flow/{FOLDERS[data]}"


def pretrain_command(table: PaperTable, row: Row) -> str:
    """What makes the run of a row at the paper's scale."""
    shown = f" --flow flow/{FOLDERS[table.pretrain]}" if shows_flow(table) else ""
    return f"kinema pretrain {row.recipe} --data {FOLDERS[table.pretrain]}{shown} --out runs/{run_name(table, row)}"


def measure_command(table: PaperTable, row: Row, data: str) -> str:
    """What measures the run on one of the table's sets."""
    verb = {"retrieval": "retrieve"}.get(table.task, table.task)
    command = f"kinema {verb} runs/{run_name(table, row)} --data {FOLDERS[data]}"
    if shows_flow(table):
        command += f" --view {table.view} --flow flow/{FOLDERS[data]}"
    settings = settings_of(table, recipes.get(row.recipe), "paper")
    if isinstance(settings, Finetune) and settings.batch_size != Finetune.batch_size:
        command += f" --finetune.batch-size {settings.batch_size}"
    return command
