"""Help and refusals come at once, since torch is not imported for them."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from kinema import __version__, cli
from kinema.recipes import RECIPES

HELPS = [
    ["--help"],
    ["--version"],
    ["list", "recipes"],
    ["table"],
    ["data", "--help"],
    ["doctor", "--help"],
    *([verb, "--help"] for verb in ("pretrain", "retrieve", "knn", "linear", "finetune", "report", "demo", "table")),
    *([verb, "--help"] for verb in ("hardpositives", "attention", "motionshare", "compare", "fewshot", "cluster")),
    ["pretrain", "tiny_mcn", "--help"],
    ["data", "check", "--help"],
    ["data", "flow", "--help"],
    ["convert", "--help"],
    ["search", "--help"],
    ["export", "--help"],
]

CALLS = f"""
import sys
class Slow:
    @staticmethod
    def find_spec(name, path=None, target=None):
        assert name not in ("torch", "numpy", "av"), name
sys.meta_path.insert(0, Slow)
from kinema.cli import run
for words in {HELPS!r}:
    try:
        code = run(words)
    except SystemExit as stop:
        code = stop.code
    assert code in (0, None), words
assert run(["pretrain", "tiny_mcn", "--data", "d", "--out", "o", "--train.epochs", "many"]) == 2
assert run(["pretrain", "tinymcn"]) == 2
assert run(["convert", "f", "--from", "coclrr", "--out", "o"]) == 2
"""


def test_help_and_refused_flags_import_neither_torch_nor_numpy_nor_av():
    done = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb in cli.VERBS:
        assert f"  {verb} " in done.stdout
    assert __version__ in done.stdout
    assert "--method.meta.order {0,1,2}" in done.stdout
    assert "usage: kinema retrieve [-h] [OPTIONS] RUN" in done.stdout


@pytest.mark.parametrize("words", [["--help"], ["--train.epochs", "3", "-h"]])
def test_help_of_a_recipe_begins_with_what_the_recipe_says_of_itself(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.run(["pretrain", "mcn_r3d", *words])
    out = capsys.readouterr().out
    assert stop.value.code == 0
    assert out.index("kinema linear runs/mcn_r3d --data HMDB51") < out.index("usage: kinema pretrain mcn_r3d")
    assert "\nCost: 65.8 GiB; on UCF101" in out
    assert "fine-tuned 85.4 / 54.8" in out


def test_no_words_at_all_print_the_overview(command):
    ended = command()
    assert (ended.code, ended.err) == (0, "")
    assert "usage: kinema VERB" in ended.out
    lines = {line.split()[0]: line for line in ended.out.splitlines() if line.startswith("  ")}
    assert len({lines[verb].index(said) for verb, (_, said) in cli.VERBS.items()}) == 1, "what verbs do is one column"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            "pretrain tiny_mcn --data d --out o --train.epoch 3",
            "Unrecognized options: --train.epoch, 3; did you mean --train.epochs?; see kinema pretrain tiny_mcn --help",
        ),
        ("pretrain tiny_mcn", "Missing from kinema pretrain tiny_mcn: --data STR, --out STR; see kinema pretrain"),
        (
            "pretrain tiny_mcn --data d --out o --train.epochs many",
            "kinema: --train.epochs is 'many': give a whole number; see kinema",
        ),
        ("pretrain tiny_mcn --data d --out o --method.meta.order 3", "invalid choice '3' for argument '--method.meta"),
        ("pretrain tiny_cmc --data d --out o --method.alpha 0.3", "Unrecognized options: --method.alpha, 0.3"),
        ("embed r v --out o --window two", "kinema: --window is 'two': give a number; see kinema embed --help"),
        ("search v q -k 1.5", "kinema: --k is '1.5': give a whole number; see kinema search --help"),
        ("retrieve", "Missing from kinema retrieve: RUN; see kinema retrieve --help"),
        ("retrieve run --view sideways", "invalid choice 'sideways' for argument '--view'. Expected one of ('auto', "),
        ("report one two", "Unrecognized options: two; see kinema report --help"),
        ("data check", "Missing from kinema data check: DATA; see kinema data check --help"),
    ],
)
def test_flag_mistake_is_one_line_whatever_the_terminal_can_draw(words, complaint, encoding, monkeypatch):
    said = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    monkeypatch.setattr(sys, "stderr", said)
    assert cli.run(words.split()) == 2
    said.seek(0)
    lines = said.read().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("kinema: ")
    assert complaint in lines[0]
    assert "---" not in lines[0]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("pretrian", "unknown verb 'pretrian': did you mean 'pretrain'?"),
        ("data chek set", "unknown verb 'data chek': did you mean 'check'?"),
        ("list recepies", "cannot list 'recepies': did you mean 'recipes'?"),
        (
            "pretrain tinymcn --data d --out o",
            f"'tinymcn': did you mean 'tiny_mcn'? {len(RECIPES)} are known: `kinema list recipes` has them",
        ),
        (
            "pretrain --data d --out o",
            "kinema pretrain needs a recipe first, such as tiny_mcn: `kinema list recipes` has all",
        ),
        ("doctor now", "kinema doctor takes no arguments, but got 'now'"),
    ],
)
def test_unknown_name_is_refused_with_the_known_ones(command, words, complaint):
    command(*words.split()).refused(2, complaint)


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "kinema", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"kinema {__version__}\n")
