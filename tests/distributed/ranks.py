"""What each of several processes computes of one step, beside what one process does: run as a program by the tests.

    python ranks.py OUT NAME...     RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment

Rank 0 writes OUT, a dictionary of what came out for each case.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "methods"))

from cases import CASES, batch, build, step

from kinema import distributed
from kinema.batch import Batch, Enqueue, Outcome, Write
from kinema.methods.ranks import make_ready, put_together
from kinema.settings import Meta

META = {
    f"mcn-order{order}-{form}": replace(CASES["mcn"].method, meta=Meta(order=order, form=form, support_loss_weight=0.5))
    for order, form in ((0, "graph"), (1, "graph"), (2, "graph"), (2, "hvp"))
}
EVERY = (
    CASES
    | {name: replace(CASES["mcn"], method=method) for name, method in META.items()}
    | {
        "mcn-in-batch": replace(
            CASES["mcn"],
            method=replace(CASES["mcn"].method, contrast=replace(CASES["mcn"].method.contrast, source="batch")),
        ),
        "dualvar-moco": replace(CASES["dualvar"], method=replace(CASES["dualvar"].method, base="moco")),
        "recomputed": replace(
            CASES["mcn"],
            method=META["mcn-order2-graph"],
            train=replace(CASES["mcn"].train, checkpoint_activations=True),
        ),
    }
)
"""Every method, every form of MCN's step, and contrasts within the batch."""

TASKS = 2
APART = {
    f"apart-{name}-{order}": replace(
        CASES[name],
        method=replace(CASES[name].method, meta=Meta(order=order, form=form, reduce="per_rank")),
        train=replace(CASES[name].train, batch_size=8 if name == "mcn" else 4),
    )
    for name in ("mcn", "moco")
    for order, form in ((1, "graph"), (2, "hvp"))
}
"""Each rank a task of its own; for two ranks."""


def shown_to(method, seed):
    """A batch for the method, in float64."""
    given = batch(method, seed)
    return replace(given, dice=given.dice.double())


def part(whole, rank, ranks, *, halves):
    """A rank's videos of a batch: its share of it, or of each of the two halves."""
    if not halves:
        size = len(whole) // ranks
        return replace(whole.rows(rank * size, (rank + 1) * size), rank=rank, ranks=ranks)
    support, query = (part(half, rank, ranks, halves=False) for half in whole.halves())
    both = [torch.cat(pair) for pair in zip(tensors(support), tensors(query), strict=True)]
    return Batch(*both, rank=rank, ranks=ranks)


def tensors(given):
    return given.clips, given.extent, given.dice, given.video, given.target


def take_steps(method, loss, steps=2):
    """Two steps of SGD; what each came to, and the state it left. `loss` is of a step, to differentiate and to know."""
    optim, found = torch.optim.SGD(method.parameters(), lr=0.05), {}
    for number in range(steps):
        total, outcome = loss(number)
        optim.zero_grad()
        total.backward()
        weights = [weight for weight in method.parameters() if weight.grad is not None]
        for weight, grad in zip(weights, distributed.averaged([weight.grad for weight in weights]), strict=True):
            weight.grad = grad
        found[f"loss {number}"] = outcome.total.detach()
        found |= {f"{name} {number}": value for name, value in outcome.terms.items()}
        if number == 0:
            found |= {f"gradient {name}": p.grad.clone() for name, p in method.named_parameters() if p.grad is not None}
        torch.nn.utils.clip_grad_norm_(method.parameters(), 0.5)  # so that two steps of noise stay comparable
        optim.step()
        method.commit(outcome.writes)
    return found | {name: value.clone() for name, value in method.state_dict().items()}


def on_a_rank(method, place):
    """The loss of this rank's part of a step, as training takes it."""
    apart = make_ready(method)

    def loss(number):
        shown = part(shown_to(method, number), place.rank, place.size, halves=method.split is not None)
        if not apart:
            outcome = method.loss(shown, step(number, epoch=1))
            return outcome.total, outcome
        own = method.loss(replace(shown, rank=0, ranks=1), step(number, epoch=1, task=place.rank))
        return own.total, put_together(own)

    return loss


def task_after_task(method):
    """What ranks apart compute together, by one process that takes their parts one after the other."""

    def loss(number):
        whole = shown_to(method, number)
        outcomes = []
        for task in range(TASKS):
            shown = replace(part(whole, task, TASKS, halves=True), rank=0, ranks=1)
            outcomes.append(method.loss(shown, step(number, epoch=1, task=task)))
        total = sum(outcome.total for outcome in outcomes) / TASKS
        terms = {name: sum(each.terms[name] for each in outcomes) / TASKS for name in outcomes[0].terms}
        return total, Outcome(total, terms, tuple(map(of_all, *(each.writes for each in outcomes))))

    return loss


def of_all(*writes):
    first = writes[0]
    if isinstance(first, Enqueue):
        return Enqueue(first.queue, {name: torch.cat([each.rows[name] for each in writes]) for name in first.rows})
    if first.rows is not None:
        return Write(
            first.buffer, torch.cat([each.value for each in writes]), torch.cat([each.rows for each in writes])
        )
    if not first.value.is_floating_point():
        return first
    return Write(first.buffer, sum(each.value for each in writes) / len(writes))


def alike(everyones):
    """1 if what all ranks found is the same to the bit."""
    first, *others = everyones
    same = all(torch.equal(value, other[name]) for other in others for name, value in first.items())
    return torch.tensor(float(same and all(first.keys() == other.keys() for other in others)))


def in_float64():
    """So that a difference is one of meaning, not of rounding; for the whole process."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double


def main(out, *names):
    in_float64()
    with distributed.joined(torch.device("cpu")) as place:
        found = {}
        for name in names:
            method = build((EVERY | APART)[name]).double()
            alone = name in APART and place.size == 1
            mine = take_steps(method, task_after_task(method) if alone else on_a_rank(method, place))
            found[name] = mine | {"alike": alike(distributed.everyones(mine))}
        if place.rank == 0:
            torch.save(found, out)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
