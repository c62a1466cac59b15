"""`kinema pretrain` as a function: from a list of videos and a recipe to a run's folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from kinema import distributed, recipes
from kinema.batch import generator
from kinema.data import decode, flow_folder, sources
from kinema.data.skip import read_skip
from kinema.engine import checkpoint
from kinema.engine.train import Progress, Trained, train
from kinema.errors import DataError, FlowError, NonFiniteLoss, UsageError
from kinema.long_enough import what_is_too_short
from kinema.looks import kept_looks
from kinema.machine import pick_device
from kinema.methods import ranks
from kinema.methods.base import Method
from kinema.own_data import describe
from kinema.probing import make_probe
from kinema.run import Run, begin, in_bf16
from kinema.run_folder import never_saved
from kinema.sampler import check_batch_size
from kinema.settings import MetaContrast, Recipe
from kinema.starting import begun, bring_oracle


def pretrain(
    recipe: Recipe | str,
    *,
    data: str | Path,
    out: str | Path,
    split: int = 1,
    skip: str | Path | None = None,
    flow: str | Path | None = None,
    resume: bool = False,
    init_from: str | Path | None = None,
    overwrite: bool = False,
    report: Callable[[Progress], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> tuple[Run, Trained]:
    """Learn a representation from the training videos of `data`, without labels.

    Args:
        recipe: a `Recipe`, or the name of one in `kinema.recipes`.
        data: a list, a folder of videos, or a known data set's folder; of one with a test part only train is read.
        out: the run's folder.
        split: for data sets that come in several.
        skip: a text file of paths to leave out, as `kinema data check` writes it.
        flow: the folder of the videos' optical flow, which becomes the second view (`kinema data flow` makes it).
        resume: go on from the last checkpoint in `out`.
        init_from: a run or checkpoint whose backbone to begin with, and CoCLR from one of CoCLR with its projection;
            everything else starts anew.
        overwrite: set aside what is in `out`.
        report: called after each training step.
        progress: called with (what, done, total) where something is done to every video before training.
        say: called with lines that a person may want to read.

    Raises:
        UsageError: something given cannot be used; nothing has been written then.
        DataError: a video cannot be read; `kinema data check` finds such videos beforehand.
        NonFiniteLoss: training met a loss that is not a number.
    """
    recipe = with_flow(recipes.get(recipe) if isinstance(recipe, str) else recipe, flow)
    decode.check_decoder()
    with distributed.joined(pick_device(recipe.train.device)) as place:
        if place.rank > 0:  # one process speaks
            report = progress = say = None
        say = say or (lambda line: None)
        if resume and (overwrite or init_from is not None):
            raise UsageError(
                "--resume goes on with the run in --out, so it goes with neither --init-from nor --overwrite: leave it "
                "or them out"
            )
        bad = read_skip(skip) if skip is not None else frozenset()
        listed = sources.read_source(data, split=split, skip=bad).train
        if skip is not None:
            say(f"{listed.skipped} of {listed.skipped + len(listed)} videos left out, as {skip} says")
        fields = None if flow is None else flow_folder.open_folder(flow)
        if fields is not None:
            fields.require(listed.videos)
        method = begun(recipe, listed.videos, init_from)
        check_batch_size(len(listed.videos), recipe.train.batch_size, method.split)
        ranks.apart(recipe)
        short = "" if resume else what_is_too_short(method, listed.videos)
        require_precision(recipe, Path(out) if resume else None)
        if recipe.train.compile and place.size > 1:
            raise UsageError("--train.compile is for one process: batch norm over several sends messages; leave it out")
        folder = Path(out)
        described = describe(listed, data, split, bad, fields)
        told = {"--resume": resume, "--overwrite": overwrite, "--init-from": init_from is not None}
        ranks.require_alike(recipe, described, told)
        again = resume and never_saved(folder)
        if not resume or again:  # a checkpoint has the oracle's weights
            bring_oracle(method, described.get("flow"))
        run = distributed.first(lambda: begin(folder, recipe, described, resume=resume, overwrite=overwrite))
        start = checkpoint.load_last(run.checkpoint.parent) if resume and not again else None
        if again:
            say(f"{folder} was stopped before its first checkpoint: it begins at the first step")
        say(summary(method, recipe, listed))
        if short:
            say(short)
        for line in (other_processes(run, recipe), other_precision(run, recipe)) if resume else ():
            if line:
                say(line)
        alike = recipe.train.batches == "look_alikes"
        steps = partial(
            train,
            method,
            listed.videos,
            recipe,
            folder,
            data=described,
            recipe_dict=json.loads(json.dumps(asdict(recipe))),
            flow=fields,
            probe=make_probe(method, recipe, listed, fields, say),
            report=report,
        )
        try:
            looks = kept_looks(run, recipe, listed, progress) if alike else None
            trained = retreating(partial(steps, appearance=looks), run, recipe.train.retreats, start, say)
        except FlowError:
            raise
        except DataError as problem:
            raise DataError(
                f"{problem}: `kinema data check {data} --bad FILE` lists all such videos for --skip"
            ) from None
        return run, trained


def retreating(
    steps: Callable[..., Trained],
    run: Run,
    retreats: int,
    start: checkpoint.Checkpoint | None,
    say: Callable[[str], None],
) -> Trained:
    """Train from `start` to the end; from a loss that is no number, again from the last checkpoint at half the rate.

    Raises:
        NonFiniteLoss: that has been done as often as `retreats` allows.
    """
    while True:
        try:
            return steps(start=start)
        except NonFiniteLoss as problem:
            taken = 1 + (start.retreats if start else 0)
            if taken > retreats:
                raise
            start = replace(checkpoint.load_last(run.checkpoint.parent), retreats=taken)
            say(f"{problem}; back to step {start.step} with 1/{2**taken} of the learning rate")


def with_flow(recipe: Recipe, flow: str | Path | None) -> Recipe:
    """The recipe with flow for its second view, if there is flow; its name then says so.

    Raises:
        UsageError: the recipe asks for flow, and there is none.
    """
    if flow is None:
        if recipe.method.flow:
            raise UsageError(f"{recipe.recipe} reads optical flow: give --flow DIR, made by `kinema data flow`")
        return recipe
    if recipe.method.flow:
        return recipe
    try:
        method = recipe.method.with_flow()
    except TypeError as problem:
        raise UsageError(f"--flow {flow}: {problem} that flow could be: leave --flow out") from None
    return replace(recipe, recipe=f"{recipe.recipe}+flow", method=method)


def other_processes(run: Run, recipe: Recipe) -> str:
    """What it means that a run goes on by another number of processes than it was begun by; nothing if it does not."""
    before, now = run.read("environment.json").get("processes", 1), distributed.size()
    if before == now:
        return ""
    batch = f"a step has {recipe.train.batch_size} videos as before"
    if isinstance(recipe.method, MetaContrast) and recipe.method.meta.reduce == "per_rank":
        batch += f", but is {now} tasks where it was {before}"
    return f"{run.folder} was begun by {before} processes and goes on by {now}: {batch}"


def require_precision(recipe: Recipe, begun: Path | None) -> None:
    """Refuse bf16 where it is not to be had; leaving the flag out would be another run than the one that was begun."""
    try:
        in_bf16(recipe)
    except UsageError as problem:
        if begun is None or Run(begun).recipe.train.precision != recipe.train.precision:
            raise
        raise UsageError(
            f"{begun} was begun in bf16, which is not to be had here: go on with it where it is"
        ) from problem


def other_precision(run: Run, recipe: Recipe) -> str:
    """That `auto` is something else here than where the run was begun; nothing if it is not, or it is not known."""
    before, now = run.read("environment.json").get("precision"), "bf16-mixed" if in_bf16(recipe) else "32-true"
    if before in (None, now):
        return ""
    return f"{run.folder} was begun in {before} and goes on in {now}, which --train.precision auto is here"


def summary(method: Method, recipe: Recipe, listed: sources.VideoList) -> str:
    """What is about to be trained, and the loss of a network that knows nothing."""
    weights = sum(parameter.numel() for parameter in method.backbone.parameters())
    chance = ", ".join(f"{name} {value:.3f}" for name, value in method.chance().items())
    halves = " + as many for the query stage" if method.split else ""
    clip, train_on = recipe.clip, recipe.train
    clips, frames = method.draw(10_000, generator("summary")).indices.shape
    reads = "" if (clips, frames) == (1, clip.frames) else f", {clips} x {frames} frames of a video read at a time"
    ends = f"; chance loss: {chance}" if chance else ""
    return (
        f"{recipe.method.name} on {len(listed.videos)} videos of {listed.name}: {recipe.backbone.name} x "
        f"{recipe.backbone.width:g} ({weights / 1e6:.2f} M parameters), clips {clip.frames}x{clip.stride} at "
        f"{clip.size} px{reads}, batch {train_on.batch_size}{halves}, {train_on.epochs} epochs{ends}"
    )
