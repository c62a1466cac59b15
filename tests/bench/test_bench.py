"""What the benchmarks time is the same work, and ratios are made within a round."""

from __future__ import annotations

import json
import math
import mmap
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinema import backbones, cli, precision
from kinema.backbones import backbone
from kinema.batch import generator
from kinema.bench import decode
from kinema.bench.augment import CLIPS, SIZE, repeated
from kinema.bench.clips import FRAMES, like_kinetics, like_ucf101, moving_picture
from kinema.bench.measure import Contestant, memory_now, peak_memory, race
from kinema.bench.plain_iic import NEGATIVES, PlainIIC
from kinema.bench.size import Size
from kinema.bench.step import iic, mcn, noise, passes, step
from kinema.bench.step_memory import step_memory
from kinema.commands.bench import PARTS
from kinema.data.decode import open_video
from kinema.data.synthetic import write_video
from kinema.errors import UsageError
from kinema.evaluate.nearest import nearest
from kinema.methods import build
from kinema.precision import has_bf16

SMALL = Size("r3d_vcop", 0.0625, frames=4, size=16, batch=4, device="cpu")


def rates(*values: float) -> Callable[[], float]:
    """A contestant that is so fast in each of its turns."""
    turns = iter(values)
    return lambda: next(turns)


def test_ratios_are_of_the_same_round_and_the_first_round_only_warms_up():
    slow, fast = (
        Contestant("slow", rates(99, 1, 2, 4)),
        Contestant("fast", rates(1, 3, 8, 8), {"slow": 3.0, "absent": 9}),
    )
    told = []
    rows = race([slow, fast], rounds=3, progress=lambda done, total: told.append((done, total)))
    assert [row.rate for row in rows] == [2, 8]
    assert rows[0].comparisons == []
    (only,) = rows[1].comparisons
    assert (only.other, only.ratios, only.ratio, only.reached) == ("slow", [3, 4, 2], 3, True)
    assert told == [(turn, 8) for turn in range(1, 9)]


@pytest.mark.parametrize("encode", [like_ucf101, like_kinetics])
def test_every_way_of_decoding_reads_the_same_window(tmp_path, encode):
    path = encode(tmp_path / "a", moving_picture(None)[:40])
    ways = [decode.by_kinema("pyav"), decode.by_pyav, decode.by_torchcodec]
    try:
        windows = [way(path, 123) for way in ways]
    except (ImportError, RuntimeError):
        windows = [way(path, 123) for way in ways[:2]]
    with open_video(path) as reader:
        assert reader.num_frames == FRAMES
    for window in windows:
        assert window.shape[0] == decode.WINDOW
        assert (window.float() - windows[0].float()).abs().mean() < 1.5


def test_a_measured_picture_may_be_of_a_video(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, torch.randint(0, 256, (12, 48, 80, 3), dtype=torch.uint8))
    assert moving_picture(path).shape == (12, 48, 80, 3)


@pytest.mark.parametrize(("order", "stages"), [(0, 1), (1, 2), (2, 2)])
def test_a_step_reads_as_many_clips_as_the_passes_that_it_is_held_against(order, stages):
    method = build(mcn(SMALL, order), 5000)
    assert noise(method).clips.shape[:3] == (4 * stages, 1, 4)
    passes(SMALL, order, torch.device("cpu"))()


def test_steps_by_a_compiled_network_are_held_against_those_without(monkeypatch):
    traced = torch.compile(lambda network, x: network.stages(x), fullgraph=True, dynamic=False, backend="eager")
    monkeypatch.setattr(backbone, "compiler", lambda: traced)
    rows = {row.name: row for row in step(SMALL, compiled=True, rounds=1)}
    for order in (0, 1):
        (only,) = rows[f"MCN, order {order}, compiled"].comparisons
        assert (only.other, only.target) == (f"MCN, order {order}", 1.0)
    assert "MCN, order 2, compiled" not in rows
    assert "MCN, order 0, compiled" not in {row.name for row in step(SMALL, rounds=1)}


def test_steps_in_bf16_are_held_against_a_plain_one_that_says_it_is_in_float32(monkeypatch):
    if has_bf16():
        rows = step(replace(SMALL, precision="bf16-mixed"), rounds=1)
        compared = {row.name: [each.other for each in row.comparisons] for row in rows}
        assert compared["IIC"] == ["IIC, plain, in float32"]
    monkeypatch.setattr(precision, "has_bf16", lambda: False)
    with pytest.raises(UsageError, match=r"^--precision bf16-mixed needs a GPU"):
        step(replace(SMALL, precision="bf16-mixed"))


def test_peak_memory_is_of_a_fresh_process_and_of_either_order():
    ballast = torch.zeros(2**28, dtype=torch.uint8) + 1  # held here, and not in the process that is measured
    found = step_memory(SMALL)
    assert memory_now() > len(ballast)
    first, second = (found[f"peak memory of order {order}, GiB"] for order in (1, 2))
    assert 0 < first < 0.25
    assert found["order 2 over order 1"] == second / first
    assert found["peak memory of order 2 with recomputed activations, GiB"] > 0


def test_what_a_process_holds_is_seen_and_its_peak_stays():
    before, size = memory_now(), 2**27
    with mmap.mmap(-1, size) as held:  # not of the allocator, which may have kept what was freed
        for _ in range(size >> 20):
            held.write(bytes(2**20))
        assert memory_now() - before > 0.9 * size
    assert memory_now() - before < 0.5 * size
    assert peak_memory() - before > 0.9 * size


def test_plain_iic_has_the_loss_and_the_banks_of_the_method():
    torch.manual_seed(0)
    plain = PlainIIC(backbones.build("r3d_vcop", 0.0625), 50)
    dim = plain.get_buffer("rgb").shape[1]
    rows = plain.drawn(torch.tensor([7, 3]))
    assert rows.shape == (2, 1 + NEGATIVES)
    assert rows[:, 0].tolist() == [7, 3]
    assert float(plain.loss(torch.zeros(2, dim), "rgb", rows)) == pytest.approx(math.log(2 * (NEGATIVES + 1)))
    kinema = build(iic(SMALL), 5000)  # enough videos for as many negatives
    assert sum(kinema.chance().values()) == pytest.approx(2 * math.log(2 * (NEGATIVES + 1)))

    clips = torch.rand(2, 3, 4, 16, 16, generator=generator("clips"))
    still = plain.still(clips)
    assert torch.equal(still, still[:, :, :1].expand_as(still))
    assert all(
        any(torch.equal(one[:, 0], frame) for frame in clip.unbind(1)) for one, clip in zip(still, clips, strict=True)
    )
    before = plain.get_buffer("intra").clone()
    plain.step(clips, torch.tensor([7, 3]))
    changed = (plain.get_buffer("intra") != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [3, 7]
    assert plain.get_buffer("rgb")[[3, 7]].norm(dim=1).tolist() == pytest.approx([1, 1])


def test_blocks_of_the_gallery_do_not_change_neighbours():
    rng = generator("neighbours")
    query, gallery = torch.randn(30, 8, generator=rng), torch.randn(500, 8, generator=rng)
    whole, parts = nearest(query, gallery, 20, block=1000), nearest(query, gallery, 20, block=4)
    assert torch.equal(whole.rows, parts.rows)
    assert torch.equal(whole.distances, parts.distances)


def test_bench_prints_a_table_and_keeps_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "augment.json"
    assert cli.run(["bench", "augment", "--rounds", "1", "--out", str(file)]) == 0
    assert "clips / CPU s" in capsys.readouterr().out
    found = json.loads(file.read_text())
    assert found["rows"][-1]["name"] == "kinema"
    assert found["rows"][-1]["rates"][0] > 0
    assert found["machine"]["cores"] >= 1
    assert repeated(lambda: torch.zeros(CLIPS, SIZE), 3)() == 3 * CLIPS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("lunch", "unknown part 'bench lunch': known: decode, loader"),
        ("decode --rounds 0", "--rounds is 0"),
        ("decode --video nowhere.mp4", "nowhere.mp4: no such file"),
        ("decode --out pyproject.toml/a.json", "pyproject.toml/a.json: cannot be written"),
        ("decode --backbone r3d_18", "--backbone"),
        ("augment --video a.mp4", "--video"),
        ("augment --compile", "--compile"),
        ("augment --device cpu --width 0.5", "give the step's flags on a GPU alone"),
        ("retrieve --rounds 3", "--rounds"),
        ("step --frames 0", "--frames is 0"),
        ("step --size 0", "--size is 0"),
        ("step --batch 6", "--batch is 6: give a multiple of 4"),
    ],
)
def test_bench_refuses_in_one_line(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench", *words.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_bench_names_its_parts_and_each_part_shows_its_own_flags_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["bench"]) == 0
    usage = capsys.readouterr().out
    for part in PARTS:
        assert f"\n  {part} " in usage
        with pytest.raises(SystemExit) as left:
            cli.run(["bench", part, "--help"])
        assert left.value.code == 0
        shown = capsys.readouterr().out
        assert ("--video" in shown) == (part in ("decode", "loader", "flow"))
        assert ("--backbone" in shown) == (part in ("augment", "step"))
        assert ("--compile" in shown) == (part == "step")


def test_a_peer_that_is_not_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kornia", None)  # as if it were not there
    assert cli.run(["bench", "augment", "--rounds", "1"]) == 0
    (line,) = [
        line for line in capsys.readouterr().out.splitlines() if line.startswith("not to be imported, so left out: ")
    ]
    assert "kornia" in line
