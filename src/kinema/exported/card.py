"""The model card, README.md: what the weights are and what they are worth, and plainly what nobody knows of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from kinema.data.fitting import WIDEST
from kinema.evaluate import table
from kinema.evaluate.protocol import Result, recipe_hash
from kinema.exported.formats import BATCHES, Made
from kinema.exported.origin import Origin
from kinema.settings import method_title
from kinema.visualise.scores import by_protocol

UNKNOWN = "unknown"
"""The licence if nobody says it; the Hub has this word for it too."""
VIEWS = {
    "rgb": "RGB frames",
    "residual": "residual frames, the change from each frame to the next",
    "both": "RGB frames and residual frames, the change from each to the next; two features side by side",
}


def card(said: dict[str, Any], parameters: int, origin: Origin, licence: str, made: Sequence[Made]) -> str:
    """The page as Markdown with a YAML head.

    Args:
        said: config.json.
        parameters: of the backbone.
        origin: where the weights come from.
        licence: of the weights, as the Hub abbreviates it, or "unknown".
        made: the graphs beside them.
    """
    blocks = [
        head(origin, licence),
        f"# {title(said, origin)}\n\n{summary(said, origin)}",
        f"## How to use it\n\n{use(said, made)}",
        f"## What it is\n\n{network(said, parameters)}",
        f"## How it was trained\n\n{training(origin)}",
        f"## Scores\n\n{scores(said, origin)}",
        f"## Licence\n\n{licence_line(licence)}",
        "## What is not known\n\n" + "\n".join(f"- {line}" for line in unknown(origin, licence)),
        f"## The recipe, all of it\n\n```json\n{json.dumps(asdict(origin.recipe), indent=2)}\n```",
    ]
    return "\n\n".join(blocks) + "\n"


def head(origin: Origin, licence: str) -> str:
    """The YAML that the Hub reads; text stands in it as JSON writes it, which is YAML too."""
    tags = ["video", "feature-extraction", "video-retrieval"]
    if origin.converted is None:
        tags += ["self-supervised-learning", origin.recipe.method.name]
    lines = ["library_name: kinema", f"license: {json.dumps(licence)}", "pipeline_tag: feature-extraction"]
    lines += ["tags:", *(f"- {json.dumps(tag)}" for tag in tags)]
    measured = [each for each in origin.results if is_score(each)]
    if measured:
        index = [{"name": origin.recipe.recipe, "results": [as_indexed(each) for each in measured]}]
        lines.append(f"model-index: {json.dumps(index)}")
    return "\n".join(["---", *lines, "---"])


def is_score(result: Result) -> bool:
    """Whether a result is a figure of the trained weights, and no difference between two networks."""
    return result.subject.weights == "pretrained" and "against" not in result.protocol.settings


def as_indexed(result: Result) -> dict[str, Any]:
    """A result as the Hub's `model-index` has it."""
    protocol = result.protocol
    return {
        "task": {"type": "feature-extraction", "name": table.TASKS[protocol.task]},
        "dataset": {"type": protocol.data, "name": protocol.data, "split": protocol.split or "test"},
        "metrics": [
            {"type": name, "value": round(value, 2), "name": f"{name}, percent; {table.title(protocol)}"}
            for name, value in result.score.values.items()
        ],
    }


def title(said: dict[str, Any], origin: Origin) -> str:
    """What it is in a few words."""
    if origin.converted is not None:
        return f"{said['architecture']} of {origin.converted.repository}, by way of kinema"
    return f"{origin.recipe.recipe} on {origin.data.get('name', 'unnamed data')}: {said['architecture']}"


def summary(said: dict[str, Any], origin: Origin) -> str:
    """Two sentences."""
    what = f"A network that turns a video into {said['vector_length']} numbers, for search and for comparison."
    if origin.converted is not None:
        return f"{what} Its weights were taken from a file of {origin.converted.repository}."
    return f"{what} It was trained without labels by {method_title(origin.recipe.method.name)}."


def use(said: dict[str, Any], made: Sequence[Made]) -> str:
    """How to load it, with kinema and without."""
    clip = said["clip"]
    parts = [
        "```python\nimport kinema  # pip install 'kinema[export]'; with [hub] it takes OWNER/NAME too\n\n"
        'encoder = kinema.Encoder.from_pretrained("this/folder")\n'
        f'encoder.embed("clip.mp4")  # float32 [{said["vector_length"]}], of unit length\n```',
        "```sh\nkinema embed this/folder videos/ --out vectors/\n```",
        "Without kinema: `model.safetensors` holds the backbone, `second_view.safetensors`, if there is one, batch "
        "norm's statistics for the second view, and `config.json` says under `preprocess` how to make the same pixels "
        "and vectors.",
    ]
    for each in made:
        loaded = {
            "model.onnx": 'onnxruntime.InferenceSession("model.onnx").run(None, {"clips": clips})',
            "model.pt2": 'torch.export.load("model.pt2").module()(clips)',
        }[each.name]
        parts.append(
            f"`{each.name}`: `{loaded}` makes float32 features [M, {said['vector_length']}] of uint8 clips in RGB, "
            f"[M, {clip['frames']}, {clip['size']}, {clip['size']}, 3], any M; scaling and view are inside. Tried with "
            f"{', '.join(map(str, BATCHES))} clips: {each.agreement}."
        )
    return "\n\n".join(parts)


def network(said: dict[str, Any], parameters: int) -> str:
    """A table."""
    clip, pixels, block = said["clip"], said["pixels"], said["preprocess"]
    width = "" if said["width"] == 1 else f" at width {said['width']:g}"
    side = block["size"]["shortest_edge"]
    rows = {
        "network": f"{said['architecture']}{width}, {parameters:,} parameters",
        "is shown": VIEWS[said["view"]],
        "clip": f"{clip['frames']} frames, {spacing(clip['stride'])}",
        "pixels": f"shorter side {side}, longer at most {WIDEST * side}, middle {clip['size']} x {clip['size']}",
        "RGB": "in [0, 1]"
        if pixels["normalise"] == "unit"
        else f"in [0, 1], less {pixels['normalise']}'s mean, by its deviation",
        "vector": f"{said['vector_length']} numbers of unit length; mean over {block['num_clips']} evenly spaced clips",
    }
    return "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {text} |" for name, text in rows.items())


def spacing(stride: int) -> str:
    """How far the frames of a clip are from one another."""
    return "one after the other" if stride == 1 else f"{stride} frames of the video from one to the next"


def training(origin: Origin) -> str:
    """A table of what is on record."""
    elsewhere, environment = origin.converted, origin.environment or {}
    rows: dict[str, Any] = {}
    if elsewhere is not None:
        rows |= {"repository": elsewhere.repository, "file": elsewhere.file, "SHA-256 of the file": elsewhere.sha256}
        rows["left as in a fresh network"] = ", ".join(elsewhere.left) or "nothing"
    else:
        rows |= {
            "method": method_title(origin.recipe.method.name),
            "data": data_line(origin.data),
            "recipe": f"{origin.recipe.recipe}, SHA-256 {recipe_hash(origin.recipe)}",
            "length": f"{origin.steps} steps" + (f", {origin.epochs} epochs" if origin.epochs is not None else ""),
            "seed": origin.recipe.train.seed,
            "command": f"`{origin.command}`" if origin.command else None,
            "device": environment.get("device"),
            "code": f"kinema {environment.get('kinema')}, commit {environment.get('git') or 'not known'}"
            if environment
            else None,
            "torch": (environment.get("packages") or {}).get("torch"),
        }
    shown = {name: value for name, value in rows.items() if value is not None}
    return "| | |\n| --- | --- |\n" + "\n".join(f"| {name} | {cell(value)} |" for name, value in shown.items())


def data_line(data: dict[str, Any]) -> str:
    """What it was trained on."""
    return f"{data.get('name')}, {data.get('videos')} videos, digest {data.get('digest')}"


def cell(value: object) -> str:
    """A value in a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def scores(said: dict[str, Any], origin: Origin) -> str:
    """A table for each protocol, random init first; differences from other networks are left to the run's report."""
    shown = [each for each in origin.results if "against" not in each.protocol.settings]
    parts = []
    for group in by_protocol(shown):
        if any(map(is_score, group)):
            made = table.comparison(group)
            parts.append(f"{made.title}:\n\n{made.markdown().rstrip()}")
    if parts:
        shown_here = "In each title stands the view that was measured"
        parts.insert(0, f"{shown_here}; this folder shows {' and '.join(said['preprocess']['views'])}.")
    if origin.left_out:
        parts.append(
            f"{origin.left_out} results of the run are left out, since they are of other weights of it than these."
        )
    if not any(map(is_score, shown)):
        parts.insert(0, "None: nobody has measured these weights, or not in the run that they were exported from.")
    return "\n\n".join(parts)


def licence_line(licence: str) -> str:
    """Of the weights."""
    if licence == UNKNOWN:
        return (
            "Not known. Who exported these weights did not say under which licence others may use them; the licence of "
            "kinema (Apache-2.0) is that of its code, and not of what was trained with it."
        )
    return f"`{licence}`, as stated by who exported the weights. kinema itself is under Apache-2.0."


def unknown(origin: Origin, licence: str) -> list[str]:
    """What a reader may take for granted, and nobody knows."""
    lines = [
        "What the training videos show, who is in them, and on which terms they may be used: kinema records a "
        "list's name, number and digest alone. So what the network is blind to, or sees too much of, is not known."
    ]
    if licence == UNKNOWN:
        lines.append("The licence of the weights.")
    if origin.converted is not None:
        lines.append(
            "How the weights were trained, on what, how long and from which seed: a file of weights does not prove it."
        )
    else:
        lines.append("What another seed would give: this is one training.")
        if origin.environment is None:
            lines.append("The command, the device and the exact code: no record of them lay beside the weights.")
        elif not (git := str(origin.environment.get("git") or "")) or git.endswith("+changes"):
            lines.append("The exact code: it was trained outside a commit" + (f" ({git})." if git else "."))
    measured = [group for group in by_protocol(origin.results) if any(map(is_score, group))]
    if not measured:
        lines.append("What the vectors are worth: there is no score.")
    elif bare := [group[0] for group in measured if all(map(is_score, group))]:
        named = ", ".join(dict.fromkeys(f"{table.TASKS[each.protocol.task]} on {each.protocol.data}" for each in bare))
        lines.append(f"What the same network has before training, by the protocol of {named}.")
    lines.append("What it is worth on other videos than those in the tables.")
    return lines
