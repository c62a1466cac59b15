"""CoCLR's stages through the command line: a chain of runs, what each takes over, and how it is measured."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from kinema import cli
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.loading import load, random_init
from kinema.run import Run

QUICK = ["--evaluation.clips", "2"]
STAGES = ["tiny_coclr_infonce", "tiny_coclr_infonce_flow", "tiny_coclr", "tiny_coclr_flow"]


@pytest.fixture(scope="module")
def stage(clip_folder, flow_folder, small):
    """`stage(recipe, out, ...)`: one small stage by the command line, given what it needs; returns the exit code."""
    sized = [*small[: small.index("--method.contrast.negatives")], "--method.queue", "8", "--method.dim", "16"]

    def run(recipe, out, *flags):
        flow = () if recipe == "tiny_coclr_infonce" else ("--flow", flow_folder.folder)
        words = ["pretrain", recipe, *sized, "--data", clip_folder, *flow, "--out", out, *flags]
        return cli.run([str(word) for word in words])

    return run


@pytest.fixture(scope="module")
def chain(stage, tmp_path_factory):
    """The four runs of a cycle by name; to be read only."""
    runs = tmp_path_factory.mktemp("runs")
    rgb, flow, co, co_flow = (runs / name for name in STAGES)
    assert stage(rgb.name, rgb) == 0
    assert stage(flow.name, flow) == 0
    assert stage(co.name, co, "--init-from", rgb, "--method.oracle", flow, "--train.epochs", 2) == 0
    assert stage(co_flow.name, co_flow, "--init-from", flow, "--method.oracle", co) == 0
    return {path.name: path for path in (rgb, flow, co, co_flow)}


@pytest.fixture
def refused(stage, capsys, tmp_path):
    """Assert that a stage is refused in one line that holds `said`, and leaves nothing behind."""

    def check(said, recipe, *flags):
        capsys.readouterr()
        assert stage(recipe, tmp_path / "out", *flags) == 2
        assert said in capsys.readouterr().err.splitlines()[-1]
        assert not (tmp_path / "out").exists()

    return check


def state(run):
    return checkpoint.load(Run(run).checkpoint).method


def part(states, name):
    return {
        key.removeprefix(f"{name}.").replace("/", "."): v for key, v in states.items() if key.startswith(f"{name}.")
    }


@pytest.mark.parametrize(("co", "of"), [("tiny_coclr", "tiny_coclr_infonce_flow"), ("tiny_coclr_flow", "tiny_coclr")])
def test_a_run_keeps_the_network_of_the_other_stream_as_it_was(chain, co, of):
    found, other = state(chain[co]), state(chain[of])
    for name in ("backbone", "projection"):
        kept, given = part(found, f"oracle_{name}"), part(other, name)
        assert kept.keys() == given.keys()
        assert all(torch.equal(value, given[key]) for key, value in kept.items())
    first = "backbone.conv1.temporal_spatial_conv.weight"
    assert not torch.equal(found[first], other[first])


def test_a_run_is_resumed_without_the_run_of_its_oracle(chain, stage, tmp_path):
    rgb, flow, out = (tmp_path / name for name in ("rgb", "flow", "out"))
    shutil.copytree(chain["tiny_coclr_infonce_flow"], flow)
    shutil.copytree(chain["tiny_coclr_infonce"], rgb)
    words = ("--method.oracle", flow, "--train.epochs", 2)
    assert stage("tiny_coclr", out, *words, "--init-from", rgb, "--train.keep-every", 1) == 0
    whole = state(out)
    shutil.rmtree(flow)
    shutil.copy(out / "checkpoints" / "epoch_0001.pt", out / "checkpoints" / "last.pt")
    assert stage("tiny_coclr", out, *words, "--resume", "--train.keep-every", 1) == 0
    assert all(torch.equal(value, whole[key]) for key, value in state(out).items())


def test_figures_of_a_stage_are_logged(chain):
    rows = [json.loads(line) for line in (chain["tiny_coclr"] / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["train/positives"] > 1
    assert {"train/contrast", "train/contrast_acc", "train/loss"} <= set(rows[-1])


def test_a_network_on_flow_is_shown_flow_unless_asked(chain, command, flow_folder, tmp_path):
    own = shutil.copytree(chain["tiny_coclr_flow"], tmp_path / "own")
    for verb, figure in (("retrieve", "retrieval"), ("knn", "knn")):
        assert command(verb, own, *QUICK, "--flow", flow_folder.folder).code == 0
        result = json.loads((own / "results" / f"{figure}_set_flow.json").read_text())
        assert result["protocol"]["view"] == "flow"
    tuned = command(
        *("finetune", own, *QUICK, "--flow", flow_folder.folder, "--finetune.epochs", 1, "--finetune.batch-size", 4)
    )
    assert tuned.code == 0
    command("retrieve", own).refused(2, "--view flow needs --flow DIR")
    assert command("report", own).code == 0


@pytest.mark.parametrize(
    "words", ["retrieve RUN --view rgb", "knn RUN --view both", "attention RUN", "motionshare RUN --view rgb"]
)
def test_showing_rgb_to_a_network_on_flow_is_refused(chain, command, words):
    run = chain["tiny_coclr_infonce_flow"]
    command(*words.replace("RUN", str(run)).split()).refused(2, "was trained on flow alone, and --view")


def test_encoders_of_runs_on_flow_are_of_flow(chain):
    run = Run(chain["tiny_coclr_flow"])
    assert load(run.folder).view == random_init(run.recipe).view == "flow"
    with pytest.raises(UsageError, match="trained on flow alone"):
        load(run.folder, view="rgb")
    assert load(chain["tiny_coclr"]).view == "rgb"


def test_networks_that_cannot_be_oracles_are_refused(chain, refused, trained, tmp_path):
    rgb, flow = chain["tiny_coclr_infonce"], chain["tiny_coclr_infonce_flow"]
    refused("--method.oracle: no checkpoint at", "tiny_coclr", "--method.oracle", tmp_path / "nothing")
    refused(f"{rgb} was trained on rgb, as this run is to be", "tiny_coclr", "--method.oracle", rgb)
    refused(f"{flow} was trained on flow, as this run is to be", "tiny_coclr_flow", "--method.oracle", flow)
    refused(f"{trained} is a run of cmc and cannot say", "tiny_coclr", "--method.oracle", trained)
    other = ("--method.oracle", flow, "--method.dim", 8)
    refused("with projection linear_bn to 16, where this run has", "tiny_coclr", *other)


def test_an_oracle_of_flow_that_was_made_otherwise_is_refused(chain, refused, tmp_path):
    flow = shutil.copytree(chain["tiny_coclr_infonce_flow"], tmp_path / "flow")
    kept = checkpoint.load(Run(flow).checkpoint)
    kept.data["flow"]["bound"] = 5.0
    checkpoint.save(kept, Run(flow).checkpoint)
    refused("the flow was made with bound 20.0, and", "tiny_coclr", "--method.oracle", flow)


def test_an_oracle_needs_flow_and_info_nce_on_rgb_takes_none(chain, command, clip_folder, flow_folder, tmp_path):
    words = ("--data", clip_folder, "--out", tmp_path / "out")
    command("pretrain", "tiny_coclr", *words).refused(2, "tiny_coclr", "give --flow DIR")
    plain = command("pretrain", "tiny_coclr_infonce", *words, "--flow", flow_folder.folder)
    plain.refused(2, "coclr has no second view that flow could be: leave --flow out")
