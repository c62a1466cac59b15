"""`kinema replay`: the step at which a run met a loss that is not a number, taken again."""

from dataclasses import replace

import pytest

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


def test_run_that_met_no_such_loss_is_refused(command, own_run):
    command("replay", own_run).refused(2, "nonfinite.pt", "nothing to replay")
    command("replay", own_run / "no").refused(2, "is not a run")
