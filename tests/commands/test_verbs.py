"""Every verb once, from flags to files, on small videos; and the same from Python."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

import kinema
from kinema import checkup, recipes
from kinema.data.decode import open_video
from kinema.engine import checkpoint
from kinema.evaluate.features import Features
from kinema.precision import has_bf16
from kinema.run import Run
from kinema.settings import CMC, MCN

in_bf16 = pytest.mark.skipif(not has_bf16(), reason="this CPU does not multiply in bf16")
QUICK = ["--evaluation.clips", "2"]


def result(run, name):
    return json.loads((run / "results" / f"{name}.json").read_text())


def test_data_synthetic_makes_a_set_that_data_check_finds_nothing_wrong_with(command, tmp_path):
    folder = tmp_path / "set"
    looks = ("--motions", 4, "--train-looks", 2, "--test-looks", 1)
    made = command("data", "synthetic", folder, "--train", 8, "--test", 8, "--frames", 5, "--size", 32, *looks)
    assert made.code == 0
    assert sorted(path.name for path in folder.glob("train/*/*.mp4")) == 4 * ["look00_0.mp4"] + 4 * ["look01_0.mp4"]
    assert f"made 8 train and 8 test clips in {folder}" in made.err
    checked = command("data", "check", folder, "--frames", 5, "--workers", 0, "--json", tmp_path / "report.json")
    assert checked.code == 0
    assert "no problems found" in checked.out
    assert json.loads((tmp_path / "report.json").read_text())["sides"]["train"]["videos"] == 8


def test_pretrain_mcn_writes_a_run_that_keeps_all_its_settings(command, pretrain, clip_folder, tmp_path):
    out = tmp_path / "mcn"
    ended = pretrain(clip_folder, out, "--method.alpha", 0.3, "--method.meta.order", 2, recipe="tiny_mcn")
    assert ended.code == 0
    assert "chance loss: contrast 4.394" in ended.err  # 2 ln(1 + 8): two directions, eight negatives
    assert f"next: kinema retrieve {out}" in ended.err
    recipe = Run(out).recipe
    assert isinstance(recipe.method, MCN)
    assert (recipe.recipe, recipe.method.alpha, recipe.method.meta.order) == ("tiny_mcn", 0.3, 2)
    assert recipe.method.meta.resplit == "iteration"  # the recipe's own, given by no flag
    assert checkpoint.load(Run(out).checkpoint).step == 2  # 20 videos, 4 + 4 a step
    assert Run(out).data["videos"] == 20
    assert {path.name for path in out.iterdir()} >= {"metrics.jsonl", "metrics.csv", "environment.json"}


def test_batches_of_look_alikes_are_made_from_thumbnails_that_the_run_keeps(pretrain, clip_folder, tmp_path):
    alike = ("--train.batches", "look_alikes", "--method.contrast.source", "batch")
    out = tmp_path / "alike"
    ended = pretrain(clip_folder, out, *alike, "--train.epochs", 2, recipe="tiny_mcn")
    assert ended.code == 0
    assert "looks of videos: 20/20" in ended.err
    assert "chance loss: contrast 2.773" in ended.err  # 2 ln 4: two directions, four videos a stage
    assert np.load(out / "appearance.npy").shape == (20, 108)
    assert not [name for name in checkpoint.load(Run(out).checkpoint).method if name.startswith("banks")]


def test_pretrain_cmc_logs_an_epoch_with_online_figures(trained):
    assert isinstance(Run(trained).recipe.method, CMC)
    (row,) = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert (row["step"], row["epoch"]) == (5, 1)
    assert 0 <= row["probe/knn_top1"] <= 100


def test_retrieve_and_knn_write_results_beside_random_init(command, own_run):
    found = command("retrieve", own_run, *QUICK)
    assert found.code == 0
    assert "random" in found.out
    assert "CMC" in found.out
    assert "features of pretrained: 20/20" in found.err
    for name, weights in (("retrieval_set", "pretrained"), ("retrieval_set_random_init", "random init")):
        written = result(own_run, name)
        assert written["subject"]["weights"] == weights
        assert (written["protocol"]["queries"], written["protocol"]["gallery"]) == (4, 20)
        assert list(written["score"]["values"]) == ["R@1", "R@5", "R@10", "R@20", "R@50"]
        assert written["score"]["values"]["R@20"] == 100  # all of the gallery, and both classes are in it
        assert written["score"]["interval"] is not None
    voted = command("knn", own_run, *QUICK, "--no-random-init")
    assert voted.code == 0
    assert "features" not in voted.err  # kept from retrieval
    assert result(own_run, "knn_set")["protocol"]["settings"]["k"] == 20
    assert not (own_run / "results" / "knn_set_random_init.json").exists()


@in_bf16
def test_result_of_other_lists_of_the_same_name_is_kept_and_said(command, own_run, clip_folder, tmp_path):
    def evaluated(most):
        for side in ("train", "test"):
            clips = sorted((clip_folder / side).glob("*/*.mp4"))[::most]
            (tmp_path / f"{side}.csv").write_text("".join(f"{clip},{clip.parent.name}\n" for clip in clips))
        lists = ["--train", tmp_path / "train.csv", "--test", tmp_path / "test.csv"]
        return command("retrieve", own_run, *lists, *QUICK, "--no-random-init")

    results = own_run / "results"
    assert evaluated(1).code == 0
    [path] = results.glob("retrieval*")
    first = path.read_bytes()
    assert "kept as" not in evaluated(1).err, "the same lists again"
    assert f"it is kept as {path.name}.of-other-lists-1" in evaluated(2).err
    assert (results / f"{path.name}.of-other-lists-1").read_bytes() != path.read_bytes()
    assert json.loads((results / f"{path.name}.of-other-lists-1").read_text())["score"] == json.loads(first)["score"]
    assert "of-other-lists-2" in evaluated(1).err


def test_features_in_bf16_have_results_of_their_own_that_say_so(command, own_run):
    assert command("knn", own_run, *QUICK, "--no-random-init").code == 0
    plain = result(own_run, "knn_set")
    found = command("knn", own_run, *QUICK, "--no-random-init", "--evaluation.precision", "bf16-mixed")
    assert found.code == 0
    assert "features of pretrained: 20/20" in found.err  # not those in float32
    assert "bf16" in found.out
    assert result(own_run, "knn_set_bf16")["protocol"]["settings"]["feature_precision"] == "bf16-mixed"
    assert "feature_precision" not in plain["protocol"]["settings"]
    assert result(own_run, "knn_set") == plain


def test_precision_of_features_is_refused_where_none_are_measured(command, own_run):
    flags = [*QUICK, "--no-random-init", "--evaluation.precision", "bf16-mixed"]
    for verb in ("finetune", "motionshare"):
        command(verb, own_run, *flags).refused(2, "--evaluation.precision is for features", "leave it out")


def test_linear_probe_chooses_on_train_videos_and_writes_what_it_chose(command, own_run):
    flags = ["--linear.epochs", "3", "--linear.lrs", "0.1", "0.01", "--linear.weight-decays", "0.001"]
    assert command("linear", own_run, *QUICK, *flags).code == 0
    written = result(own_run, "linear_set")
    assert written["score"]["chosen"]["lr"] in (0.1, 0.01)
    assert written["protocol"]["selection"] == "20% of the train videos"


@pytest.mark.parametrize(("who", "said"), [("{name}", False), ("ann", True)])
@pytest.mark.parametrize("verb", ["linear", "finetune"])
def test_that_groups_could_not_be_held_out_whole_is_said(command, own_run, clip_folder, tmp_path, verb, who, said):
    clips = sorted((clip_folder / "train").glob("*/*.mp4"))
    rows = [f"{clip},{clip.parent.name},{who.format(name=clip.stem)}\n" for clip in clips]
    (tmp_path / "train.csv").write_text("path,label,person\n" + "".join(rows))
    test = [f"{clip},{clip.parent.name}\n" for clip in sorted((clip_folder / "test").glob("*/*.mp4"))]
    (tmp_path / "test.csv").write_text("".join(test))
    lists = ["--train", tmp_path / "train.csv", "--test", tmp_path / "test.csv", "--no-random-init"]
    epochs = ["--finetune.epochs", 1, "--finetune.batch-size", 8] if verb == "finetune" else []
    ended = command(verb, own_run, *lists, *QUICK, *epochs)
    assert ended.code == 0
    assert ended.err.count("held out one by one, as no whole groups could be") == said


def test_finetuning_that_auto_has_in_bf16_is_recorded_as_such(command, own_run, monkeypatch):
    flags = ["--finetune.epochs", "1", "--finetune.batch-size", "8", "--no-random-init"]
    for name in ("kinema.evaluation.mixed", "kinema.evaluate.finetune.mixed"):  # as on a GPU
        monkeypatch.setattr(name, lambda precision, device, flag: precision != "32-true")
    assert command("finetune", own_run, *QUICK, *flags).code == 0
    assert result(own_run, "finetune_set")["protocol"]["settings"]["precision"] == "bf16-mixed"


def test_finetune_trains_the_whole_network(command, own_run):
    flags = ["--finetune.epochs", "1", "--finetune.batch-size", "8", "--no-random-init"]
    assert command("finetune", own_run, *QUICK, *flags).code == 0
    written = result(own_run, "finetune_set")
    assert written["protocol"]["settings"]["epochs"] == 1
    assert written["score"]["values"]["top1"] in (0, 25, 50, 75, 100)  # of four test videos


def test_several_lists_are_folds_and_their_mean_is_reported(command, own_run, clip_folder):
    train, test = clip_folder / "train.csv", clip_folder / "test.csv"
    ended = command("retrieve", own_run, *QUICK, "--no-random-init", "--train", train, train, "--test", test, test)
    assert ended.code == 0
    (path,) = (own_run / "results").glob("*folds*.json")
    written = json.loads(path.read_text())
    assert written["protocol"]["split"] == "mean over 2 folds"
    assert written["protocol"]["queries"] == 8


def test_report_is_one_page_with_scores_and_pictures(command, own_run):
    assert command("retrieve", own_run, *QUICK).code == 0
    ended = command("report", own_run)
    assert ended.code == 0
    assert ended.out.strip() == str(own_run / "report.html")
    page = (own_run / "report.html").read_text()
    assert "R@1" in page
    assert "data:image/" in page
    assert 'src="http' not in page


def test_list_names_every_recipe_method_and_backbone(command):
    ended = command("list")
    assert ended.code == 0
    for name in (*recipes.RECIPES, "r3d_18", "s3d", "cmc", "mcn"):
        assert f"  {name} " in ended.out
    only = command("list", "methods").out
    assert "Meta-Contrastive" in only
    assert "r3d_18" not in only


def test_doctor_says_what_there_is(command):
    ended = command("doctor")
    for said in (
        *("  torch  ", "decoder pyav                    works", "decoder taken  ", "device", "processors: "),
        *("memory: ", "disk for runs", "disk for temporary files", "open files a process: "),
    ):
        assert said in ended.out


def test_doctor_names_each_problem_with_its_remedy_and_exits_1(command, monkeypatch):
    monkeypatch.setattr(checkup, "FILES", 10**9)
    ended = command("doctor")
    (problem,) = [line for line in ended.out.splitlines() if line.startswith("problem: only ")]
    assert "ulimit -n" in problem
    assert "nothing is wrong" not in ended.out
    assert ended.code == 1


def test_doctor_exits_0_where_there_is_no_more_than_advice(command, monkeypatch):
    for look in ("decoders", "devices", "memory", "storage", "open_files"):
        monkeypatch.setattr(checkup, look, checkup.Findings)
    monkeypatch.setattr(checkup, "processors", lambda: checkup.Findings([], [], ["set OMP_NUM_THREADS=2"]))
    ended = command("doctor")
    assert ended.out.splitlines()[-2:] == ["advice: set OMP_NUM_THREADS=2", "nothing is wrong"]
    assert ended.code == 0


def test_doctor_stops_at_a_package_that_is_missing(command, monkeypatch):
    monkeypatch.setattr(checkup, "requires", lambda name: ["no-such-package>=1"])
    ended = command("doctor")
    assert "problem: no-such-package cannot be imported" in ended.out
    assert "decoder" not in ended.out
    assert ended.code == 1


def test_version_is_printed(command):
    ended = command("--version")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("kinema 0.")


def test_python_pretrains_and_embeds_as_the_command_line_does(command, trained, clip_folder, tmp_path):
    recipe = Run(trained).recipe
    run, ended = kinema.pretrain(recipe, data=clip_folder, out=tmp_path / "python")
    assert ended.step == 5
    one, other = checkpoint.load(Run(trained).checkpoint), checkpoint.load(run.checkpoint)
    assert all(torch.equal(one.method[name], value) for name, value in other.method.items())

    assert command("retrieve", run.folder, *QUICK, "--no-random-init").code == 0
    (kept,) = [Features.load(path) for path in (run.folder / "features").glob("*.npz")]
    video = sorted((clip_folder / "test").glob("*/*.mp4"))[0]
    (row,) = [number for number, path in enumerate(kept.paths) if path.startswith(str(video.resolve()))]
    feature = kinema.load(run.folder).embed(video, clips=2)
    assert feature.dtype == torch.float32
    assert feature.norm() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(feature, torch.nn.functional.normalize(kept.vectors[row], dim=0))


def test_python_raises_what_the_command_line_prints(clip_folder, tmp_path):
    from kinema.errors import UsageError

    with pytest.raises(UsageError, match="unknown recipe 'mcnn': did you mean 'mcn'"):
        kinema.pretrain("mcnn", data=clip_folder, out=tmp_path / "run")
    with pytest.raises(UsageError, match="no checkpoint at"):
        kinema.load(tmp_path / "nowhere")
    with pytest.raises(AttributeError, match="no attribute 'pretrane'"):
        kinema.pretrane  # noqa: B018


def test_embedding_looks_at_pixels(trained, clip_folder):
    encoder = kinema.load(trained)
    one, other = sorted((clip_folder / "test").glob("*/*.mp4"))[:2]
    assert not torch.allclose(encoder.embed(one), encoder.embed(other))
    with open_video(one) as reader:
        assert reader.num_frames == 12


def test_test_videos_that_are_train_videos_are_pointed_out(command, own_run, clip_folder):
    both = ("--train", clip_folder / "train.csv", "--test", clip_folder / "train.csv")
    ended = command("retrieve", own_run, "--no-random-init", *both, *QUICK)
    assert "20 of 20 test videos of set/train are train videos too: figures are too high" in ended.err
    apart = command("retrieve", own_run, "--no-random-init", "--data", clip_folder, *QUICK)
    assert (apart.code, "train videos too" in apart.err) == (0, False)


def test_ks_beyond_the_train_videos_are_pointed_out(command, own_run):
    said = command("retrieve", own_run, "--evaluation.clips", 1, "--evaluation.ks", 1, 20, 21, 50, "--no-random-init")
    assert "there are 20 train videos: for R@21 and R@50 all of them are looked at" in " ".join(said.err.split())
    said = command("retrieve", own_run, "--evaluation.clips", 1, "--evaluation.ks", 1, 20, "--no-random-init")
    assert "all of them" not in said.err


def test_result_of_an_unfinished_run_says_how_far_it_was(command, own_run):
    (own_run / "metrics.jsonl").write_text('{"step": 5, "epoch": 1}\n')
    recipe = json.loads((own_run / "recipe.json").read_text())
    recipe["train"]["epochs"] = 9
    (own_run / "recipe.json").write_text(json.dumps(recipe))
    ended = command("retrieve", own_run, "--evaluation.clips", 1, "--no-random-init")
    assert f"{own_run} is unfinished: 1 of 9 epochs" in ended.err
    (result,) = (own_run / "results").glob("retrieval*.json")
    assert json.loads(result.read_text())["subject"]["epoch"] == 1


@pytest.mark.slow
def test_demo_learns_motion_twenty_points_above_random_init(command, tmp_path):
    assert command("demo", "--out", tmp_path).code == 0
    found = {}
    for path in tmp_path.glob("*/results/retrieval*.json"):
        written = json.loads(path.read_text())
        found[written["subject"]["method"]] = written["score"]["values"]["R@1"]
    assert set(found) == {None, "cmc", "mcn"}
    assert min(found["cmc"], found["mcn"]) >= found[None] + 20
    assert (tmp_path / "mcn" / "report.html").stat().st_size > 10_000


def test_retrieve_draws_random_test_videos_with_their_neighbours(command, own_run, tmp_path):
    pictures = []
    for seed in (0, 1):
        grid = tmp_path / "pictures" / f"{seed}.png"
        flags = ("--evaluation.clips", 1, "--no-random-init", "--grid", grid, "--grid-seed", seed)
        ended = command("retrieve", own_run, *flags)
        assert ended.code == 0, ended.err
        assert f"neighbours drawn in {grid}" in ended.err
        pictures.append(grid.read_bytes())
        with Image.open(grid) as picture:
            assert picture.width > 500
    assert pictures[0] != pictures[1]
