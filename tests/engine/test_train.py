import errno
import json
import multiprocessing
import os
import signal
from dataclasses import asdict, replace
from multiprocessing import forkserver

import pytest
import torch

from kinema import methods, precision
from kinema.engine import checkpoint
from kinema.engine import train as loop
from kinema.engine.optim import learning_rate
from kinema.engine.stopping import stop_on_signal, until_stopped
from kinema.engine.train import is_due, train
from kinema.errors import KinemaError, NonFiniteLoss, ReadersGone, Stopped, UsageError
from kinema.methods import mcn
from kinema.momentum import rising
from kinema.settings import CMC, MCN, Backbone, Clip, Contrast, MoCo, Optim, Recipe, Train, Views

TIMES = ("data_time", "step_time")
in_bf16 = pytest.mark.skipif(not precision.has_bf16(), reason="this CPU does not multiply in bf16")
SMALL = {"contrast": Contrast(negatives=8), "views": Views(dim=16)}


def recipe(method=None, **settings):
    return Recipe(
        method=method or MCN(**SMALL),
        clip=Clip(frames=4, stride=2, size=16),
        backbone=Backbone("r3d_vcop", width=1 / 16),
        optim=Optim(lr=0.02, schedule="cosine"),
        train=Train(**{"epochs": 3, "batch_size": 4, "workers": 0, "device": "cpu"} | settings),
    )


def run(clips, folder, chosen, *, start=None, report=None, probe=None, flow=None):
    """A run as `kinema.pretrain` starts it, and its method at the end."""
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    method = methods.build(chosen, len(clips))
    given = json.loads(json.dumps(asdict(chosen)))
    how = {"start": start, "report": report, "probe": probe, "flow": flow}
    trained = train(method, clips, chosen, folder, data={"name": "t"}, recipe_dict=given, **how)
    return method, trained


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def untimed(folder):
    return [{name: value for name, value in row.items() if not name.endswith(TIMES)} for row in rows(folder)]


def last(folder):
    return checkpoint.load(folder / "checkpoints" / "last.pt")


def assert_same(one, other):
    assert set(one) == set(other)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


@pytest.fixture(scope="module")
def whole(clips, tmp_path_factory):
    """A run of MCN that nothing interrupted: two steps an epoch, three epochs."""
    folder = tmp_path_factory.mktemp("whole")
    method, trained = run(clips, folder, recipe())
    return folder, method.state_dict(), trained


def test_run_ends_with_finite_figures_and_its_files(whole):
    folder, state, trained = whole
    assert (trained.step, trained.stopped_by) == (6, None)
    assert [(row["step"], row["epoch"]) for row in rows(folder)] == [(2, 1), (4, 2), (6, 3)]
    for row in rows(folder):
        assert {"train/loss", "train/lr", "train/grad_norm", "train/contrast", "train/binary"} <= set(row)
        assert {"train/data_time", "train/step_time"} <= set(row)
        assert all(torch.isfinite(torch.tensor(float(value))) for value in row.values())
    files = {path.name for path in folder.iterdir()} - {"tensorboard"}  # there where it is installed
    assert files == {"checkpoints", "metrics.csv", "metrics.jsonl"}
    assert {path.name for path in (folder / "checkpoints").iterdir()} == {"last.pt", "previous.pt"}
    assert last(folder).step == 6
    assert_same(last(folder).method, state)


def test_training_moves_weights_banks_and_statistics(whole, clips):
    _, state, _ = whole
    fresh = methods.build(recipe(), len(clips)).state_dict()
    still = {name for name, value in state.items() if torch.equal(value, fresh[name])}
    assert still == set()


def test_a_run_is_decided_by_its_seed(whole, clips, tmp_path):
    folder, state, _ = whole
    torch.manual_seed(123)
    again, _ = run(clips, tmp_path / "again", recipe())
    assert_same(again.state_dict(), state)
    assert untimed(tmp_path / "again") == untimed(folder)
    other, _ = run(clips, tmp_path / "other", recipe(seed=1))
    assert not torch.equal(other.state_dict()["projection.layers.0.weight"], state["projection.layers.0.weight"])


def test_workers_do_not_change_a_run(whole, clips, tmp_path):
    folder, state, _ = whole
    method, _ = run(clips, tmp_path, recipe(workers=2))
    assert_same(method.state_dict(), state)
    assert untimed(tmp_path) == untimed(folder)


def interrupt_at(step, number=signal.SIGTERM):
    def report(progress):
        if progress.step == step:
            os.kill(os.getpid(), number)

    return report


@pytest.mark.parametrize(("at", "workers"), [(3, 0), (3, 2), (4, 0)])  # within an epoch, and at its end
def test_interrupted_and_resumed_run_ends_as_one_that_was_not(whole, clips, tmp_path, at, workers):
    folder, state, trained = whole
    chosen = recipe(workers=workers)
    before = signal.getsignal(signal.SIGTERM)
    _, stopped = run(clips, tmp_path, chosen, report=interrupt_at(at))
    assert (stopped.step, stopped.stopped_by) == (at, signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    assert last(tmp_path).step == at
    method, resumed = run(clips, tmp_path, chosen, start=last(tmp_path))
    assert (resumed.step, resumed.stopped_by) == (6, None)
    assert_same(method.state_dict(), state)
    assert_same(last(tmp_path).method, last(folder).method)
    assert untimed(tmp_path) == untimed(folder)
    assert {name: value for name, value in resumed.figures.items() if name not in TIMES} == {
        name: value for name, value in trained.figures.items() if name not in TIMES
    }


@pytest.mark.parametrize(
    "method",
    [
        CMC(contrast=Contrast(negatives=8, form="nce", z_momentum=0.9), views=Views(dim=16)),
        replace(MCN(**SMALL), meta=replace(MCN().meta, order=2, resplit="iteration")),
    ],
)
@pytest.mark.parametrize("kind", ["32-true", pytest.param("bf16-mixed", marks=in_bf16)])
def test_other_methods_resume_exactly_too(clips, tmp_path, method, kind):
    chosen = replace(recipe(method, epochs=2, precision=kind), optim=Optim(name="adamw", lr=0.002))
    straight, _ = run(clips, tmp_path / "straight", chosen)
    run(clips, tmp_path / "broken", chosen, report=interrupt_at(1, signal.SIGINT))
    resumed, _ = run(clips, tmp_path / "broken", chosen, start=last(tmp_path / "broken"))
    assert_same(resumed.state_dict(), straight.state_dict())
    assert untimed(tmp_path / "broken") == untimed(tmp_path / "straight")


def test_run_on_flow_resumes_exactly_and_needs_the_flow(clips, flow_folder, tmp_path):
    chosen = recipe(CMC(contrast=Contrast(negatives=8), views=Views(second="flow", dim=16)), epochs=2)
    whole, _ = run(clips, tmp_path / "whole", chosen, flow=flow_folder)
    run(clips, tmp_path / "cut", chosen, report=interrupt_at(3), flow=flow_folder)
    again, _ = run(clips, tmp_path / "cut", chosen, start=last(tmp_path / "cut"), flow=flow_folder)
    assert_same(again.state_dict(), whole.state_dict())
    residual, _ = run(clips, tmp_path / "other", recipe(CMC(**SMALL), epochs=2))
    assert not torch.equal(residual.state_dict()["banks.rgb"], whole.state_dict()["banks.rgb"])


def test_resuming_a_finished_run_takes_no_step(whole, clips):
    folder, state, _ = whole
    before = untimed(folder)
    method, trained = run(clips, folder, recipe(), start=last(folder))
    assert trained.step == 6
    assert_same(method.state_dict(), state)
    assert untimed(folder) == before


def test_progress_is_reported_after_each_step(clips, tmp_path):
    seen = []
    run(
        clips, tmp_path, recipe(epochs=2), report=lambda p: seen.append((p.step, p.steps, p.epoch, p.figures()["loss"]))
    )
    assert [(step, steps, epoch) for step, steps, epoch, _ in seen] == [(1, 4, 0), (2, 4, 0), (3, 4, 1), (4, 4, 1)]
    logged = [row["train/loss"] for row in rows(tmp_path)]
    assert [loss for *_, loss in seen][1::2] == pytest.approx(logged)


def test_probe_is_taken_every_few_epochs_and_at_the_end(clips, tmp_path):
    run(clips, tmp_path, recipe(probe_every=2), probe=lambda: {"probe/knn_top1": 50.0})
    assert ["probe/knn_top1" in row for row in rows(tmp_path)] == [False, True, True]
    assert [is_due(epoch, 0, 3) for epoch in (1, 2, 3)] == [False] * 3


def test_probe_that_leaves_the_model_in_evaluation_mode_changes_nothing(whole, clips, tmp_path):
    _, state, _ = whole
    (tmp_path / "checkpoints").mkdir()
    chosen = recipe(probe_every=1)
    method = methods.build(chosen, len(clips))

    def probe():
        method.eval()
        return {}

    train(method, clips, chosen, tmp_path, data={}, recipe_dict={}, probe=probe)
    assert_same(method.state_dict(), state)


def test_checkpoints_are_kept_when_asked_for(clips, tmp_path):
    run(clips, tmp_path, recipe(keep_every=2))
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        *("epoch_0002.pt", "last.pt", "previous.pt")
    ]
    assert checkpoint.load(tmp_path / "checkpoints" / "epoch_0002.pt").step == 4


def breaking(monkeypatch, at, spoil):
    """From step `at` on, the loss is passed through `spoil`."""
    plain = mcn.MCN.loss

    def loss(self, batch, step):
        outcome = plain(self, batch, step)
        return replace(outcome, total=spoil(outcome.total)) if step.number >= at else outcome

    monkeypatch.setattr(mcn.MCN, "loss", loss)


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda total: total * float("nan"), "the loss is nan"),
        (lambda total: total + float("inf"), "the loss is inf"),
        (lambda total: total + (total - total.detach()).sqrt(), "the gradient's norm is "),  # its slope is infinite
    ],
)
def test_loss_or_gradient_that_is_no_number_stops_before_it_does_harm(clips, tmp_path, monkeypatch, spoil, name):
    breaking(monkeypatch, 3, spoil)
    with pytest.raises(NonFiniteLoss) as caught:
        run(clips, tmp_path, recipe())
    message = str(caught.value)
    assert caught.value.exit_code == 4
    assert "\n" not in message
    assert name in message
    assert "at step 3 " in message
    numbers = [int(number) for number in message.split("videos [")[1].split("]")[0].split(", ")]
    assert len(numbers) == 8
    assert f"first {clips[numbers[0]].path}" in message
    kept = last(tmp_path)
    assert kept.step == 2
    assert all(torch.isfinite(value).all() for value in kept.method.values())


def test_gradient_that_is_no_number_in_an_epochs_last_step_spares_the_checkpoint(clips, tmp_path, monkeypatch):
    breaking(monkeypatch, 3, lambda total: total + (total - total.detach()).sqrt())
    with pytest.raises(NonFiniteLoss):
        run(clips, tmp_path, recipe(epochs=2))
    assert last(tmp_path).step == 2


def test_full_disk_during_a_checkpoint_is_one_line_and_loses_nothing(clips, tmp_path, monkeypatch):
    plain = torch.save

    def save(content, file):
        if content["step"] > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(content, file)

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(KinemaError, match=r"No space left on device.*the one before it is kept"):
        run(clips, tmp_path, recipe())
    assert last(tmp_path).step == 2
    monkeypatch.setattr(torch, "save", plain)
    _, resumed = run(clips, tmp_path, recipe(), start=last(tmp_path))
    assert resumed.step == 6
    assert [row["step"] for row in rows(tmp_path)] == [2, 4, 6]


def test_gradient_is_clipped_to_the_norm_asked_for(clips, tmp_path):
    tight = replace(
        recipe(epochs=1), optim=Optim(lr=1.0, momentum=0.0, weight_decay=0.0, clip_grad=1e-3, schedule="constant")
    )
    method, _ = run(clips, tmp_path, replace(tight, method=replace(tight.method, meta=replace(MCN().meta, order=0))))
    fresh = methods.build(tight, len(clips))
    moved = sum((p - q).square().sum() for p, q in zip(method.parameters(), fresh.parameters(), strict=True)).sqrt()
    steps = last(tmp_path).step
    assert 0 < moved <= 1e-3 * steps * 1.01
    assert rows(tmp_path)[0]["train/grad_norm"] > 1e-3  # logged before clipping


def test_readers_that_end_with_the_job_are_no_error_but_a_stop():
    def batches():
        yield 1
        raise ReadersGone("killed")

    answers = iter([None, signal.SIGTERM, signal.SIGTERM])
    assert list(until_stopped(batches(), lambda: next(answers))) == [1]
    assert list(until_stopped(batches(), lambda: signal.SIGTERM)) == []
    with pytest.raises(ReadersGone):
        list(until_stopped(batches(), lambda: None))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_training_whose_readers_were_stopped_with_it_leaves_a_checkpoint_of_its_last_step(clips, tmp_path, number):
    """As `timeout` and clusters stop a job: the signal reaches every process of it."""
    chosen = recipe(workers=1, epochs=40)

    def stop(progress):
        if progress.step == 3:
            for reader in multiprocessing.active_children():
                os.kill(reader.pid, number)
            os.kill(os.getpid(), number)

    _, trained = run(clips, tmp_path, chosen, report=stop)
    assert trained.stopped_by == number
    assert checkpoint.load(tmp_path / "checkpoints" / "last.pt").step == trained.step == 3


def test_probe_whose_readers_were_stopped_with_it_asks_to_be_run_again(clips, tmp_path):
    def probe():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ReadersGone("killed")

    with pytest.raises(Stopped, match="stopped by SIGTERM while figures were taken") as caught:
        run(clips, tmp_path, recipe(), probe=probe)
    assert caught.value.exit_code == 75

    def killed():
        raise ReadersGone("killed")

    with pytest.raises(ReadersGone):
        run(clips, tmp_path / "again", recipe(), probe=killed)


def test_readers_leave_the_warning_before_a_time_limit_to_the_training(clips, tmp_path):
    before, servers = signal.signal(signal.SIGUSR1, signal.SIG_IGN), set()  # here only the readers are warned

    def warn(progress):
        servers.add(forkserver._forkserver._forkserver_pid)
        for process in [*servers, *(reader.pid for reader in multiprocessing.active_children())]:
            os.kill(process, signal.SIGUSR1)

    try:
        _, trained = run(clips, tmp_path, recipe(workers=1), report=warn)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (trained.step, trained.stopped_by) == (6, None)
    assert len(servers) == 1


def test_second_interrupt_ends_at_once():
    before = signal.getsignal(signal.SIGINT)  # a job in the background is started deaf to it
    with pytest.raises(KeyboardInterrupt), stop_on_signal() as stopped:
        os.kill(os.getpid(), signal.SIGINT)
        assert stopped() == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_mixed_precision_is_refused_on_a_cpu_without_it_before_anything_is_written(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    with pytest.raises(UsageError, match="bf16-mixed needs a GPU"):
        run(clips, tmp_path, recipe(precision="bf16-mixed"))
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoints"]


def test_no_weight_moves_while_a_method_waits_for_its_queue_to_fill(clips, tmp_path, monkeypatch):
    chosen = recipe(MoCo(queue=16, dim=16, fill_first=True), epochs=1)
    update, moved, fresh = loop.update, [], methods.build(chosen, len(clips))

    def noted(method, optim, outcome, lr):
        moved.append(int(method.queue.filled.sum()))
        assert_same(dict(method.named_parameters()), dict(fresh.named_parameters()))
        assert_same(method.key_backbone.weights(), fresh.key_backbone.weights())
        update(method, optim, outcome, lr)

    monkeypatch.setattr(loop, "update", noted)
    method, trained = run(clips, tmp_path, chosen)
    assert trained.step == 5
    assert moved == [16]  # at the last of the five steps
    assert "grad_norm" in trained.figures
    assert method.queue.place == 4


def test_rate_and_momentum_take_their_course_from_the_first_step_that_moves_a_weight(clips, tmp_path, monkeypatch):
    seen, update = [], loop.update

    def noted(method, optim, outcome, lr):
        update(method, optim, outcome, lr)
        seen.append((lr, float(method.momentum)))

    monkeypatch.setattr(loop, "update", noted)
    waits = MoCo(queue=12, dim=16, fill_first=True, momentum=0.9, rising=True)
    warm = replace(recipe(waits, epochs=3), optim=Optim(lr=0.02, schedule="cosine", warmup=0.25))
    run(clips, tmp_path / "straight", warm)  # 15 steps, 3 of which fill the queue
    assert [lr for lr, _ in seen] == pytest.approx([learning_rate(warm.optim, step, 12) for step in range(12)])
    assert [momentum for _, momentum in seen] == pytest.approx([rising(0.9, step / 12) for step in range(12)])

    straight = list(seen)
    seen.clear()
    for at in (2, 4):
        start = last(tmp_path / "broken") if at == 4 else None
        run(clips, tmp_path / "broken", warm, report=interrupt_at(at), start=start)
    run(clips, tmp_path / "broken", warm, start=last(tmp_path / "broken"))
    assert seen == straight
    assert untimed(tmp_path / "broken") == untimed(tmp_path / "straight")
