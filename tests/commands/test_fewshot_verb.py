"""`kinema fewshot`, from flags to result files and the report."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from kinema.batch import generator
from kinema.evaluate.episodes import Pool, draw_episodes
from kinema.evaluate.features import Features

QUICK = ["--evaluation.clips", "1"]
EPISODES = ["--fewshot.way", 2, "--fewshot.shots", 1, 2, "--fewshot.queries", 2, "--fewshot.episodes", 30]


def written(run, name):
    return json.loads((run / "results" / f"{name}.json").read_text())


def test_figures_are_those_of_the_features_beside_random_init(command, own_run, clip_folder):
    ended = command("fewshot", own_run, *QUICK, *EPISODES)
    assert ended.code == 0, ended.err
    assert "2-way 1-shot" in ended.out and "random init" in ended.out
    assert "2-shot episodes of random init: 30/30" in ended.err
    found = written(own_run, "fewshot_set_way_2")
    assert list(found["score"]["values"]) == ["2-way 1-shot", "2-way 2-shot"]
    assert written(own_run, "fewshot_set_way_2_random_init")["subject"]["weights"] == "random init"
    assert found["protocol"]["settings"] == {
        "way": 2,
        "shots": [1, 2],
        "queries": 2,
        "episodes": 30,
        "head": "centroid",
        "support": "train",
        "apart": "group",
        "seed": 0,
    }
    assert (found["protocol"]["queries"], found["protocol"]["gallery"]) == (4, 20)
    assert found["protocol"]["distance"] == "cosine"
    stores = [Features.load(path) for path in (own_run / "features").glob("*.npz")]
    assert len(stores) == 2
    loops = [plain_loop(store, clip_folder, shots=2) for store in stores]  # of both networks, in either order
    for name in ("fewshot_set_way_2", "fewshot_set_way_2_random_init"):
        assert any(written(own_run, name)["score"]["values"]["2-way 2-shot"] == pytest.approx(each) for each in loops)


def plain_loop(store, folder, shots):
    """The nearest-centroid accuracy in NumPy, from the features that the run keeps and the lists as they lie there."""
    vectors = dict(zip((path.split("|")[0] for path in store.paths), store.vectors.double().numpy(), strict=True))
    classes = (folder / "classes.txt").read_text().split()
    sides = []
    for name in ("train", "test"):
        lines = [line.split(",") for line in (folder / f"{name}.csv").read_text().splitlines()]
        lines = [line for line in lines if line[0] != "path"]
        features = np.array([vectors[str((folder / line[0]).resolve())] for line in lines])
        labels = [int(line[1]) if line[1].isdecimal() else classes.index(line[1]) for line in lines]
        units = [f"{name} {line[0].split('/')[-1][:6]}" for line in lines]  # slide/look03_0.mp4
        sides.append((features / np.linalg.norm(features, axis=1, keepdims=True), Pool(labels, units)))
    (support, given), (query, asked) = sides
    rng = generator("few-shot", shots, 0)
    right = []
    for episode in draw_episodes(given, asked, way=2, shots=shots, queries=2, episodes=30, rng=rng):
        centres = [support[rows].mean(0) for rows in episode.support.tolist()]
        for own, rows in enumerate(episode.query.tolist()):
            cosines = [[query[row] @ c / np.linalg.norm(c) for c in centres] for row in rows]
            right += [np.argmax(each) == own for each in cosines]
    return 100 * np.mean(right)


def test_features_are_shared_with_retrieval_and_other_choices_have_files_of_their_own(command, own_run):
    pytest.importorskip("sklearn")
    assert command("retrieve", own_run, *QUICK).code == 0
    flags = [*QUICK, *EPISODES, "--no-random-init"]
    first = command("fewshot", own_run, *flags, "--fewshot.head", "logistic")
    assert "features of" not in first.err
    command("fewshot", own_run, *flags, "--fewshot.support", "test", "--fewshot.shots", 1, "--fewshot.queries", 1)
    assert written(own_run, "fewshot_set_way_2_logistic")["protocol"]["distance"] is None
    alone = written(own_run, "fewshot_set_way_2_test_support")["protocol"]
    assert (alone["gallery"], alone["train_list"], alone["queries"]) == (0, "", 4)


def test_videos_without_groups_are_kept_apart_one_by_one_and_the_record_says_so(
    command, own_run, clip_folder, tmp_path
):
    bare = shutil.copytree(clip_folder, tmp_path / "bare")
    (bare / "meta.csv").unlink()
    ended = command("fewshot", own_run, *QUICK, *EPISODES, "--data", bare, "--no-random-init")
    assert ended.code == 0, ended.err
    assert written(own_run, "fewshot_bare_way_2")["protocol"]["settings"]["apart"] == "video"


def test_several_lists_are_folds(command, own_run, clip_folder):
    train, test = clip_folder / "train.csv", clip_folder / "test.csv"
    lists = ["--train", train, train, "--test", test, test]
    assert command("fewshot", own_run, *QUICK, *EPISODES, "--no-random-init", *lists).code == 0
    (path,) = (own_run / "results").glob("*folds*.json")
    assert json.loads(path.read_text())["protocol"]["queries"] == 8


def test_report_says_what_the_figure_is_of(command, own_run):
    assert command("fewshot", own_run, *QUICK, *EPISODES).code == 0
    assert command("report", own_run).code == 0
    page = (own_run / "report.html").read_text()
    assert "Few-shot classification on set" in page
    assert "mean over 30 episodes" in page
    assert "blind guessing among 2 equally frequent classes 50.0 %" in page
    assert "30 episodes of 2 queries a class, no group on both sides" in page


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("", "--fewshot.way is 5 of 2 classes with videos: give 2 or fewer"),
        ("--fewshot.way 2", "0 of 2 classes have 5 videos for the support and 15 .*"),
        ("--fewshot.way 2 --fewshot.queries 1 --fewshot.support test --fewshot.shots 1 2", "fewer --fewshot.shots"),
        ("--fewshot.episodes 0", "--fewshot.episodes is 0: give 2 or more"),
    ],
)
def test_too_little_data_is_refused_before_any_work(command, own_run, flags, complaint):
    command("fewshot", own_run, *QUICK, *flags.split()).refused(2, complaint.removesuffix(".*"))
    assert not (own_run / "features").exists()
