"""Whatever stands in a file that kinema reads, it is read or refused in one line: never a traceback, never for long."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from damage import damaged, damaged_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinema.conversion import reading
from kinema.data import sources
from kinema.data.decode import open_video
from kinema.data.flow_folder import open_folder
from kinema.data.skip import read_skip
from kinema.data.store import Store
from kinema.data.store_format import shard_file
from kinema.data.store_writing import read_records
from kinema.data.video import Video
from kinema.engine import checkpoint, log
from kinema.errors import KinemaError
from kinema.evaluate import protocol
from kinema.evaluate.features import Features
from kinema.loading import load
from kinema.looks import kept_looks
from kinema.run import Run

INPUTS = pytest.mark.parametrize("inputs", [25, pytest.param(3000, marks=pytest.mark.slow)])
"""How many each parser is given: by every run of the tests, and by the slow one, which has 36 parsers try 108,000."""
SECONDS = 20
"""Time of the processor that it may take; the longest genuine file here takes a hundredth of one."""


@dataclass(frozen=True)
class Parser:
    """One of kinema's readers, with what it may be given."""

    contents: st.SearchStrategy[bytes]
    read: Callable[[bytes], object]


def assert_read_or_refused(name: str, parser: Parser, inputs: int) -> None:
    """Try inputs; says how many were read and how many refused."""
    counts: Counter = Counter()

    @settings(max_examples=inputs, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(parser.contents)
    def one(content: bytes) -> None:
        start = time.process_time()
        try:
            parser.read(content)
            counts["read"] += 1
        except KinemaError as problem:
            counts["refused"] += 1
            assert problem.exit_code in (2, 3)
        assert time.process_time() - start < SECONDS

    one()
    print(f"{name}: {counts['read']} read, {counts['refused']} refused")
    assert counts["read"] + counts["refused"] >= inputs
    assert counts["read"]


def fill(folder: Path, *names: str) -> None:
    """Empty files, to be found."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def replaced(path: Path, read: Callable[[], object]) -> Callable[[bytes], object]:
    """What reads a folder in which one file has this content."""

    def call(content: bytes) -> object:
        path.write_bytes(content)
        return read()

    return call


def list_parser(suffix: str, *wholes: bytes) -> Callable[[Path], Parser]:
    def make(folder: Path) -> Parser:
        fill(folder, "walk/a.mp4", "walk/b c.mp4", "run/c.avi", "frames/0.jpg")
        path = folder / f"list{suffix}"
        return Parser(damaged(*wholes), replaced(path, lambda: sources.read_list(path, allow_missing=True)))

    return make


def beside_a_list(name: str, *wholes: bytes) -> Callable[[Path], Parser]:
    def make(folder: Path) -> Parser:
        fill(folder, "walk/a.mp4", "run/c.avi")
        (folder / "train.csv").write_text("path,label\nwalk/a.mp4,walk\nrun/c.avi,run\n")
        (folder / "test.csv").write_text("path,label\nwalk/a.mp4,walk\n")
        return Parser(
            damaged(*wholes), replaced(folder / name, lambda: sources.read_source(folder, allow_missing=True))
        )

    return make


UCF = {
    "classInd.txt": b"1 Biking\n2 HandStandPushups\n",
    "trainlist01.txt": b"Biking/v_Biking_g01_c01.avi 1\nHandStandPushups/v_HandStandPushups_g02_c01.avi 2\n",
    "testlist01.txt": b"Biking/v_Biking_g03_c01.avi\n",
}
HMDB = {"walk_test_split1.txt": b"a b.avi 1\nc.avi 2\n", "run_test_split1.txt": b"d.avi 0\ne.avi 1\n"}
KINETICS = b'label,youtube_id,time_start,time_end,split\nriding,abcdefghijk,1,11,train\n"a, b",lmnopqrstuv,0.5,10,val\n'


def official(lists: str, wholes: dict[str, bytes], name: str, *videos: str) -> Callable[[Path], Parser]:
    def make(folder: Path) -> Parser:
        fill(folder, *videos, *(f"{lists}/{each}" for each in wholes))
        for each, whole in wholes.items():
            (folder / lists / each).write_bytes(whole)
        path = folder / lists / name
        return Parser(damaged(wholes[name]), replaced(path, lambda: sources.read_source(folder, 1, allow_missing=True)))

    return make


def kinetics(folder: Path) -> Parser:
    fill(folder, "train/abcdefghijk_000001_000011.mp4")
    path = folder / "annotations" / "train.csv"
    path.parent.mkdir()
    return Parser(damaged(KINETICS), replaced(path, lambda: sources.read_source(folder, allow_missing=True)))


def skipping(folder: Path) -> Parser:
    path = folder / "bad.txt"
    return Parser(damaged(b"# empty\n/videos/a.mp4\nb.mp4\n"), replaced(path, lambda: read_skip(path)))


PARSERS: dict[str, Callable[[Path], Parser]] = {
    "csv": list_parser(".csv", b'path,label\nwalk/a.mp4,walk\n"run/c.avi",run\n', b"walk/a.mp4\nrun/c.avi\n"),
    "tsv": list_parser(".tsv", b"file\tclass\tgroup\nwalk/b c.mp4\twalk\tx\nrun/c.avi\trun\ty\n"),
    "txt": list_parser(".txt", b"walk/a.mp4 0\nwalk/b c.mp4 1\n", b"frames 12 1\nwalk 3 0\n"),
    "classes.txt": beside_a_list("classes.txt", b"run\nwalk\n", b"0 run\n1 walk\n"),
    "meta.csv": beside_a_list("meta.csv", b"path,look,split\nwalk/a.mp4,3,train\n", b'file,person\nrun/c.avi,"x, y"\n'),
    **{name: official("ucfTrainTestlist", UCF, name, "UCF-101/Biking/v_Biking_g01_c01.avi") for name in UCF},
    "hmdb51": official("testTrainMulti_7030_splits", HMDB, "walk_test_split1.txt", "walk/a b.avi", "run/e.avi"),
    "kinetics": kinetics,
    "skip file": skipping,
}


@INPUTS
@pytest.mark.parametrize("name", PARSERS)
def test_any_list_is_read_or_refused(inputs, name, tmp_path, little_memory):
    assert_read_or_refused(name, PARSERS[name](tmp_path), inputs)


def run_parsers(trained: Path, folder: Path) -> dict[str, Parser]:
    """Everything that is read of a run."""
    folder = Path(shutil.copytree(trained, folder / "run"))
    run = Run(folder)
    last, result = run.checkpoint, next(run.results.glob("*.json"))
    features, thumbnails = next(folder.glob("features/*.npz")), folder / "appearance.npy"
    videos = sources.VideoList(tuple(Video(str(n)) for n in range(20)), (), "set")
    recipe = run.recipe
    foreign = folder / "foreign.pth"
    state = {"epoch": 3, "state_dict": {"module.conv1.weight": torch.arange(6.0).view(2, 3)}}
    kinds = []
    for zipped in (True, False):
        torch.save(state, foreign, _use_new_zipfile_serialization=zipped)
        kinds.append(foreign.read_bytes())

    def parser(path: Path, read: Callable[[], object], strategy=damaged) -> Parser:
        return Parser(strategy(path.read_bytes()), replaced(path, read))

    return {
        "last.pt": parser(last, lambda: checkpoint.load(last)),
        "last.pt, loaded": parser(last, lambda: load(last)),
        "a checkpoint of others": Parser(
            damaged(*kinds), replaced(foreign, lambda: reading.read(foreign, ("state_dict", "")))
        ),
        "recipe.json": parser(folder / "recipe.json", lambda: run.recipe, damaged_json),
        "data.json": parser(folder / "data.json", lambda: run.data, damaged_json),
        "a result": parser(result, lambda: protocol.read(result), damaged_json),
        "metrics.jsonl": parser(folder / "metrics.jsonl", lambda: reopened(folder)),
        "features": parser(features, lambda: Features.load(features)),
        "thumbnails": parser(thumbnails, lambda: kept_looks(run, recipe, videos, None)),
    }


def reopened(folder: Path) -> None:
    """Go on with a log."""
    with log.Log(folder, start_step=5) as kept:
        kept.write(6, 2, {"train/loss": 1.0})


RUN_FILES = (
    *("last.pt", "last.pt, loaded", "a checkpoint of others", "recipe.json", "data.json", "a result"),
    *("metrics.jsonl", "features", "thumbnails"),
)


@INPUTS
@pytest.mark.parametrize("name", RUN_FILES)
def test_any_file_of_a_run_is_read_or_refused(inputs, name, trained, tmp_path, little_memory):
    assert_read_or_refused(name, run_parsers(trained, tmp_path)[name], inputs)


KINDS = ("raw", "jpeg")
STORE_FILES = ("store.json", "videos.npy", "names.bin", "lookup.npy", "train.npy", "shard.bin", "shard.json")


def store_parser(packed: Path, folder: Path, name: str) -> Parser:
    folder = Path(shutil.copytree(packed, folder / "store"))
    shard = folder / shard_file(int(Store(folder).videos[0]["shard"]))
    path = shard.with_suffix(Path(name).suffix) if name.startswith("shard") else folder / name
    strategy = damaged_json if name.endswith(".json") else damaged
    return Parser(strategy(path.read_bytes()), replaced(path, lambda: read_store(folder)))


def read_store(folder: Path) -> None:
    """Everything that is read of a store in which three videos matter."""
    for path in folder.glob("shards/*.bin"):
        read_records(folder, int(path.stem))
    store = Store(folder)
    paths = [listed.videos[number].path for listed in store.source(1).sides().values() for number in (0, -1)]
    rows = [store.row(path.removeprefix(f"{folder}/")) for path in paths]
    for row in {0, *(row for row in rows if row is not None)}:
        with store.reader(row) as reader:
            reader.at([0, reader.num_frames - 1])
            reader.verify()


@INPUTS
@pytest.mark.parametrize("name", STORE_FILES)
@pytest.mark.parametrize("kind", KINDS)
def test_any_file_of_a_store_is_read_or_refused(inputs, kind, name, packed, tmp_path, little_memory):
    assert_read_or_refused(f"{kind} {name}", store_parser(packed[kind], tmp_path, name), inputs)


def flow_parser(flow_folder, clip_folder: Path, folder: Path, name: str) -> Parser:
    made = Path(shutil.copytree(flow_folder.folder, folder / "flow"))
    video = Video(str(sorted((clip_folder / "train").glob("*/*.mp4"))[0]))
    path = made / "flow.json" if name == "flow.json" else open_folder(made).file(video)

    def read() -> None:
        found = open_folder(made)
        found.require([video])
        with open_video(video.path) as reader:
            found.fields(video, reader, torch.tensor([0, 3, 11]), (32, 32), "uv")

    strategy = damaged_json if name == "flow.json" else damaged
    return Parser(strategy(path.read_bytes()), replaced(path, read))


@INPUTS
@pytest.mark.parametrize("name", ["flow.json", "archive"])
def test_any_file_of_flow_is_read_or_refused(inputs, name, flow_folder, clip_folder, tmp_path, little_memory):
    assert_read_or_refused(name, flow_parser(flow_folder, clip_folder, tmp_path, name), inputs)
