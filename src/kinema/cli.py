"""The command line: `kinema VERB ...`. Each verb reads its flags and calls a function that Python users can call too.

torch is imported only once a verb has its flags, so `--help` and mistakes are answered at once.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from typing import Any, TypeVar

from kinema import __version__
from kinema.data.limit import leaving
from kinema.errors import KinemaError, UsageError, nearest
from kinema.memory import keep_memory

A = TypeVar("A")

# verb: (module of kinema.commands, one line for --help)
VERBS = {
    "demo": ("demo", "make synthetic videos, train on them, evaluate and report: all of kinema in minutes"),
    "data": (
        "data",
        "check a data set for broken, duplicate and leaking videos; compute its flow; make a synthetic one",
    ),
    "pretrain": ("pretrain", "learn a representation from videos without labels"),
    "replay": ("replay", "take the step again at which a run met a loss that is not a number"),
    "retrieve": ("evaluate", "R@k: find videos of the same class among nearest neighbours"),
    "knn": ("evaluate", "classify by a vote of the nearest training videos"),
    "linear": ("evaluate", "classify with a linear layer on frozen features"),
    "fewshot": ("evaluate", "classify from a few labelled videos a class, over many episodes"),
    "finetune": ("evaluate", "train the whole network with labels"),
    "hardpositives": (
        "hard_positives",
        "does the same action in another look rank above another in the same look?",
    ),
    "compare": ("compare", "is one recipe better than another? runs of several seeds, with an interval"),
    "embed": ("embed", "vectors of videos, or of windows of them, in Parquet files"),
    "cluster": ("cluster", "groups of vectors that lie close together, with a contact sheet of each"),
    "search": ("search", "find videos, stretches of them or pictures by example, and near-duplicates"),
    "serve": ("serve", "browse, search and label an index in a browser, on this machine"),
    "export": ("export", "the trained backbone for others: safetensors, model card, ONNX, torch.export, the Hub"),
    "attention": ("attention", "draw where networks look in a few videos, as pictures, GIF or MP4"),
    "motionshare": ("attention", "how much of a network's attention lies on what moves"),
    "convert": ("convert", "take the backbone out of another repository's checkpoint, to evaluate it or train on"),
    "report": ("report", "one HTML page: curves, scores, retrieved videos, attention, embedding map"),
    "table": ("table", "a table of the paper with our results beside its own; or run all of its rows"),
    "list": ("listing", "recipes, methods and backbones"),
    "bench": ("bench", "how fast decoding, loading, training steps, flow and retrieval are here, beside peers"),
    "doctor": ("doctor", "versions, decoders, devices, and what is wrong with them"),
}


PARALLEL = {"pretrain"}
"""Verbs that several processes, started by torchrun, carry out together."""


def main(argv: list[str] | None = None) -> None:
    """Run a command line and leave with its exit code (see `kinema.errors`)."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: list[str]) -> int:
    """Run a command line; 0 or the exit code of what went wrong, which has been said in one line."""
    try:
        if not argv or argv[0] in ("-h", "--help", "help"):
            print(usage())
            return 0
        if argv[0] == "--version":
            print(f"kinema {__version__}")
            return 0
        if argv[0] not in VERBS:
            raise UsageError(f"unknown verb '{argv[0]}': {nearest(argv[0], list(VERBS))}")
        if which() and argv[0] not in PARALLEL:
            raise UsageError(f"kinema {argv[0]} is one process: start it without torchrun")
        keep_memory()
        command = importlib.import_module(f"kinema.commands.{VERBS[argv[0]][0]}")
        with leaving():
            code: int = command.main(argv[0], argv[1:])
        return code
    except KinemaError as problem:
        print(f"kinema: {which()}{printable(str(problem))}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print("kinema: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `kinema list recipes | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def which() -> str:
    """Which of several processes speaks, as its launcher says; nothing where there is one."""
    rank, size = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    return "" if rank is None or size in (None, "", "0", "1") else f"rank {rank}: "


def printable(text: str) -> str:
    """A text with a question mark for each sign that is none: what a file says may be quoted, but not obeyed."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def usage() -> str:
    """The overview that `kinema --help` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {line}" for verb, (_, line) in VERBS.items())
    return (
        f"kinema {__version__}: learn video representations without labels, and measure what they are worth\n\n"
        f"usage: kinema VERB [flags]      (kinema VERB --help for its flags)\n\n{verbs}\n\n"
        "examples:\n"
        "  kinema demo\n"
        "  kinema data check videos/ --bad bad.txt\n"
        "  kinema pretrain tiny_mcn --data videos/ --skip bad.txt --out runs/mcn\n"
        "  kinema retrieve runs/mcn"
    )


def parse(kind: type[A], argv: list[str], *, prog: str, default: Any = None) -> A:
    """A dataclass from flags; help goes to standard output.

    Raises:
        UsageError: a flag is unknown, missing or has a value of the wrong kind; in one line.
    """
    import tyro

    from kinema.flag_help import plain_help

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), plain_help():
            flags = tyro.cli(kind, prog=prog, args=argv, default=default, config=(tyro.conf.FlagCreatePairsOff,))
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise UsageError(one_line(said.getvalue()) + f"; see {prog} --help") from None
    assert isinstance(flags, kind)
    return flags


def one_line(boxed: str) -> str:
    """The message in the box that tyro draws, with the arguments that it lists and the first flag that it proposes.

    The box is of lines or, where the output is not UTF-8, of dashes; rules divide it into message, proposals and help.
    """
    sections: list[list[tuple[int, str]]] = [[]]  # of (indentation, text)
    for line in boxed.splitlines():
        text = line.strip(" │╭╮╰╯")
        if text.startswith("─") or (text and not text.strip("-")):
            sections.append([])
        elif text:
            sections[-1].append((len(line) - len(line.lstrip(" │")), text))
    message, *others = sections[1:]
    margin = message[0][0]
    said = " ".join(text for indent, text in message if indent == margin).rstrip(".")
    listed = ", ".join(text for indent, text in message if indent == margin + 4)
    proposed = [text.split()[0] for section in others for indent, text in section if indent == margin + 4]
    hint = next((f"; did you mean {flag}?" for flag in proposed if flag.startswith("-")), "")
    known = "Perhaps you meant" in boxed or "similar to" in boxed
    return number_named(f"{said} {listed}".strip()) + (hint if known else "")


def number_named(complaint: str) -> str:
    """What tyro says of a value that should be a number, in a few words; anything else as it is."""
    found = re.fullmatch(r"Error parsing (\S+): .*(int\(\) with base 10|string to float): '(.*?)'", complaint)
    if found is None:
        return complaint
    flag, kind, value = found.groups()
    return f"{flag.rpartition('/')[2]} is '{value}': give a {'whole ' if kind.startswith('int') else ''}number"
