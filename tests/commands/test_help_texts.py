"""What `--help` says of each flag is for people who know no Python."""

from __future__ import annotations

import re

import pytest

from kinema import cli, flag_help
from kinema.recipes import RECIPES

HELPS = [
    *([verb] for verb in cli.VERBS),
    *(["data", part] for part in ("check", "flow", "pack", "synthetic")),
    *(["pretrain", recipe] for recipe in RECIPES if recipe.startswith("tiny_")),
]


def said_by(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The help of a verb, without its boxes and line breaks."""
    try:
        cli.run([*words, "--help"])
    except SystemExit as stop:
        assert stop.code in (0, None)
    return " ".join(re.sub("[│╭╮╰╯─]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_no_flag_is_described_in_python(words, capsys):
    said = said_by(capsys, *words)
    assert said
    for never in ("{None}", "None|", "(default: )", "(default: False)", "(default: True)", "()"):
        assert never not in said
    if "(default: None)" in said:
        assert words[0] == "pretrain", "only settings of a recipe, whose texts say what `None` is"


def test_none_is_shown_as_a_default_where_the_text_says_what_it_means(capsys):
    said = said_by(capsys, "pretrain", "tiny_mcn")
    assert "--optim.clip-grad FLOAT Largest allowed gradient norm; `None` never clips (paper). (default: None)" in said
    assert "--skip STR A file of videos to leave out, as `kinema data check --bad` writes it. --flow" in said


def test_flag_that_ends_what_is_done_by_default_says_so(capsys):
    said = said_by(capsys, "knn")
    assert "--no-random-init Also measure the same network before training" in said
    assert "for the row beside. (done unless this flag is given)" in said
    assert "--overwrite Replace an exported folder in --out; the old one is renamed, not deleted." in said_by(
        capsys, "export"
    )


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("search", "--duplicates COSINE Instead of a search"),
        ("search", "VECTORS [QUERY ...]"),
        ("search", "-k INT, --k INT How many are found; 10 unless said."),
        ("embed", "--window FLOAT Cut videos into windows"),
        ("cluster", "--k INT Clusters of k-means; 10 unless said. --starts"),
        ("convert", "--normalise {unit,imagenet,kinetics,slowfast} How pixels"),
        ("attention", "--frames INT [INT ...] Frames of the clip"),
        ("retrieve", "Draws the test videos of --grid. (default: 0)"),
        ("compare", "RUN... Folders of the runs of one recipe. "),
        ("report", "RUN [--out STR]"),
    ],
)
def test_flag_that_may_be_left_out_shows_what_it_takes(words, shown, capsys):
    assert shown in said_by(capsys, words)


def test_text_is_one_paragraph_wherever_the_source_breaks_its_lines():
    assert flag_help.flowing("One, two,\n    three\n(four).\n\n  Five\nsix.") == "One, two, three (four).\n\nFive six."


def test_settings_that_may_be_none_still_take_it(command, clip_folder, tmp_path, pretrain):
    assert pretrain(clip_folder, tmp_path / "run", "--train.workers", "None", "--train.workers", "0").code == 0
    pretrain(clip_folder, tmp_path / "b", "--optim.clip-grad", "much").refused(2, "--optim.clip-grad", "much")
    command("embed", tmp_path / "run", clip_folder, "--out", tmp_path / "v", "--hop", "None", "--clips", "0").refused(
        2, "--clips is 0"
    )
