"""The size of the paper: what MCN's parts are worth, for Tables 3, 4 and 5, with R(2+1)D-18 on UCF101.

Rows that are missing here are recipes of `kinema.recipes.paper`: alpha 0.2, 32 frames and "CL + BL + meta stages" are
`mcn`, and "CL" is `cmc`. Costs are estimated as it says there; memory and work grow with the number of frames.
"""

from __future__ import annotations

from kinema.recipes.paper import paper
from kinema.settings import CMC, MCN, Meta, Recipe


def mcn_alpha01() -> Recipe:
    """`mcn` with alpha 0.1: pair classification weighs 0.1, contrast 0.9.

    kinema pretrain mcn_alpha01 --data UCF-101 --out runs/mcn_alpha01
    kinema finetune runs/mcn_alpha01 --data UCF-101

    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, UCF101: fine-tuned 84.1 (Table 3). kinema has not run it at this size yet.
    """
    return paper("mcn_alpha01", MCN(alpha=0.1))


def mcn_alpha03() -> Recipe:
    """`mcn` with alpha 0.3.

    kinema pretrain mcn_alpha03 --data UCF-101 --out runs/mcn_alpha03
    kinema finetune runs/mcn_alpha03 --data UCF-101

    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, UCF101: fine-tuned 83.4 (Table 3). kinema has not run it at this size yet.
    """
    return paper("mcn_alpha03", MCN(alpha=0.3))


def mcn_alpha04() -> Recipe:
    """`mcn` with alpha 0.4.

    kinema pretrain mcn_alpha04 --data UCF-101 --out runs/mcn_alpha04
    kinema finetune runs/mcn_alpha04 --data UCF-101

    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, UCF101: fine-tuned 82.7 (Table 3). kinema has not run it at this size yet.
    """
    return paper("mcn_alpha04", MCN(alpha=0.4))


def mcn_16f() -> Recipe:
    """`mcn` on 16 frames.

    kinema pretrain mcn_16f --data UCF-101 --out runs/mcn_16f
    kinema finetune runs/mcn_16f --data UCF-101

    Cost: 34.2 GiB; on UCF101 (9,537 videos) 3.0 EFLOP, 21 hours.
    Paper, UCF101: fine-tuned 81.3 (Table 4). kinema has not run it at this size yet.
    """
    return paper("mcn_16f", MCN(), frames=16)


def cmc_16f() -> Recipe:
    """`cmc` on 16 frames.

    kinema pretrain cmc_16f --data UCF-101 --out runs/cmc_16f
    kinema finetune runs/cmc_16f --data UCF-101

    Cost: 34.2 GiB; on UCF101 (9,537 videos) 3.0 EFLOP, 21 hours.
    Paper, UCF101: fine-tuned 74.6 (Table 4). kinema has not run it at this size yet.
    """
    return paper("cmc_16f", CMC(), frames=16)


def mcn_64f() -> Recipe:
    """`mcn` on 64 frames.

    kinema pretrain mcn_64f --data UCF-101 --out runs/mcn_64f
    kinema finetune runs/mcn_64f --data UCF-101

    The paper gives one batch size for all lengths; at 64 frames it would not fit the paper's four 24 GB GPUs.
    Cost: 136.6 GiB; on UCF101 (9,537 videos) 12.1 EFLOP, 84 hours.
    Paper, UCF101: fine-tuned 86.7 (Table 4). kinema has not run it at this size yet.
    """
    return paper("mcn_64f", MCN(), frames=64)


def cmc_64f() -> Recipe:
    """`cmc` on 64 frames.

    kinema pretrain cmc_64f --data UCF-101 --out runs/cmc_64f
    kinema finetune runs/cmc_64f --data UCF-101

    Cost: 136.6 GiB; on UCF101 (9,537 videos) 12.1 EFLOP, 84 hours.
    Paper, UCF101: fine-tuned 80.6 (Table 4). kinema has not run it at this size yet.
    """
    return paper("cmc_64f", CMC(), frames=64)


def mcn_one_stage() -> Recipe:
    """`mcn` without meta stages ("CL + BL"): the same loss on plain batches.

    kinema pretrain mcn_one_stage --data UCF-101 --out runs/mcn_one_stage
    kinema finetune runs/mcn_one_stage --data UCF-101

    At equal epochs it takes twice as many gradient steps as `mcn`, whose steps read two batches.
    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, UCF101: fine-tuned 79.2 (Table 5). kinema has not run it at this size yet.
    """
    return paper("mcn_one_stage", MCN(meta=Meta(order=0)))
