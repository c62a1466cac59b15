"""A run's folder: how it is begun, gone on with, replaced and begun from; nothing in it is ever lost."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch

from kinema import recipes
from kinema.engine import checkpoint
from kinema.errors import UsageError
from kinema.pretraining import pretrain
from kinema.run import Run, begin
from kinema.settings import CMC, Backbone, Clip, Contrast, Optim, Train

RECIPE = replace(
    recipes.get("tiny_cmc"),
    method=CMC(contrast=Contrast(negatives=8)),
    clip=Clip(frames=4, stride=2, size=32),
    backbone=Backbone("r3d_vcop", width=0.0625),
    train=Train(epochs=1, batch_size=4, workers=0, probe_every=0),
)
DATA = {"path": "videos", "split": 1, "name": "videos", "videos": 8, "classes": 0, "digest": "abc"}


@pytest.fixture(scope="module")
def made(clip_folder, tmp_path_factory) -> Run:
    """A finished run; to be read only."""
    run, _ = pretrain(RECIPE, data=clip_folder, out=tmp_path_factory.mktemp("runs") / "run")
    return run


@pytest.fixture
def again(clip_folder):
    """Pre-train with changes."""

    def call(out, recipe=RECIPE, data=clip_folder, **how):
        return pretrain(recipe, data=data, out=out, **how)

    return call


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_records_recipe_data_and_environment(made, clip_folder):
    assert made.recipe == RECIPE
    assert made.data["path"] == str(clip_folder)
    assert (made.data["videos"], made.data["classes"]) == (20, 2)
    assert made.read("environment.json")["packages"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_folder_that_holds_anything_is_not_begun_in(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not empty: use --resume"):
        begin(tmp_path, RECIPE, DATA, resume=False, overwrite=False)
    with pytest.raises(UsageError, match="is not a kinema run, so --overwrite leaves it alone"):
        begin(tmp_path, RECIPE, DATA, resume=False, overwrite=True)
    with pytest.raises(UsageError, match=r"is not a run: it has no recipe.json"):
        begin(tmp_path, RECIPE, DATA, resume=True, overwrite=False)
    assert files(tmp_path).keys() == {(tmp_path / "thesis.txt").relative_to(tmp_path)}


def test_empty_folder_is_begun_in(tmp_path):
    run = begin(tmp_path, RECIPE, DATA, resume=False, overwrite=False)
    assert run.recipe == RECIPE
    assert run.data == DATA


def leave(folder, *names):
    """What a program leaves that was killed while it began a run: empty folders, and these files."""
    for name in ("checkpoints", "results"):
        (folder / name).mkdir(parents=True)
    for name in names:
        (folder / name).write_text("{")


@pytest.mark.parametrize(
    "names", [(), ("data.json.partial",), ("data.json", "environment.json", "recipe.json.partial")]
)
@pytest.mark.parametrize("how", [{"resume": True}, {"resume": False}])
def test_run_that_was_killed_while_it_began_is_begun_again(again, tmp_path, names, how):
    leave(tmp_path / "run", *names)
    said = []
    run, trained = again(tmp_path / "run", say=said.append, **how)
    assert trained.step == 5
    assert not list(run.folder.rglob("*.partial"))
    assert any("was stopped before its first checkpoint" in line for line in said) == how["resume"]


def test_run_that_was_killed_before_its_first_checkpoint_begins_when_it_is_resumed(again, made, tmp_path):
    begin(tmp_path, RECIPE, made.data, resume=False, overwrite=False)
    (tmp_path / "checkpoints" / "last.pt.partial").write_bytes(b"half")
    with pytest.raises(UsageError, match=r"--resume goes on unchanged, but optim\.lr"):
        again(tmp_path, replace(RECIPE, optim=replace(RECIPE.optim, lr=0.5)), resume=True)
    _, trained = again(tmp_path, resume=True)
    assert trained.step == 5
    mine, theirs = (checkpoint.load(run.checkpoint).method for run in (Run(tmp_path), made))
    assert all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_files_of_someone_else_are_not_taken_for_the_beginning_of_a_run(tmp_path):
    for name in ("data.json", "thesis.txt"):
        folder = tmp_path / name.split(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(UsageError, match="is not empty"):
            begin(folder, RECIPE, DATA, resume=False, overwrite=False)
        with pytest.raises(UsageError, match="is not a run: it has no"):
            begin(folder, RECIPE, DATA, resume=True, overwrite=False)
    with pytest.raises(UsageError, match="is not a run: it has no"):
        begin(tmp_path / "nowhere", RECIPE, DATA, resume=True, overwrite=False)


def test_run_whose_checkpoint_was_taken_away_is_not_begun_again(again, made, tmp_path):
    folder = shutil.copytree(made.folder, tmp_path / "run")
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="no checkpoint at"):
        again(folder, resume=True)


def test_overwrite_renames_each_run_before_it(tmp_path):
    folder = tmp_path / "run"
    for number in range(3):
        recipe = replace(RECIPE, train=replace(RECIPE.train, seed=number))
        begin(folder, recipe, DATA, resume=False, overwrite=True)
    seeds = {path.name: Run(path).recipe.train.seed for path in tmp_path.iterdir()}
    assert seeds == {"run": 2, "run.replaced-1": 0, "run.replaced-2": 1}


def test_overwrite_keeps_the_old_run_whole(made, again, tmp_path):
    first, _ = again(tmp_path / "run")
    before = files(first.folder)
    again(tmp_path / "run", replace(RECIPE, train=replace(RECIPE.train, seed=1)), overwrite=True)
    assert files(tmp_path / "run.replaced-1") == before
    assert Run(tmp_path / "run").recipe.train.seed == 1
    old, new = (checkpoint.load(Run(tmp_path / name).checkpoint) for name in ("run.replaced-1", "run"))
    assert old.method.keys() == new.method.keys()
    assert any(not torch.equal(value, new.method[name]) for name, value in old.method.items())


def test_finished_run_is_resumed_without_harm(made, again):
    before = files(made.folder)
    _, ended = again(made.folder, resume=True)
    assert ended.step == 5
    after = files(made.folder)
    assert {name: after[name] for name in before if name.parts[0] != "tensorboard"} == {
        name: content for name, content in before.items() if name.parts[0] != "tensorboard"
    }


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"optim": replace(RECIPE.optim, lr=0.5)}, r"optim.lr: 0.001 -> 0.5"),
        ({"train": replace(RECIPE.train, epochs=2)}, r"train.epochs: 1 -> 2"),
        ({"clip": Clip(frames=4, stride=1, size=32)}, r"clip.stride: 2 -> 1"),
        ({"method": CMC(contrast=Contrast(negatives=9))}, r"method.contrast.negatives: 8 -> 9"),
    ],
)
def test_resuming_with_a_changed_setting_is_refused(made, again, change, named):
    before = files(made.folder)
    given = r"give the settings that it was begun with, or start anew with --init-from"
    with pytest.raises(UsageError, match=f"--resume goes on unchanged, but {named}: {given}"):
        again(made.folder, replace(RECIPE, **change), resume=True)
    assert files(made.folder) == before


def test_resuming_with_a_changed_setting_names_the_command_that_the_run_was_begun_with(made, again):
    about = made.read("environment.json")
    try:
        made.write("environment.json", about | {"command": "kinema pretrain tiny_cmc --out runs/cmc"})
        with pytest.raises(UsageError, match=r"the flags that it was begun with \(`kinema pretrain tiny_cmc --out"):
            again(made.folder, replace(RECIPE, optim=replace(RECIPE.optim, lr=0.5)), resume=True)
    finally:
        made.write("environment.json", about)


def test_resuming_on_another_list_is_refused(made, again, clips, tmp_path):
    before = files(made.folder)
    for name, videos in (("fewer", clips[:8]), ("reordered", clips[::-1])):
        data = tmp_path / f"{name}.csv"
        data.write_text("".join(f"{video.path}\n" for video in videos))
        with pytest.raises(UsageError, match=f"{name}.csv now lists other videos than .* did: restore the list"):
            again(made.folder, data=data, resume=True)
    assert files(made.folder) == before


def test_init_from_takes_the_backbone_and_nothing_else(made, again, tmp_path, monkeypatch):
    from kinema import pretraining

    begun = {}

    def stopped(method, *rest, start, **more):
        begun.update({name: value.clone() for name, value in method.state_dict().items()})
        assert start is None
        raise UsageError("enough")

    monkeypatch.setattr(pretraining, "train", stopped)
    other = replace(RECIPE, train=replace(RECIPE.train, seed=5), optim=Optim(lr=0.1))
    for source in (made.folder, made.checkpoint):
        with pytest.raises(UsageError, match="enough"):
            again(tmp_path / source.name, other, init_from=source)
        saved = checkpoint.load(made.checkpoint).method
        same = {name for name, value in begun.items() if torch.equal(saved[name], value)}
        assert same >= {name for name in begun if name.startswith("backbone.")}
        assert not same & {name for name in begun if "bank" in name and begun[name].dim() == 2}
        assert Run(tmp_path / source.name).recipe == other


def test_init_from_needs_a_new_folder(made, again):
    before = files(made.folder)
    with pytest.raises(UsageError, match="is not empty"):
        again(made.folder, init_from=made.folder)
    assert files(made.folder) == before


@pytest.mark.parametrize(
    "both",
    [
        {"resume": True, "overwrite": True},
        {"resume": True, "init_from": "runs/other"},
        {"resume": True, "overwrite": True, "init_from": "runs/other"},
    ],
)
def test_to_resume_excludes_a_new_beginning(made, again, both):
    before = files(made.folder)
    with pytest.raises(UsageError, match="--resume goes on with the run in --out, so it goes with neither --init-from"):
        again(made.folder, **both)
    assert files(made.folder) == before


def test_a_run_that_is_replaced_may_begin_with_its_own_weights_or_anothers(made, again, tmp_path):
    shutil.copytree(made.folder, tmp_path / "run")
    before, still = files(tmp_path / "run"), replace(RECIPE, optim=Optim("sgd", lr=1e-9))
    run, _ = again(tmp_path / "run", still, init_from=tmp_path / "run", overwrite=True)
    old, new = (checkpoint.load(each.checkpoint).method for each in (made, run))
    names = [name for name in old if name.startswith("backbone.") and name.endswith("weight")]
    assert names
    assert all(torch.allclose(old[name], new[name], atol=1e-6) for name in names)
    assert files(tmp_path / "run.replaced-1") == before


def test_nothing_is_replaced_where_what_to_begin_with_is_not_there(made, again, tmp_path):
    shutil.copytree(made.folder, tmp_path / "run")
    with pytest.raises(UsageError, match="no checkpoint at"):
        again(tmp_path / "run", init_from=tmp_path / "nowhere", overwrite=True)
    assert files(tmp_path / "run") == files(made.folder)
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_json_of_a_run_is_written_whole_or_not_at_all(made, tmp_path):
    run = Run(tmp_path)
    run.write("data.json", DATA)
    with pytest.raises(TypeError):
        run.write("data.json", {"videos": object()})
    assert json.loads((tmp_path / "data.json").read_text()) == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["data.json"]


@pytest.mark.parametrize("change", [{"workers": 3}, {"checkpoint_activations": True}])
def test_resumed_run_may_move_to_another_number_of_workers_and_to_less_memory(tmp_path, change):
    run = begin(tmp_path / "run", RECIPE, DATA, resume=False, overwrite=False)
    moved = replace(RECIPE, train=replace(RECIPE.train, **change))
    assert begin(run.folder, moved, DATA, resume=True, overwrite=False) == run


def test_resumed_run_may_take_its_meta_gradient_in_the_other_form(tmp_path):
    recipe = recipes.get("tiny_mcn")
    run = begin(tmp_path / "run", recipe, DATA, resume=False, overwrite=False)
    moved = replace(recipe, method=replace(recipe.method, meta=replace(recipe.method.meta, form="hvp")))
    assert begin(run.folder, moved, DATA, resume=True, overwrite=False) == run


def test_run_begun_before_a_setting_came_to_kinema_goes_on(tmp_path):
    folder = tmp_path / "run"
    run = begin(folder, RECIPE, DATA, resume=False, overwrite=False)
    older = run.read("recipe.json")
    del older["train"]["batches"]
    run.write("recipe.json", older)
    assert begin(folder, RECIPE, DATA, resume=True, overwrite=False) == run
