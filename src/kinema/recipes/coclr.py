"""CoCLR at the size of its paper, S3D on UCF101: a chain of runs, each stream beginning with InfoNCE.

    kinema data flow UCF-101 --out flow/UCF-101
    kinema pretrain coclr_infonce --data UCF-101 --out runs/coclr_infonce
    kinema pretrain coclr_infonce_flow --data UCF-101 --flow flow/UCF-101 --out runs/coclr_infonce_flow
    kinema pretrain coclr --data UCF-101 --flow flow/UCF-101 --init-from runs/coclr_infonce \\
        --method.oracle runs/coclr_infonce_flow --out runs/coclr
    kinema pretrain coclr_flow --data UCF-101 --flow flow/UCF-101 --init-from runs/coclr_infonce_flow \\
        --method.oracle runs/coclr --out runs/coclr_flow

The last two are the first of the paper's two cycles. The second goes on from them, each stream with the newest network
of the other for its oracle:

    kinema pretrain coclr --data UCF-101 --flow flow/UCF-101 --init-from runs/coclr \\
        --method.oracle runs/coclr_flow --out runs/coclr_2
    kinema pretrain coclr_flow --data UCF-101 --flow flow/UCF-101 --init-from runs/coclr_flow \\
        --method.oracle runs/coclr_2 --out runs/coclr_flow_2

A run keeps its oracle's weights, so it can be resumed without the run that they came from.
"""

from __future__ import annotations

from dataclasses import replace

from kinema.settings import Augment, Backbone, CoCLR, Optim, Recipe, Train

# Adam at 1e-3, divided by ten at epochs 250 and 280 of 300; batches of 32 on each of two GPUs.
INFONCE = Recipe(
    augment=Augment(grey=0.2),
    backbone=Backbone("s3d_coclr"),
    optim=Optim("adam", lr=1e-3, weight_decay=1e-5, milestones=(250 / 300, 280 / 300), gamma=0.1),
    train=Train(epochs=300, batch_size=64),
)
# And a stage with an oracle 100 epochs, divided by ten at 80.
STAGE = replace(INFONCE, optim=replace(INFONCE.optim, milestones=(0.8,)), train=replace(INFONCE.train, epochs=100))


def coclr_infonce() -> Recipe:
    """CoCLR's first stage, InfoNCE on RGB, 300 epochs.

    kinema pretrain coclr_infonce --data UCF-101 --out runs/coclr_infonce
    kinema retrieve runs/coclr_infonce --data UCF-101

    Its repository, UCF101: R@1 33.1, linear probe 46.8. kinema has not run it at this size yet.
    """
    return replace(INFONCE, recipe="coclr_infonce", method=CoCLR())


def coclr_infonce_flow() -> Recipe:
    """InfoNCE on flow.

    kinema pretrain coclr_infonce_flow --data UCF-101 --flow flow/UCF-101 --out runs/coclr_infonce_flow
    kinema retrieve runs/coclr_infonce_flow --data UCF-101 --flow flow/UCF-101

    Its repository, UCF101, both parts of flow: R@1 45.2. kinema has not run it at this size yet.
    """
    return replace(INFONCE, recipe="coclr_infonce_flow", method=CoCLR(stream="flow"))


def coclr() -> Recipe:
    """RGB with positives by the network on flow, 100 epochs.

    kinema pretrain coclr --data UCF-101 --flow flow/UCF-101 --init-from runs/coclr_infonce \\
        --method.oracle runs/coclr_infonce_flow --out runs/coclr
    kinema retrieve runs/coclr --data UCF-101
    kinema linear runs/coclr --data UCF-101
    kinema finetune runs/coclr --data UCF-101

    On Kinetics-400 it is 50 epochs, 16,384 rows and no siblings.
    Paper, UCF101 after two cycles: R@1 53.3 (MCN's Table 9), which its repository corrected to 51.8; linear probe 70.2,
    fine-tuned 81.4. kinema has not run it at this size yet.
    """
    return replace(STAGE, recipe="coclr", method=CoCLR(oracle="runs/coclr_infonce_flow", siblings=True))


def coclr_flow() -> Recipe:
    """Flow with positives by the network on RGB that the stage before has made.

    kinema pretrain coclr_flow --data UCF-101 --flow flow/UCF-101 --init-from runs/coclr_infonce_flow \\
        --method.oracle runs/coclr --out runs/coclr_flow
    kinema retrieve runs/coclr_flow --data UCF-101 --flow flow/UCF-101

    Its repository, UCF101 after two cycles, both parts of flow: R@1 48.4. kinema has not run it at this size yet.
    """
    return replace(STAGE, recipe="coclr_flow", method=CoCLR(stream="flow", oracle="runs/coclr", siblings=True))
