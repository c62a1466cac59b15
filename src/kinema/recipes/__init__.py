"""Recipes: functions that return a whole `Recipe`. Their docstrings give the command, the cost and what to expect.

`RECIPES` is the only table; `kinema list recipes` prints it, each file's recipes under the first line of the file.
"""

import inspect
import sys
from collections.abc import Callable

from kinema.errors import UsageError, nearest
from kinema.recipes import (
    ablations,
    coclr,
    contrastive,
    demo,
    dense,
    flow,
    momentum,
    order,
    pace,
    paper,
    plus,
    pretext,
    tclr,
    tiny,
    tiny_coclr,
    tiny_contrastive,
    tiny_dense,
    tiny_momentum,
    tiny_order,
    tiny_pace,
    tiny_pretext,
    tiny_tclr,
)
from kinema.settings import Recipe

RECIPES: dict[str, Callable[[], Recipe]] = {
    "mcn": paper.mcn,
    "cmc": paper.cmc,
    "mcn_r3d": paper.mcn_r3d,
    "cmc_r3d": paper.cmc_r3d,
    "mcn_s3d": paper.mcn_s3d,
    "cmc_s3d": paper.cmc_s3d,
    "mcn_alpha01": ablations.mcn_alpha01,
    "mcn_alpha03": ablations.mcn_alpha03,
    "mcn_alpha04": ablations.mcn_alpha04,
    "mcn_16f": ablations.mcn_16f,
    "cmc_16f": ablations.cmc_16f,
    "mcn_64f": ablations.mcn_64f,
    "cmc_64f": ablations.cmc_64f,
    "mcn_one_stage": ablations.mcn_one_stage,
    "mcn_flow": flow.mcn_flow,
    "mcn_r3d_flow": flow.mcn_r3d_flow,
    "mcn_plus": plus.mcn_plus,
    "simclr": contrastive.simclr,
    "iic": contrastive.iic,
    "iic_shuffle": contrastive.iic_shuffle,
    "dualvar": contrastive.dualvar,
    "dualvar_moco": contrastive.dualvar_moco,
    "tclr": tclr.tclr,
    "tiny_mcn": tiny.tiny_mcn,
    "tiny_mcn_plus": tiny.tiny_mcn_plus,
    "tiny_cmc": tiny.tiny_cmc,
    "tiny_simclr": tiny_contrastive.tiny_simclr,
    "tiny_mcn_simclr": tiny_contrastive.tiny_mcn_simclr,
    "tiny_iic": tiny_contrastive.tiny_iic,
    "tiny_mcn_iic": tiny_contrastive.tiny_mcn_iic,
    "tiny_dualvar": tiny_contrastive.tiny_dualvar,
    "tiny_dualvar_moco": tiny_contrastive.tiny_dualvar_moco,
    "dpc": dense.dpc,
    "memdpc": dense.memdpc,
    "tiny_dpc": tiny_dense.tiny_dpc,
    "tiny_memdpc": tiny_dense.tiny_memdpc,
    "moco": momentum.moco,
    "moco_kinetics": momentum.moco_kinetics,
    "byol": momentum.byol,
    "tiny_byol": tiny_momentum.tiny_byol,
    "swav": momentum.swav,
    "tiny_swav": tiny_momentum.tiny_swav,
    "rspnet": momentum.rspnet,
    "tiny_rspnet": tiny_momentum.tiny_rspnet,
    "tiny_moco": tiny_momentum.tiny_moco,
    "tiny_mcn_moco": tiny_momentum.tiny_mcn_moco,
    "tiny_tclr": tiny_tclr.tiny_tclr,
    "rotnet": pretext.rotnet,
    "stpuzzle": pretext.stpuzzle,
    "jigsaw": pretext.jigsaw,
    "prp": pretext.prp,
    "mars": pretext.mars,
    "tiny_rotnet": tiny_pretext.tiny_rotnet,
    "tiny_stpuzzle": tiny_pretext.tiny_stpuzzle,
    "tiny_jigsaw": tiny_pretext.tiny_jigsaw,
    "tiny_prp": tiny_pretext.tiny_prp,
    "vcop": order.vcop,
    "opn": order.opn,
    "pace": pace.pace,
    "pace_contrast": pace.pace_contrast,
    "speednet": pace.speednet,
    "vcp": order.vcp,
    "pcl": order.pcl,
    "pcl_vcop": order.pcl_vcop,
    "tiny_vcop": tiny_order.tiny_vcop,
    "tiny_opn": tiny_order.tiny_opn,
    "tiny_pace": tiny_pace.tiny_pace,
    "tiny_pace_contrast": tiny_pace.tiny_pace_contrast,
    "tiny_speednet": tiny_pace.tiny_speednet,
    "tiny_vcp": tiny_order.tiny_vcp,
    "tiny_pcl": tiny_order.tiny_pcl,
    "coclr_infonce": coclr.coclr_infonce,
    "coclr_infonce_flow": coclr.coclr_infonce_flow,
    "coclr": coclr.coclr,
    "coclr_flow": coclr.coclr_flow,
    "tiny_coclr_infonce": tiny_coclr.tiny_coclr_infonce,
    "tiny_coclr_infonce_flow": tiny_coclr.tiny_coclr_infonce_flow,
    "tiny_coclr": tiny_coclr.tiny_coclr,
    "tiny_coclr_flow": tiny_coclr.tiny_coclr_flow,
    "tiny_mars": tiny_pretext.tiny_mars,
    "demo_mcn": demo.demo_mcn,
    "demo_cmc": demo.demo_cmc,
}


def get(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        UsageError: there is none; names the nearest.
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe '{name}': {nearest(name, list(RECIPES), '`kinema list recipes`')}")
    return RECIPES[name]()


def headings() -> dict[str, list[str]]:
    """The recipes' names by what the file they stand in says of itself in its first line."""
    groups: dict[str, list[str]] = {}
    for name, make in RECIPES.items():
        said = sys.modules[make.__module__].__doc__ or make.__module__
        groups.setdefault(said.splitlines()[0].rstrip("."), []).append(name)
    return groups


def said(name: str) -> str:
    """All that a recipe says of itself: its command, what it costs and what to expect."""
    return inspect.getdoc(RECIPES[name]) or ""


def first_line(name: str) -> str:
    """What a recipe says of itself in the first line of its docstring."""
    return (RECIPES[name].__doc__ or "").partition("\n")[0]
