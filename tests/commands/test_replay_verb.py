"""`kinema replay`: the step at which a run met a loss that is not a number, taken again."""

import json
from dataclasses import replace

import pytest

from kinema import precision
from kinema.engine import checkpoint
from kinema.methods import cmc
from kinema.replaying import replay


@pytest.fixture
def exploded(pretrain, clip_folder, tmp_path):
    """A run whose first step makes weights of 1e30, and how it ended."""
    ended = pretrain(clip_folder, tmp_path / "run", "--optim.name", "sgd", "--optim.lr", 1e30)
    return tmp_path / "run", ended


def test_step_is_taken_again_and_the_layer_named_where_it_begins(command, exploded):
    run, ended = exploded
    said = ended.refused(4, "at step 1 ", f"`kinema replay {run}` finds where it begins")
    again = command("replay", run)
    assert again.code == 0
    assert again.out.startswith("step 1, epoch 1, lr 9.19e+29: loss nan (contrast nan")
    assert "where it begins: backbone." in again.out
    assert "makes it of finite numbers, the largest " in again.out
    videos = [line.strip() for line in again.out.split("videos:\n")[1].splitlines()]
    assert len(videos) == 4
    assert f"first {videos[0]}:" in said


def test_replay_is_the_same_step_to_the_bit(pretrain, clip_folder, tmp_path, monkeypatch):
    """One that was only said to be no number is found to be one, the very one that it was."""
    plain, seen = cmc.CMC.loss, []

    def loss(self, batch, step):
        outcome = plain(self, batch, step)
        seen.append(outcome.total.item())
        return replace(outcome, total=outcome.total * float("nan")) if step.number == 1 else outcome

    monkeypatch.setattr(cmc.CMC, "loss", loss)
    pretrain(clip_folder, tmp_path / "run").refused(4, "at step 1 ")
    monkeypatch.setattr(cmc.CMC, "loss", plain)
    found = replay(tmp_path / "run", device="cpu")
    assert found.loss == seen[1]
    assert found.finite


def test_replay_of_a_run_whose_processes_were_tasks_says_that_it_is_one(command, pretrain, clip_folder, tmp_path):
    how = ["--optim.name", "sgd", "--optim.lr", 1e30, "--method.meta.reduce", "per_rank"]
    pretrain(clip_folder, tmp_path / "run", *how, recipe="tiny_mcn").refused(4, "at step ")
    said = "the run took 2 tasks a step, one a process; here"
    assert said not in command("replay", tmp_path / "run").out
    record = tmp_path / "run" / "environment.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"processes": 2}))
    assert said in command("replay", tmp_path / "run").out


@pytest.mark.parametrize("kind", ["bf16-mixed", "auto"])
def test_replay_of_a_run_in_bf16_where_there_is_none_is_in_float32_and_says_so(kind, command, exploded, monkeypatch):
    run, _ = exploded
    said = "in float32 here, where the run was in bf16"
    record = run / "environment.json"
    assert json.loads(record.read_text())["precision"] == "32-true"
    assert said not in command("replay", run, "--device", "cpu").out
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    made = checkpoint.load(run / "checkpoints" / "nonfinite.pt")
    made.recipe["train"]["precision"] = kind
    checkpoint.save(made, run / "checkpoints" / "nonfinite.pt")
    record.write_text(json.dumps(json.loads(record.read_text()) | {"precision": "bf16-mixed"}))
    again = command("replay", run, "--device", "cpu")
    assert again.code == 0
    assert said in again.out


def test_run_that_met_no_such_loss_is_refused(command, own_run):
    command("replay", own_run).refused(2, "nonfinite.pt", "nothing to replay")
    command("replay", own_run / "no").refused(2, "is not a run")


def test_training_retreats_at_half_the_rate_as_often_as_it_may(pretrain, clip_folder, tmp_path, monkeypatch):
    """Steps give no number at the whole rate from the second epoch on, nor at more than a quarter from the third on."""
    plain = cmc.CMC.loss

    def loss(self, batch, step):
        outcome = plain(self, batch, step)
        breaks = (step.number >= 6 and step.lr > 0.5) or (step.number >= 11 and step.lr > 0.25)
        return replace(outcome, total=outcome.total * float("nan")) if breaks else outcome

    monkeypatch.setattr(cmc.CMC, "loss", loss)
    how = ["--optim.lr", 1.0, "--optim.schedule", "constant", "--train.epochs", 3]
    pretrain(clip_folder, tmp_path / "one", *how, "--train.retreats", 1).refused(4, "at step 11 (lr 0.5")
    assert replay(tmp_path / "one", device="cpu").step.lr == 0.5
    resumed = pretrain(clip_folder, tmp_path / "one", *how, "--train.retreats", 2, "--resume")
    assert resumed.code == 0
    ended = pretrain(clip_folder, tmp_path / "two", *how, "--train.retreats", 2)
    assert ended.code == 0
    assert "back to step 5 with 1/2 of the learning rate" in ended.err
    assert "back to step 10 with 1/4 of the learning rate" in ended.err
    rates = [json.loads(line)["train/lr"] for line in (tmp_path / "two" / "metrics.jsonl").read_text().splitlines()]
    assert rates == [1.0, 0.5, 0.25]
    assert checkpoint.load(tmp_path / "two" / "checkpoints" / "last.pt").retreats == 2
