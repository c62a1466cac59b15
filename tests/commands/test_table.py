"""`kinema table`, as typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from kinema.data import synthetic


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No results/ lies about unless a test puts it there."""
    monkeypatch.chdir(tmp_path)


def test_without_a_number_it_lists_the_tables_and_their_rows(command):
    ended = command("table")
    assert ended.code == 0
    assert "   5  fine-tuning, parts of the loss\n      cmc, mcn_one_stage, mcn, mcn_plus\n" in ended.out


def test_without_results_it_prints_the_paper_and_the_commands(command):
    ended = command("table", 5)
    assert (ended.code, ended.err) == (0, "")
    assert "84.8" in ended.out
    assert "  kinema pretrain mcn_one_stage --data UCF-101 --out runs/mcn_one_stage\n" in ended.out


def test_results_are_found_in_the_usual_place_and_studies_where_they_are_named(command, tmp_path):
    source = Path(__file__).parents[2] / "results" / "mocap15_mcn"
    shutil.copytree(source, tmp_path / "results" / "mine")
    shutil.copytree(source, tmp_path / "results" / "studies" / "one" / "mine")
    for path in (tmp_path / "results" / "studies").rglob("*.json"):
        path.write_text(path.read_text().replace('"mocap15"', '"studied"'))
    usual = command("table", 5)
    assert "mocap15" in usual.out
    assert "studied" not in usual.out
    assert "studied" in command("table", 5, "--results", "results/studies/one").out


def test_formats_are_what_they_say(command):
    assert command("table", 3, "--format", "markdown").out.startswith("**Table 3: ")
    assert command("table", 3, "--format", "csv").out.startswith("table,row,recipe,")
    assert json.loads(command("table", 3, "--format", "json").out)["table"] == 3


def test_a_plot_is_drawn_where_it_is_wanted(command, tmp_path):
    ended = command("table", 3, "--plot", tmp_path / "three.png")
    assert ended.code == 0
    assert f"drawn into {tmp_path / 'three.png'}" in ended.err
    assert Image.open(tmp_path / "three.png").format == "PNG"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("table 11", "there is no table 11: the paper has tables 1 to 10"),
        ("table five", "N is 'five': give a whole number"),
        ("table 5 --rows mcn_r3d", "Table 5 has no row 'mcn_r3d' of ours: did you mean"),
        ("table 5 --results absent", "absent: no such folder of results"),
        ("table 5 --format html", "invalid choice 'html'"),
        ("table 5 --plot five.txt", "--plot five.txt: the drawing is a PNG; give a name that ends in .png"),
        ("table 5 --run", "kinema table --run needs videos: give --data"),
        ("table 5 --data videos", "--data says how rows are run: give --run too"),
        ("table 5 --tune-epochs 3", "--tune-epochs says how rows are run"),
        ("table 5 --run --data videos --results runs", "--run and --results exclude one another"),
        ("table 5 --run --data absent", "absent: no such file or folder"),
        ("table 5 --run --data absent --epochs 0", "epochs is 0"),
        ("table 5 --plot absent/plot.png", "absent/plot.png: cannot be written"),
    ],
)
def test_mistake_is_answered_in_one_line(command, words, complaint):
    command(*words.split()).refused(2, complaint)


def test_sets_that_cannot_be_measured_on_are_refused_before_any_training(command, tmp_path):
    synthetic.make(tmp_path / "set", train=16, test=4, frames=8, size=32, motions=2, train_looks=8, test_looks=2)
    words = ("table", 5, "--run", "--data", "set", "--epochs", 1)
    command("table", 5, "--run", "--data", "set/train.csv").refused(2, "has no test videos")
    command(*words, "--test", "set/train").refused(2, "has no test videos")
    command(*words, "--test", "absent").refused(2, "absent: no such file or folder")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_whole_tiny_table_is_run_printed_and_drawn(command, tmp_path):
    synthetic.make(tmp_path / "set", train=32, test=8, frames=12, size=32, motions=2, train_looks=16, test_looks=4)
    words = ("table", 5, "--run", "--scale", "tiny", "--data", "set", "--epochs", 1, "--tune-epochs", 1)
    first = command(*words)
    assert first.code == 0
    assert "row 3 of 4: mcn@tiny" in first.err
    for label in ("random init", "CL + BL + meta"):
        assert label in first.out
    files = sorted((tmp_path / "runs").rglob("results/*.json"))
    assert len(files) == 5  # four rows, and one random init
    assert Image.open(tmp_path / "runs" / "tables_tiny" / "table5.png").format == "PNG"
    content = json.loads(command("table", 5, "--results", "runs", "--format", "json").out)
    rows = {each["recipe"] for each in content["figures"] if each["of"] == "kinema"}
    assert rows == {None, "cmc", "mcn_one_stage", "mcn", "mcn_plus"}

    written = {path: path.stat().st_mtime_ns for path in files}
    again = command(*words)
    assert again.out == first.out
    assert {path: path.stat().st_mtime_ns for path in files} == written
