"""The model card says what is known, from the files of the run, and what is not."""

import json
from dataclasses import replace

import pytest
import torch

from kinema.conversion.convert import convert
from kinema.evaluate import protocol
from kinema.evaluate.protocol import Origin, Protocol, Result, Score, Subject
from kinema.exported.origin import without_places
from kinema.exporting import export
from kinema.run import Run
from reference import checkpoints as files

pytest.importorskip("safetensors")

SCORE = Score("R@1", 41.5, (35.0, 48.0), {"R@1": 41.5, "R@5": 70.25}, {"R@1": (35.0, 48.0)}, {})
HOW = Protocol(
    *("retrieval", "shapes", None, 200, 800, 4, "a" * 64, "b" * 64, 4, 2, 32, 10, 1, "feature", "gap", "rgb"),
    *("cosine", False, "none", {}),
)
WHO = Subject("pretrained", "mcn", "r3d_vcop", 0.0625, 57_000, "tiny_mcn", "c" * 64, "shapes", 3, 0)
FRESH = Subject("random init", None, "r3d_vcop", 0.0625, 57_000, None, None, None, None, 0)
WHEN = Origin("0.1", None, "2.13", "cpu", "kinema retrieve", "2026-11-22T00:00:00+00:00", 1.0)


@pytest.fixture
def run(make_run):
    """A run that knows its command and has three epochs in its log."""
    run = Run(make_run())
    packages = {"torch": "2.13.0"}
    command = "kinema pretrain tiny_mcn --data=/srv/films/own/videos --out ~/runs/mcn --train.lr 1e-3"
    about = {"kinema": "0.1", "git": "d" * 40, "device": "a GPU", "packages": packages, "command": command}
    run.write("environment.json", about)
    (run.folder / "metrics.jsonl").write_text(
        "".join(json.dumps({"epoch": n, "step": 4 * n}) + "\n" for n in (1, 2, 3))
    )
    return run


def card(run, tmp_path, **how):
    return (export(run if not isinstance(run, Run) else run.folder, tmp_path / "out", **how) / "README.md").read_text()


def section(page, name):
    return page.partition(f"## {name}\n")[2].partition("\n## ")[0]


def write(run, score=SCORE, how=HOW, who=WHO):
    protocol.write(Result(score, how, who, WHEN), run.results)


def test_data_recipe_and_command_are_those_of_the_run(run, tmp_path):
    text = section(card(run, tmp_path), "How it was trained")
    for said in (
        "| method | MCN |",
        "shapes, 20 videos, digest 0f0f",
        "| length | 12 steps, 3 epochs |",
        "| seed | 0 |",
    ):
        assert said in text
    assert protocol.recipe_hash(run.recipe) in text
    assert "`kinema pretrain tiny_mcn --data=videos --out mcn --train.lr 1e-3`" in text
    assert "commit " + "d" * 40 in text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("kinema pretrain r --data /a/b/c --out runs/x", "kinema pretrain r --data c --out runs/x"),
        ("kinema pretrain r --data='/a b/c d' -o ~/x/y", "kinema pretrain r --data='a b/c d' -o y"),
        ("kinema pretrain r --data ../videos", "kinema pretrain r --data ../videos"),
        ("kinema pretrain r --data /videos/", "kinema pretrain r --data videos/"),
    ],
)
def test_command_keeps_no_place_of_the_machine(typed, kept):
    assert without_places(typed) == kept


def test_scores_stand_beside_random_init_with_their_protocol(run, tmp_path):
    write(run)
    write(run, replace(SCORE, value=20.0, values={"R@1": 20.0, "R@5": 55.0}, intervals={}, interval=None), who=FRESH)
    page = card(run, tmp_path)
    text = section(page, "Scores")
    assert (
        "retrieval on shapes: 200 test, 800 train videos, 4 classes; 4x2 at 32 px, 10 clips x 1 crops, rgb, cosine"
        in text
    )
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows[2:]] == ["| random init", "| MCN (tiny_mcn)"]
    assert "41.5 [35.0, 48.0] | 70.2 |" in rows[3]
    unknown = section(page, "What is not known")
    assert "there is no score" not in unknown
    assert "before training" not in unknown


def test_scores_of_another_epoch_are_left_out_and_counted(run, tmp_path):
    write(run, who=replace(WHO, epoch=2))
    page = card(run, tmp_path)
    assert "None: nobody has measured these weights" in section(page, "Scores")
    assert "1 results of the run are left out" in section(page, "Scores")
    assert "there is no score" in section(page, "What is not known")


def test_another_checkpoint_has_none_of_the_scores_of_the_last(run, tmp_path):
    write(run)
    other = run.checkpoint.with_name("epoch_0001.pt")
    other.write_bytes(run.checkpoint.read_bytes())
    text = section(card(other, tmp_path), "Scores")
    assert "41.5" not in text
    assert "1 results of the run are left out" in text


def test_checkpoint_without_its_run_is_exported_and_says_what_is_missing(run, tmp_path):
    alone = tmp_path / "elsewhere" / "some.pt"
    alone.parent.mkdir()
    alone.write_bytes(run.checkpoint.read_bytes())
    page = card(alone, tmp_path)
    assert "| command |" not in page
    assert "The command, the device and the exact code: no record" in section(page, "What is not known")


def test_missing_baseline_is_named(run, tmp_path):
    write(run)
    assert "before training, by the protocol of retrieval on shapes" in section(
        card(run, tmp_path), "What is not known"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Not known. Who exported these weights did not say"),
        ({"license": "cc-by-nc-4.0"}, "`cc-by-nc-4.0`, as stated"),
    ],
)
def test_licence_is_what_was_said_or_not_known(run, tmp_path, given, said):
    page = card(run, tmp_path, **given)
    assert said in section(page, "Licence")
    assert ("The licence of the weights." in section(page, "What is not known")) == (not given)
    assert f'license: "{given.get("license", "unknown")}"' in page.split("---")[1]


def test_head_is_yaml_that_the_hub_can_read(run, tmp_path):
    yaml = pytest.importorskip("yaml")
    write(run)
    head = yaml.safe_load(card(run, tmp_path).split("---")[1])
    assert head["library_name"] == "kinema"
    assert "mcn" in head["tags"]
    [model] = head["model-index"]
    [result] = model["results"]
    assert result["dataset"]["name"] == "shapes"
    assert {each["type"]: each["value"] for each in result["metrics"]} == {"R@1": 41.5, "R@5": 70.25}


def test_converted_weights_say_where_they_are_from_and_that_no_more_is_known(tmp_path):
    path = tmp_path / "r3d_18.pth"
    torch.save(files.random_state(files.torchvision_resnet() | files.linear("fc", 400, 512)), path)
    run = convert(path, "torchvision", out=tmp_path / "net").run
    page = card(run, tmp_path)
    path.unlink()
    assert "taken from a file of pytorch/vision" in page
    assert "| file | r3d_18.pth |" in section(page, "How it was trained")
    assert "How the weights were trained, on what, how long" in section(page, "What is not known")
    assert "kinetics's mean" in section(page, "What it is")
    assert "mcn" not in page.split("---")[1]
