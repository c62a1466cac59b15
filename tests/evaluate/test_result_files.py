import dataclasses
import json
import os
import subprocess
import sys
import time

import pytest
import torch

from kinema.errors import UsageError
from kinema.evaluate.origin import git_commit, origin
from kinema.evaluate.protocol import Result, file_name, fingerprint, read, recipe_hash, write
from kinema.evaluate.settings import LinearProbe
from kinema.evaluate.table import Table, comparison, overview, row_name
from kinema.settings import Recipe, Train


def changed(result: Result, part: str, **values) -> Result:
    return dataclasses.replace(result, **{part: dataclasses.replace(getattr(result, part), **values)})


def test_result_comes_back_as_it_was_written(tmp_path, result):
    result = changed(result, "protocol", settings=dataclasses.asdict(LinearProbe()), split="1")
    path = write(result, tmp_path / "results")
    assert path == tmp_path / "results" / "retrieval_mocap15_split_1.json"
    assert read(path) == result
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_file_from_before_a_field_came_is_read_with_its_default(tmp_path, result):
    path = write(result, tmp_path)
    content = json.loads(path.read_text())
    del content["subject"]["source"]
    path.write_text(json.dumps(content))
    assert read(path) == result


def test_row_of_converted_weights_names_their_file(result):
    subject = changed(result, "subject", method="coclr", recipe=None, source="k400-rgb.pth.tar, SHA-256 12ab").subject
    assert row_name(subject) == "CoCLR (k400-rgb.pth.tar)"


def test_file_is_readable_without_kinema(tmp_path, result):
    content = json.loads(write(result, tmp_path).read_text())
    assert content["score"]["values"]["R@1"] == 12.5
    assert content["protocol"]["clips"] == 10
    assert content["subject"]["weights"] == "pretrained"


@pytest.mark.parametrize(
    ("part", "values", "name"),
    [
        ("protocol", {}, "retrieval_mocap15.json"),
        ("subject", {"weights": "random init"}, "retrieval_mocap15_random_init.json"),
        ("protocol", {"data": "UCF101", "split": "2", "task": "knn"}, "knn_ucf101_split_2.json"),
        ("protocol", {"distance": "l2", "centred": True, "view": "both"}, "retrieval_mocap15_both_l2_centred.json"),
        ("protocol", {"data": "../my set"}, "retrieval_.._my_set.json"),
    ],
)
def test_file_name_follows_from_the_result(result, part, values, name):
    assert file_name(changed(result, part, **values)) == name


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda c: c["protocol"].pop("clips"), "field 'protocol.clips' is missing"),
        (lambda c: c["subject"].update(sed=1), "unknown field 'subject.sed'; did you mean 'seed'"),
        (lambda c: c["score"].update(value="12.5"), "field 'score.value' is \"12.5\", not float"),
        (lambda c: c["score"].update(interval=[1.0]), "field 'score.interval' is \\[1.0\\]"),
        (lambda c: c["score"]["values"].update(x=None), "field 'score.values.x' is null"),
        (lambda c: c["protocol"].update(clips=True), "field 'protocol.clips' is true, not int"),
        (lambda c: c["protocol"].update(task="guess"), "field 'protocol.task' is \"guess\""),
        (lambda c: c.update(origin=3), "field 'origin' is 3"),
        (lambda c: c.update(format=2), "field 'format' is 2"),
    ],
)
def test_file_with_a_wrong_field_is_refused_by_file_and_field(tmp_path, result, spoil, complaint):
    path = write(result, tmp_path)
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=complaint) as caught:
        read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_file_that_is_no_result_is_a_usage_error(tmp_path, content):
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"r\.json"):
        read(path)
    with pytest.raises(UsageError, match=r"absent\.json"):
        read(tmp_path / "absent.json")


def test_full_disk_leaves_the_earlier_file_whole(tmp_path, result, monkeypatch):
    path = write(result, tmp_path)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write(changed(result, "score", value=99.0), tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_folder_that_cannot_be_made_is_a_usage_error(tmp_path, result):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UsageError, match="cannot be written"):
        write(result, tmp_path / "taken")


def test_score_that_is_not_finite_is_never_written(tmp_path, result):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(changed(result, "score", value=float("nan")), tmp_path)
    assert not list(tmp_path.iterdir())


def test_fingerprint_knows_videos_and_classes_but_neither_order_nor_numbering():
    first = fingerprint(["a.avi", "b.avi"], torch.tensor([0, 1]), ("run", "walk"))
    assert fingerprint(["b.avi", "a.avi"], [0, 1], ("walk", "run")) == first
    assert fingerprint(["a.avi", "b.avi"], [1, 0], ("run", "walk")) != first
    assert fingerprint(["a.avi"], [0], ("run", "walk")) != first
    assert len(first) == 64


def test_recipe_hash_changes_with_any_setting():
    assert recipe_hash(Recipe()) == recipe_hash(Recipe())
    assert recipe_hash(Recipe()) != recipe_hash(Recipe(train=Train(seed=1)))


def test_origin_says_what_ran(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/kinema", "retrieve", "my run"])
    found = origin(time.time() - 2, "cpu")
    assert found.command == "kinema retrieve 'my run'"
    assert found.torch == torch.__version__
    assert found.device.startswith("cpu, ")
    assert 2 <= found.seconds < 60
    assert found.date.endswith("+00:00")


def test_commit_is_the_packages_own_and_marks_changes(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    assert git_commit(package) is None
    git("init", "-q")
    assert git_commit(package) is None  # lies in a repository, but is not part of it
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = git_commit(package)
    assert len(commit) == 40
    (package / "__init__.py").write_text("x = 1")
    assert git_commit(package) == f"{commit}+changes"


def test_rows_are_random_init_first_with_values_and_intervals(result):
    random = changed(changed(result, "subject", weights="random init", method=None, recipe=None), "score", value=8.0)
    table = comparison([result, random])
    assert [row[0] for row in table.rows] == ["random init", "MCN (tiny_mcn)"]
    assert table.header == ("", "backbone", "R@1", "R@5")
    assert table.rows[1] == ("MCN (tiny_mcn)", "r3d_18 x0.25, 2.08 M", "12.5 [9.5, 15.8]", "40.0")
    assert "450 test, 1200 train videos, 15 classes; 8x4 at 64 px, 10 clips x 1 crops, rgb, cosine" in table.title


def test_markdown_and_terminal_show_the_same_cells(result):
    from rich.console import Console

    table = comparison([changed(result, "subject", recipe="a|b")])
    lines = table.markdown().splitlines()
    assert lines[1] == "| --- | ---: | ---: | ---: |"
    assert lines[2] == "| MCN (a\\|b) | r3d_18 x0.25, 2.08 M | 12.5 [9.5, 15.8] | 40.0 |"
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table.rich())
    for cell in table.rows[0]:
        assert cell in captured.get()  # also the interval, whose brackets rich could take for markup


@pytest.mark.parametrize(
    ("values", "field"),
    [({"clips": 1}, "clips is 10 and 1"), ({"centred": True}, "centred"), ({"test_list": "00"}, "test_list")],
)
def test_results_of_different_protocols_are_refused_by_the_field(result, values, field):
    with pytest.raises(UsageError, match=field):
        comparison([result, changed(result, "protocol", **values)])


def test_results_with_different_figures_are_refused(result):
    with pytest.raises(UsageError, match="figures are"):
        comparison([result, changed(result, "score", values={"R@1": 1.0})])
    with pytest.raises(UsageError, match="no results"):
        comparison([])


def test_overview_has_a_column_for_each_protocol_and_a_dash_for_a_gap(result):
    random = changed(result, "subject", weights="random init")
    other = changed(result, "protocol", data="asl18", task="linear")
    other = changed(other, "score", metric="top1", values={"top1": 33.3}, intervals={})
    table = overview([result, other, random])
    assert table.header == ("", "mocap15 retrieval R@1", "asl18 linear probe top1")
    assert table.rows == (
        ("random init", "12.5 [9.5, 15.8]", "–"),
        ("MCN (tiny_mcn)", "12.5 [9.5, 15.8]", "33.3"),
    )


def test_turned_table_has_rows_for_columns():
    table = Table("t", ("", "R@1", "R@5"), (("one", "1", "2"), ("other", "3", "4")))
    assert table.turned() == Table("t", ("", "one", "other"), (("R@1", "1", "3"), ("R@5", "2", "4")))
    assert table.turned().turned() == table


def test_overview_refuses_two_protocols_or_two_results_in_one_column(result):
    random = changed(result, "subject", weights="random init")
    with pytest.raises(UsageError, match="crops is 1 and 3"):
        overview([random, changed(result, "protocol", crops=3)])
    with pytest.raises(UsageError, match="two results for 'MCN"):
        overview([result, result])


def test_settings_and_package_import_no_torch():
    code = "import sys, kinema.evaluate.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
