"""CoCLR sized as `tiny_mcn` for two CPU cores: a chain of runs, one cycle.

    kinema data flow DATA --out FLOW --short-side 128
    kinema pretrain tiny_coclr_infonce --data DATA --out runs/tiny_coclr_infonce
    kinema pretrain tiny_coclr_infonce_flow --data DATA --flow FLOW --out runs/tiny_coclr_infonce_flow
    kinema pretrain tiny_coclr --data DATA --flow FLOW --init-from runs/tiny_coclr_infonce \\
        --method.oracle runs/tiny_coclr_infonce_flow --out runs/tiny_coclr
    kinema pretrain tiny_coclr_flow --data DATA --flow FLOW --init-from runs/tiny_coclr_infonce_flow \\
        --method.oracle runs/tiny_coclr --out runs/tiny_coclr_flow

A stream has 24 epochs of InfoNCE and 16 with an oracle: 40 as other tiny recipes have, divided as the paper's 300 and
2 x 100. What the network of the other stream has seen is not counted in that.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from kinema.recipes.tiny import TINY
from kinema.recipes.tiny_momentum import MOMENTUM, QUEUE
from kinema.settings import CoCLR, Recipe


def tiny_coclr_infonce() -> Recipe:
    """InfoNCE on RGB, 24 epochs; otherwise as `tiny_moco`.

    kinema pretrain tiny_coclr_infonce --data DATA --out runs/tiny_coclr_infonce
    """
    return _stage("tiny_coclr_infonce", epochs=24)


def tiny_coclr_infonce_flow() -> Recipe:
    """InfoNCE on flow, 24 epochs.

    kinema pretrain tiny_coclr_infonce_flow --data DATA --flow FLOW --out runs/tiny_coclr_infonce_flow
    """
    return _stage("tiny_coclr_infonce_flow", epochs=24, stream="flow")


def tiny_coclr() -> Recipe:
    """RGB with positives by the network on flow, 16 epochs; their first 32 steps fill the queue.

    kinema pretrain tiny_coclr --data DATA --flow FLOW --init-from runs/tiny_coclr_infonce \\
        --method.oracle runs/tiny_coclr_infonce_flow --out runs/tiny_coclr

    A set's groups may be people, who do many things, so there are no siblings.
    """
    return _stage("tiny_coclr", epochs=16, oracle="runs/tiny_coclr_infonce_flow")


def tiny_coclr_flow() -> Recipe:
    """Flow with positives by the network on RGB, 16 epochs.

    kinema pretrain tiny_coclr_flow --data DATA --flow FLOW --init-from runs/tiny_coclr_infonce_flow \\
        --method.oracle runs/tiny_coclr --out runs/tiny_coclr_flow
    """
    return _stage("tiny_coclr_flow", epochs=16, stream="flow", oracle="runs/tiny_coclr")


def _stage(recipe: str, *, epochs: int, stream: Literal["rgb", "flow"] = "rgb", oracle: str | None = None) -> Recipe:
    method = CoCLR(stream=stream, oracle=oracle, projection="linear_bn", queue=QUEUE, momentum=MOMENTUM)
    return replace(TINY, recipe=recipe, method=method, train=replace(TINY.train, epochs=epochs))
