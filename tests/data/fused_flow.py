"""What a GPU's flow kernels do, told without one: by Triton's interpreter, and by its compiler.

python fused_flow.py interpret    as JSON, how far they are from torch, with TRITON_INTERPRET=1 in the environment
python fused_flow.py compile      as JSON, what each became for each kind of GPU
"""

import functools
import json
import sys
from types import SimpleNamespace

import torch
import triton

from kinema.batch import generator
from kinema.data import flow, flow_fused
from kinema.data.median import median

TIMES, GOING = 5, torch.tensor([1, 0, 1], dtype=torch.int32)
NUMBERS = flow.LAMBDA * flow.THETA, flow.THETA, flow.TAU / flow.THETA


def apart(found, truth):
    """The largest difference, and whether there is anything to differ."""
    return {"apart": float((found - truth).abs().max()), "size": float(truth.abs().max())}


def medians():
    """Of planes with equal values, whose 99 pixels do not fill four blocks of 32; the second pair is not going."""
    planes = torch.randint(-20, 20, (2, 3, 11, 9), generator=generator("planes")).float()
    found = planes.clone()
    flow_fused.median(found, GOING, block=32)
    kept = GOING.bool()
    return {**apart(found[:, kept], median(planes)[:, kept]), "idle": apart(found[:, ~kept], planes[:, ~kept])["apart"]}


def problem_and_state(*, pairs=3):
    """One of [2, pairs, 14, 19], whose 266 pixels do not fill five blocks of 64."""
    rng, shape = generator("iterations"), (2, pairs, 14, 19)
    slope = torch.randn(shape, generator=rng)
    problem = flow.Linearised(slope, slope / 9, torch.randn(shape[1:], generator=rng) / 30)
    flat = torch.zeros(2, pairs, 14, 20), torch.zeros(2, pairs, 15, 19)
    return problem, flow.State(torch.randn(shape, generator=rng), *flat)


def iterations():
    """Of three pairs of which the second is not going."""
    problem, before = problem_and_state()
    truth, own = (flow.State(*(value.clone() for value in before)) for _ in range(2))
    going = flow_fused.relax(*own, *problem, GOING, *NUMBERS, still=0.0, times=TIMES, block=64)
    for _ in range(TIMES):
        truth = truth._replace(flow=flow.iteration(problem, truth)[0])
    kept = GOING.bool()
    told = {name: apart(getattr(own, name)[:, kept], getattr(truth, name)[:, kept]) for name in own._fields}
    idle = max(float((one - other)[:, ~kept].abs().max()) for one, other in zip(own, before, strict=True))
    return {**told, "idle": idle, "going": going.tolist()}


def rest():
    """Of two pairs the one that an iteration moves by less than `still` stops after it, and the other goes on."""
    problem, before = problem_and_state(pairs=2)
    state = flow.State(*(value.clone() for value in before))
    first, moved = flow.iteration(problem, state)
    total = (moved * 14 * 19).tolist()
    assert total[0] != total[1]
    quiet = total.index(min(total))
    own = flow.State(*(value.clone() for value in before))
    both = torch.ones(2, dtype=torch.int32)
    going = flow_fused.relax(*own, *problem, both, *NUMBERS, still=sum(total) / 2, times=1, block=64)
    after = flow_fused.relax(*own, *problem, going, *NUMBERS, still=0.0, times=3, block=64)
    stopped = apart(own.flow[:, quiet], first[:, quiet])
    on = apart(own.flow[:, 1 - quiet], first[:, 1 - quiet])
    return {"goes": going[1 - quiet].item(), "stops": going[quiet].item(), "later": after[quiet].item()} | {
        "stopped": stopped,
        "on": on,
    }


def whole():
    """The flow of three pairs, together and one alone, beside that of torch's loops; few scales and warps."""
    noise = torch.rand(40, 60, generator=generator("texture"))
    picture = torch.nn.functional.avg_pool2d(noise[None, None], 9, 1)[0, 0] * 900 - 320
    frames = torch.stack([picture[n : n + 24, 2 * n : 2 * n + 40] for n in range(4)])
    flow.SCALES, flow.WARPS, flow.OUTER = 2, 2, 2
    flow.kernels = lambda: None
    truth = flow.tvl1(frames[:-1], frames[1:])
    large = {name: functools.partial(getattr(flow_fused, name), block=1024) for name in ("median", "relax")}
    flow.iterate = functools.partial(flow.iterate_fused, SimpleNamespace(**large))
    found = flow.tvl1(frames[:-1], frames[1:])
    alone = flow.tvl1(frames[1:2], frames[2:3])
    return {**apart(found, truth), "alone": apart(found[1:2], alone)["apart"]}


def compiled():
    """Bytes of machine code of each kernel for an A100 (compute capability 8.0) and an H100 (9.0)."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    constant = {"BLOCK": flow_fused.BLOCK, "WHOLE": 64}
    kinds = {"going": "*i32", "after": "*i32", "blocks": "i32", "B": "i32", "H": "i32", "W": "i32"}
    kinds |= dict.fromkeys(("limit", "theta", "rate", "still"), "fp32") | dict.fromkeys(constant, "constexpr")
    told = {}
    for kernel in (flow_fused.move, flow_fused.spread, flow_fused.middle):
        for capability in (80, 90):
            signature = {name: kinds.get(name, "*fp32") for name in kernel.arg_names}
            values = {name: value for name, value in constant.items() if name in signature}
            source = ASTSource(fn=kernel, signature=signature, constexprs=values)
            made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=flow_fused.AS_TORCH)
            told[f"{kernel.__name__} {capability}"] = len(made.asm["cubin"])
    return told


if __name__ == "__main__":
    parts = (medians, iterations, rest, whole) if sys.argv[1] == "interpret" else (compiled,)
    print(json.dumps({part.__name__: part() for part in parts}))
