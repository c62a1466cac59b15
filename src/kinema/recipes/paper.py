"""The size of the paper (section 4.1): MCN and its baseline on three backbones, for Tables 1, 2, 6, 7 and 8.

The costs in the docstrings are estimates. Memory: activations that autograd keeps in fp32, measured for each network at
3 x 32 x 128 x 128 (R(2+1)D-18 1,249 MiB a clip, R3D-18 421, S3D 305), for both views of a batch; first order holds one
stage at a time. Weights and optimiser add less than 1 GiB, and bf16, the default on a GPU, takes less. Work: the
forward pass (211.7, 212.6 and 23.5 GFLOP a clip, by torch's counter), three times for forward and backward, for two
views of every video in every epoch. Hours are that work at 40 TFLOP/s, which is assumed and not measured; S3D, whose
convolutions are thin, is likely to stay further below it.
"""

from __future__ import annotations

from kinema.settings import CMC, MCN, Backbone, Clip, Recipe, Train


def paper(
    recipe: str, method: MCN | CMC, backbone: str = "r2plus1d_18", *, batch_size: int = 28, frames: int = 32
) -> Recipe:
    """A recipe of section 4.1: clips at 128 x 128, 500 epochs, SGD at 0.01 with weight decay 1e-3."""
    train = Train(epochs=500, batch_size=batch_size)
    return Recipe(recipe, method, clip=Clip(frames=frames), backbone=Backbone(backbone), train=train)


def mcn() -> Recipe:
    """MCN, R(2+1)D-18, 32 frames of 128 x 128, 500 epochs of batch 28.

    kinema pretrain mcn --data UCF-101 --out runs/mcn
    kinema finetune runs/mcn --data UCF-101
    kinema finetune runs/mcn --data HMDB51
    kinema linear runs/mcn --data UCF-101
    kinema linear runs/mcn --data HMDB51

    After Kinetics-400 (240,000 videos), and then fine-tuned in the same way:

    kinema pretrain mcn --data kinetics400 --out runs/mcn_kinetics

    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours; on Kinetics-400 152.4 EFLOP, 1058 hours.
    Paper, UCF101 / HMDB51: fine-tuned 84.8 / 54.5 (Tables 1, 3, 4, 5, 7); probe 72.4 / 41.2 (Table 2; 42.2 in
    Table 6); after Kinetics-400 89.2 / 58.8 (Table 8). kinema has not run it at this size yet.
    """
    return paper("mcn", MCN())


def cmc() -> Recipe:
    """The baseline (CMC of RGB and residual clips), otherwise as `mcn`.

    kinema pretrain cmc --data UCF-101 --out runs/cmc
    kinema finetune runs/cmc --data UCF-101
    kinema finetune runs/cmc --data HMDB51
    kinema linear runs/cmc --data UCF-101
    kinema linear runs/cmc --data HMDB51

    Cost: 68.3 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, UCF101 / HMDB51: fine-tuned 77.3 / 46.2 (Tables 1, 4, and 5 as "CL"); probe 64.2 / 35.6 (Table 2). kinema has
    not run it at this size yet.
    """
    return paper("cmc", CMC())


def mcn_r3d() -> Recipe:
    """MCN, R3D-18, 32 frames of 128 x 128, 500 epochs of batch 80.

    kinema pretrain mcn_r3d --data UCF-101 --out runs/mcn_r3d
    kinema finetune runs/mcn_r3d --data UCF-101 --finetune.batch-size 200
    kinema finetune runs/mcn_r3d --data HMDB51 --finetune.batch-size 200
    kinema linear runs/mcn_r3d --data UCF-101
    kinema linear runs/mcn_r3d --data HMDB51

    After Kinetics-400 (240,000 videos), and then fine-tuned in the same way:

    kinema pretrain mcn_r3d --data kinetics400 --out runs/mcn_r3d_kinetics

    Cost: 65.8 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours; on Kinetics-400 153.1 EFLOP, 1063 hours.
    Paper, UCF101 / HMDB51: fine-tuned 85.4 / 54.8 (Tables 1, 7); probe 73.1 / 42.9 (Tables 2, 6); after Kinetics-400
    89.7 / 59.3 (Table 8). kinema has not run it at this size yet.
    """
    return paper("mcn_r3d", MCN(), "r3d_18", batch_size=80)


def cmc_r3d() -> Recipe:
    """The baseline, otherwise as `mcn_r3d`.

    kinema pretrain cmc_r3d --data UCF-101 --out runs/cmc_r3d
    kinema finetune runs/cmc_r3d --data UCF-101 --finetune.batch-size 200
    kinema finetune runs/cmc_r3d --data HMDB51 --finetune.batch-size 200
    kinema linear runs/cmc_r3d --data UCF-101
    kinema linear runs/cmc_r3d --data HMDB51

    Cost: 65.8 GiB; on UCF101 (9,537 videos) 6.1 EFLOP, 42 hours.
    Paper, UCF101 / HMDB51: fine-tuned 78.6 / 47.1 (Table 1); probe 64.6 / 37.3 (Table 2). kinema has not run it at this
    size yet.
    """
    return paper("cmc_r3d", CMC(), "r3d_18", batch_size=80)


def mcn_s3d() -> Recipe:
    """MCN, S3D, 32 frames of 128 x 128, 500 epochs of batch 112.

    kinema pretrain mcn_s3d --data UCF-101 --out runs/mcn_s3d
    kinema finetune runs/mcn_s3d --data UCF-101 --finetune.batch-size 288
    kinema finetune runs/mcn_s3d --data HMDB51 --finetune.batch-size 288
    kinema linear runs/mcn_s3d --data UCF-101
    kinema linear runs/mcn_s3d --data HMDB51

    The paper gives no batch size for S3D: 112 (and 288 in fine-tuning) fill as much memory as 28 (and 72) do with
    R(2+1)D-18, and divide by its four GPUs and by the groups of four.
    Cost: 66.7 GiB; on UCF101 (9,537 videos) 0.7 EFLOP, 5 hours.
    Paper, UCF101 / HMDB51: fine-tuned 82.9 / 53.8 (Table 1); probe 71.6 / 40.8 (Table 2). kinema has not run it at this
    size yet.
    """
    return paper("mcn_s3d", MCN(), "s3d", batch_size=112)


def cmc_s3d() -> Recipe:
    """The baseline, otherwise as `mcn_s3d`.

    kinema pretrain cmc_s3d --data UCF-101 --out runs/cmc_s3d
    kinema finetune runs/cmc_s3d --data UCF-101 --finetune.batch-size 288
    kinema finetune runs/cmc_s3d --data HMDB51 --finetune.batch-size 288
    kinema linear runs/cmc_s3d --data UCF-101
    kinema linear runs/cmc_s3d --data HMDB51

    The paper gives no batch size for S3D: see `mcn_s3d`.
    Cost: 66.7 GiB; on UCF101 (9,537 videos) 0.7 EFLOP, 5 hours.
    Paper, UCF101 / HMDB51: fine-tuned 76.7 / 45.5 (Table 1); probe 62.4 / 33.5 (Table 2). kinema has not run it at this
    size yet.
    """
    return paper("cmc_s3d", CMC(), "s3d", batch_size=112)
