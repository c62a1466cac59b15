"""Whatever a command names and is not there is a mistake in the command: exit code 2, for every verb and flag."""

from __future__ import annotations

import pytest

for package in ("lancedb", "fastapi", "sklearn"):
    pytest.importorskip(package, reason=f"{package} is not installed")

GONE = "/nowhere/gone"
CALLS = [
    *(f"{verb} {GONE}" for verb in ("retrieve", "knn", "linear", "fewshot", "finetune", "hardpositives")),
    *(f"{verb} {GONE}" for verb in ("attention", "motionshare", "replay", "report", "search", "cluster", "serve")),
    f"compare {GONE} --against {GONE}",
    f"export {GONE} --out OUT",
    f"convert {GONE} --from iic --out OUT",
    f"embed {GONE} CLIPS --out OUT",
    f"embed RUN {GONE} --out OUT",
    f"embed RUN {GONE}.mp4 --out OUT",
    f"embed RUN CLIPS --skip {GONE} --out OUT",
    f"attention RUN {GONE}.mp4",
    f"attention RUN --against {GONE}",
    f"retrieve RUN --data {GONE}",
    f"retrieve RUN --train {GONE}.csv --test {GONE}.csv",
    f"knn RUN --view flow --flow {GONE}",
    f"pretrain tiny_cmc --data {GONE} --out OUT",
    f"pretrain tiny_cmc --data CLIPS --init-from {GONE} --out OUT",
    f"pretrain tiny_cmc --data CLIPS --skip {GONE} --out OUT",
    f"pretrain tiny_cmc --data CLIPS --flow {GONE} --out OUT",
    f"pretrain tiny_cmc --data CLIPS --out {GONE} --resume",
    f"data check {GONE}",
    f"data pack {GONE} --out OUT",
    f"data flow {GONE} --out OUT",
    f"bench decode --video {GONE}.mp4",
    f"table 2 --results {GONE}",
    f"search VECTORS {GONE}.mp4",
    f"search VECTORS {GONE}.mp4@2-4",
    f"search VECTORS VIDEO --without {GONE}.jpg",
    f"search VECTORS VIDEO --run {GONE}",
    f"serve VECTORS --run {GONE}",
    f"serve VECTORS --against {GONE}",
    f"serve VECTORS --allow {GONE}",
]


@pytest.fixture(scope="module")
def vectors(trained, clip_folder, tmp_path_factory):
    """The folder of vectors of the test clips."""
    from kinema import cli

    out = tmp_path_factory.mktemp("absent") / "vectors"
    assert cli.run(["embed", str(trained), str(clip_folder / "test"), "--out", str(out), "--workers", "0"]) == 0
    return out


@pytest.mark.parametrize("call", CALLS)
def test_what_is_not_there_is_a_mistake_in_the_command(command, call, trained, vectors, clip_folder, tmp_path):
    video = next((clip_folder / "test").glob("*/*.mp4"))
    places = {"RUN": trained, "CLIPS": clip_folder, "VECTORS": vectors, "VIDEO": video, "OUT": tmp_path / "out"}
    command(*(places.get(word, word) for word in call.split())).refused(2, GONE)
    assert not (tmp_path / "out").exists()
