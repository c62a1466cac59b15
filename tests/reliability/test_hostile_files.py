"""Files that somebody made to do harm: refused in one line, soon, and in little memory."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from kinema import archive, cli, loading
from kinema.conversion import reading
from kinema.data import sources
from kinema.data.decode import open_video
from kinema.data.flow_folder import open_folder
from kinema.data.store import Store
from kinema.data.store_format import VIDEO
from kinema.data.video import Video
from kinema.engine import checkpoint, log
from kinema.errors import KinemaError
from kinema.evaluate import protocol
from kinema.evaluate.features import Features
from kinema.looks import kept_looks
from kinema.run import Run

SECONDS = 10
"""Of the processor's time, for what would take for ever; refusing takes a few milliseconds."""


@pytest.fixture(autouse=True)
def bounded(little_memory):
    """Every refusal here is soon, and takes little memory."""
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


@pytest.fixture
def run(trained, tmp_path) -> Run:
    """A run to do anything to."""
    return Run(Path(shutil.copytree(trained, tmp_path / "run")))


def refused(read, *said: str) -> str:
    with pytest.raises(KinemaError) as caught:
        read()
    message = str(caught.value)
    assert caught.value.exit_code in (2, 3)
    assert "\n" not in message
    for part in said:
        assert part in message
    return message


def rewrite(path: Path, change, kind: int = zipfile.ZIP_STORED) -> None:
    """Write an archive again, with its pickle changed."""
    with zipfile.ZipFile(path) as before:
        parts = {part.filename: before.read(part) for part in before.infolist()}
    with zipfile.ZipFile(path, "w", kind) as after:
        for name, content in parts.items():
            after.writestr(name, change(content) if name.endswith("data.pkl") else content)


def tower(height: int) -> bytes:
    """A pickle of a dictionary with one key, a tuple that holds the next twice, and so on; two bytes a storey."""
    storeys = b"".join(b"h" + bytes([number]) + b"\x86q" + bytes([number + 1]) for number in range(height))
    return b"\x80\x02}X\x01\x00\x00\x00aq\x00" + storeys + b"K\x01s."


# ---- checkpoints ----


def test_pickle_that_would_never_end_is_refused(run, tmp_path):
    rewrite(run.checkpoint, lambda content: tower(80))
    refused(lambda: checkpoint.load(run.checkpoint), "has more objects than any checkpoint")
    foreign = tmp_path / "foreign.pth"
    torch.save({"a": 1}, foreign, _use_new_zipfile_serialization=False)
    foreign.write_bytes(foreign.read_bytes().replace(pickle.dumps({"a": 1}, 2), tower(80)))
    refused(lambda: reading.read(foreign, ("",)), "has more objects than any checkpoint")


def test_checkpoint_of_many_tensors_is_far_from_too_much(tmp_path):
    torch.save({f"layer{number}.weight": torch.zeros(1) for number in range(5000)}, tmp_path / "many.pt")
    archive.check_saved(tmp_path / "many.pt")
    with zipfile.ZipFile(tmp_path / "many.pt") as file:
        assert 20 * file.getinfo("many/data.pkl").file_size < archive.MOST_STRUCTURE


def test_structure_without_end_is_refused(run, monkeypatch):
    monkeypatch.setattr(archive, "MOST_STRUCTURE", 1000)
    refused(lambda: checkpoint.load(run.checkpoint), "bytes without any tensor")


def test_compressed_parts_are_refused_before_they_are_opened(run):
    with zipfile.ZipFile(run.checkpoint, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("last/data.pkl", bytes(2**26))
    assert run.checkpoint.stat().st_size < 2**17
    refused(lambda: checkpoint.load(run.checkpoint), "a part is compressed")
    features = next(run.folder.glob("features/*.npz"))
    np.savez_compressed(features, vectors=np.zeros((2**20, 16)), labels=[0], paths=["a"], classes=["b"])
    refused(lambda: Features.load(features), "a part is compressed")


def test_parts_that_claim_more_than_the_file_has_are_refused(run):
    with zipfile.ZipFile(run.checkpoint, "w") as bomb:
        bomb.writestr("last/data.pkl", b"\x80\x02}.")
        bomb.writestr("last/data/0", b"1234")
        bomb.filelist[1].file_size = bomb.filelist[1].compress_size = 2**40
    refused(lambda: checkpoint.load(run.checkpoint), "claim to be larger than the file")


def test_two_parts_of_one_name_are_refused(run):
    with zipfile.ZipFile(run.checkpoint, "a") as twice:
        twice.writestr(twice.namelist()[0].upper(), b"other")
    refused(lambda: checkpoint.load(run.checkpoint), "two parts have the same name")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("recipe", "[" * 100_000), ("recipe", "9" * 5000), ("recipe", "[]"), ("recipe", 3), ("data", None)),
        *(("step", -1), ("step", 10**30), ("step", True), ("step", "4")),
        *(("method", []), ("method", {1: torch.zeros(1)}), ("method", {"weight": 3})),
        *(("method", {"weight": torch.zeros(2).to_sparse()}), ("optimizer", None)),
        *(("means", {"loss": 1.0}), ("means", {"loss": (1.0, 2.5)}), ("means", {"loss": (torch.zeros(10**6), 1)})),
    ],
)
def test_part_of_another_kind_is_refused(run, name, value):
    content = torch.load(run.checkpoint, weights_only=True)
    torch.save(content | {name: value}, run.checkpoint)
    refused(lambda: checkpoint.load(run.checkpoint), f"its '{name}' is not what it should be")


def test_tensor_that_claims_to_be_larger_than_its_numbers_is_refused(run):
    content = torch.load(run.checkpoint, weights_only=True)
    content["method"] = dict.fromkeys(content["method"], torch.zeros(1).expand(10**12))
    torch.save(content, run.checkpoint)
    refused(lambda: loading.load(run.folder), "does not fit this network")


def spoilt(state: dict, how: str) -> dict:
    """An optimiser's state that is not of these parameters."""
    if how == "size":
        state["state"][0]["exp_avg"] = torch.zeros(3)
    if how == "expanded":
        state["state"][0]["exp_avg"] = torch.zeros(1).expand(10**12)
    if how == "group":
        state["param_groups"][0].pop("lr")
    if how == "setting":
        state["param_groups"][0]["betas"] = "ab"
    if how == "parameters":
        state["param_groups"][0]["params"] = [0]
    if how == "stranger":
        state["state"][1000] = {"exp_avg": torch.zeros(1)}
    return {} if how == "empty" else state


@pytest.mark.parametrize("how", ["size", "expanded", "group", "setting", "parameters", "stranger", "empty"])
def test_state_of_another_optimiser_is_refused(how):
    weights = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(3))]
    optimizer = torch.optim.AdamW(weights)
    sum(weight.sum() for weight in weights).backward()
    optimizer.step()
    state = optimizer.state_dict()
    checkpoint.load_optimizer(torch.optim.AdamW(weights), state, "it")
    refused(lambda: checkpoint.load_optimizer(torch.optim.AdamW(weights), spoilt(state, how), "it"), "it is of another")


# ---- JSON: recipes, results, manifests ----


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 100_000, '{"score": ' + "9" * 5000 + "}", "\ud800", "null"]
)
def test_json_that_no_parser_should_be_given_is_refused(run, content):
    result = next(run.results.glob("*.json"))
    for path in (run.folder / "recipe.json", run.folder / "data.json", result):
        path.write_text(content, errors="surrogatepass")
    refused(lambda: run.recipe, "recipe.json")
    refused(lambda: run.data, "data.json")
    refused(lambda: protocol.read(result), result.name)


def test_file_of_a_terabyte_is_refused_without_reading_it(run):
    for name in ("recipe.json", "list.csv"):
        with (run.folder / name).open("wb") as file:
            os.truncate(file.fileno(), 2**40)
    refused(lambda: run.recipe, "recipe.json is not valid JSON")
    refused(lambda: sources.read_list(run.folder / "list.csv"), "not a list of videos (it has 1,099,511,627,776")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        *(("clip", "frames", 4.5), ("clip", "frames", True), ("clip", "frames", None), ("clip", "frames", [4])),
        *(("train", "epochs", 1e400), ("train", "device", 3), ("train", "precision", "fp8"), ("optim", "lr", "fast")),
        *(("optim", "milestones", ["a"]), ("optim", "milestones", 0.5), ("optim", "clip_grad", float("nan"))),
        *(("method", "views", 3), ("backbone", "name", {})),
    ],
)
def test_setting_of_another_kind_is_refused_by_its_name(run, part, name, value):
    recipe = run.read("recipe.json")
    recipe[part][name] = value
    run.write("recipe.json", recipe)
    refused(lambda: run.recipe, name.replace("_", "-") if name == "clip_grad" else f"{part}.{name}")


@pytest.mark.parametrize("name", [[], {}, None, "mocha" * 1000])
def test_method_of_no_name_is_refused(run, name):
    recipe = run.read("recipe.json")
    recipe["method"]["name"] = name
    run.write("recipe.json", recipe)
    assert len(refused(lambda: run.recipe, "recipe.json: unknown method '")) < 1000


def test_log_is_read_up_to_what_is_no_row(run):
    rows = log.read(run.folder / "metrics.jsonl")
    for wrong in (b"\xff\xfe\n", b"[" * 100_000, b'{"step": ' + b"9" * 5000 + b"}", b'{"step": true, "epoch": 1}'):
        with (run.folder / "metrics.jsonl").open("ab") as file:
            file.write(wrong)
        assert log.read(run.folder / "metrics.jsonl") == rows


# ---- stores, flow, arrays ----


@pytest.fixture
def store(packed, tmp_path) -> Path:
    """A store to do anything to."""
    return Path(shutil.copytree(packed["jpeg"], tmp_path / "store"))


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "a/../../b", "a\0b"])
def test_video_that_leads_out_of_its_store_is_refused(store, name):
    videos = np.load(store / "videos.npy")
    videos["name_at"], videos["name_bytes"] = 0, len(name)
    np.save(store / "videos.npy", videos)
    (store / "names.bin").write_bytes(name.encode())
    refused(lambda: Store(store).name(0), "a video is named")
    refused(lambda: list(Store(store).source(1).train.videos), "a video is named")


def test_list_that_leads_out_of_its_store_is_refused(store, tmp_path):
    manifest = json.loads((store / "store.json").read_text())
    manifest["splits"]["1"]["train"][0] = "../stolen.npy"
    (store / "store.json").write_text(json.dumps(manifest))
    refused(lambda: Store(store), "store.json is damaged")


@pytest.mark.parametrize(
    ("column", "value"),
    [("frames", 2**32 - 1), ("size", 2**63), ("offset", 2**62), ("height", 2**32 - 1), ("width", 0), ("fps", np.nan)],
)
def test_row_of_an_index_that_asks_for_all_memory_is_refused(store, column, value):
    videos = np.load(store / "videos.npy")
    videos[column] = np.array(value).astype(VIDEO[column])
    np.save(store / "videos.npy", videos)
    refused(lambda: Store(store).reader(0).at([0]), "is damaged")


def test_flow_that_unpacks_to_more_than_its_file_is_refused(flow_folder, clip_folder, tmp_path):
    made = open_folder(shutil.copytree(flow_folder.folder, tmp_path / "flow"))
    video = Video(str(next((clip_folder / "train").glob("*/*.mp4"))))
    with zipfile.ZipFile(made.file(video), "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("video.json", " " * 2**26)
    with open_video(video.path) as reader:
        refused(lambda: made.fields(video, reader, torch.tensor([0]), (32, 32)), "a part is compressed")


@pytest.mark.parametrize(
    ("part", "value"),
    [("videos", {"../a.mp4": 1}), ("videos", {"a.mp4": 1e400}), ("short_side", 1e400), ("bound", []), ("videos", [])],
)
def test_flow_manifest_that_lies_is_refused(flow_folder, tmp_path, part, value):
    folder = Path(shutil.copytree(flow_folder.folder, tmp_path / "flow"))
    manifest = json.loads((folder / "flow.json").read_text())
    (folder / "flow.json").write_text(json.dumps(manifest | {part: value}))
    refused(lambda: open_folder(folder), "flow.json is damaged")


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(" + "9" * 30 + ",)", "(-1,)", "(20, 20", "(20L,)"])
def test_array_whose_header_asks_for_all_memory_is_refused(run, shape):
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path = run.folder / "appearance.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(40))
    videos = sources.VideoList((Video("a"),), (), "set")
    refused(lambda: kept_looks(run, run.recipe, videos, None), "appearance.npy is")


@pytest.mark.parametrize("name", ["recipe.json", "data.json", "metrics.jsonl"])
def test_file_of_a_run_that_has_no_end_is_refused_or_left_out(run, name):
    (run.folder / name).unlink()
    (run.folder / name).symlink_to("/dev/zero")
    if name == "metrics.jsonl":
        assert log.read(run.folder / name) == []
    else:
        refused(lambda: run.read(name), f"{name} is not valid JSON")


# ---- lists ----


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "a.mp4,999999999999\n", "a.csv:1: 999999999999 is no number of a class"),
        ("a.csv", "a.mp4," + "9" * 5000, "is no number of a class"),
        ("a.csv", 'path,label\n"' + "x" * 140_000 + '",walk\n', "a.csv:2: not a line of a table"),
        ("a.csv", "youtube_id,time_start,time_end\na,inf,1\n", "a.csv:2: time_start and time_end are not both numbers"),
        ("a.csv", 'youtube_id,time_start,time_end\n"a,1,2\n', "a.csv:2: time_start and time_end are not both numbers"),
        ("a.txt", "a\0b.mp4\n", "no file "),
        ("a.txt", "a/" * 3000 + "b.mp4\n", "no file "),
    ],
)
def test_list_that_no_data_set_has_is_refused_by_its_line(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    refused(lambda: sources.read_list(tmp_path / name), said)


def test_class_numbers_are_counted_and_not_believed(tmp_path):
    (tmp_path / "classes.txt").write_text("9" * 5000 + " walk\n")
    (tmp_path / "a.csv").write_text("a.mp4,walk\n")
    refused(lambda: sources.read_list(tmp_path / "a.csv"), "classes.txt:1: ", "is no number of a class")


def test_official_lists_without_classes_are_refused(tmp_path):
    for name in ("classInd.txt", "trainlist01.txt", "testlist01.txt"):
        (tmp_path / "ucfTrainTestlist").mkdir(exist_ok=True)
        (tmp_path / "ucfTrainTestlist" / name).write_text("")
    refused(lambda: sources.read_source(tmp_path), "ucfTrainTestlist is there, but it names no classes")


# ---- what the command line says of them ----


def test_signs_that_would_play_with_the_terminal_are_not_printed(run, capsys):
    (run.folder / "recipe.json").write_text(json.dumps({"a\nb\x1b[2Jc\u2028d": 1}))
    assert cli.run(["retrieve", str(run.folder)]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "unknown setting 'a?b?[2Jc?d'" in said


def test_unknown_class_among_very_many_is_refused_soon(tmp_path):
    (tmp_path / "classes.txt").write_text("".join(f"class {number}\n" for number in range(200_000)))
    (tmp_path / "a.csv").write_text("a.mp4,walk\n")
    message = refused(lambda: sources.read_list(tmp_path / "a.csv"), "unknown class 'walk'")
    assert len(message) < 500
