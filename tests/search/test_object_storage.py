"""An index in object storage: what is found there is what is found in a folder, and a server that refuses is named."""

from __future__ import annotations

import shutil
import socket
import uuid

import numpy as np
import pytest
import torch
from made_up import clustered, write_vectors

from kinema import cli
from kinema.errors import UsageError
from kinema.parquet import read_vectors
from kinema.search import Index, ann, database

pytest.importorskip("lancedb", reason="lancedb is not installed")


def ask_at(monkeypatch, address):
    """What a person sets for a server of their own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@pytest.fixture(scope="module")
def server():
    """The address of an S3 server on this machine, which keeps buckets in memory."""
    moto = pytest.importorskip("moto.server", reason="no S3 server to ask: pip install 'moto[server]'")
    served = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"{host}:{port}"
    served.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """The name of a new bucket of the server, of which `kinema` knows."""
    ask_at(monkeypatch, f"http://{server}")
    name = f"kinema-{uuid.uuid4().hex}"
    pytest.importorskip("boto3").client("s3").create_bucket(Bucket=name)
    return name


@pytest.mark.slow
def test_index_in_object_storage_finds_what_one_in_a_folder_does(bucket, whole, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = read_vectors(whole)[0]
    first, second, third = (rows[row]["path"] for row in (0, 5, 9))
    place, said = f"s3://{bucket}/videos", []
    away, here = Index.open(whole, at=place, say=said.append), Index.open(whole)
    assert said[0] == f"building the index of {len(rows)} vectors in {place}"
    assert (away.about.rows, away.labels()) == (here.about.rows, here.labels())
    label = rows[0]["label"]
    for asked in (
        {"examples": first},
        {"examples": [first, f"{second}@0.1-0.4"], "without": third},
        {"examples": f"{first}@0.2", "k": 3},
        {"examples": first, "labels": [label], "folders": ["train"], "exact": True},
    ):
        assert away.query(**asked) == here.query(**asked)
    assert away.duplicates(0.5) == here.duplicates(0.5)
    with pytest.raises(UsageError, match="no vector has the label 'nobody'"):
        away.query(first, labels=["nobody"])
    found = []
    for index in ([], ["--index", place]):
        assert cli.run(["search", str(whole), first, *index, "--json"]) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1]
    assert not list(tmp_path.iterdir()), "an address is no folder"


@pytest.mark.slow
def test_index_in_object_storage_is_kept_and_built_anew_when_its_vectors_have_changed(bucket, tmp_path):
    place, said = f"s3://{bucket}/a/b", []
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    assert Index.open(folder, at=place).about.rows == 5
    assert Index.open(folder, at=place, say=said.append).about.rows == 5
    assert not said
    write_vectors(folder, clustered(6, 8))
    assert Index.open(folder, at=place, say=said.append).about.rows == 6
    assert "have changed since the index was built" in said[0]
    other = write_vectors(tmp_path / "other", clustered(6, 8), model="other")
    with pytest.raises(UsageError, match=f"the index {place} is of another model's vectors"):
        Index.open(other, at=place)
    assert Index.open(other, at=f"s3://{bucket}/a/c").about.rows == 6, "a bucket holds several"


@pytest.mark.slow
def test_approximate_search_works_in_object_storage(bucket, tmp_path, monkeypatch):
    vectors = clustered(3000, 16)
    folder = write_vectors(tmp_path / "v", vectors)
    monkeypatch.setattr(database, "EXACT_BELOW", 3000)
    monkeypatch.setattr(ann, "SAMPLE", 60)
    place = f"s3://{bucket}/ann"
    index = Index.open(folder, at=place)
    assert index.about.partitions == 55 and index.about.recall >= ann.TARGET
    assert Index.open(folder, at=place).about == index.about
    exact = [int(hit.id, 16) for hit in index.nearest(torch.from_numpy(vectors[7]), k=10, exact=True)]
    assert exact == np.argsort(-(vectors @ vectors[7]), kind="stable")[:10].tolist()
    assert int(index.nearest(torch.from_numpy(vectors[7]), k=1)[0].id, 16) == 7


@pytest.mark.slow
def test_bucket_that_is_not_there_and_an_index_that_is_damaged_are_one_line(bucket, tmp_path):
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    with pytest.raises(UsageError, match=r"s3://nobodys/videos cannot be reached \(there is no such bucket\)"):
        Index.open(folder, at="s3://nobodys/videos")
    place = f"s3://{bucket}/videos"
    index = Index.open(folder, at=place)
    s3 = pytest.importorskip("boto3").client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    [data] = [key for key in keys if "kinema_windows.lance/data/" in key]
    s3.delete_object(Bucket=bucket, Key=data)
    with pytest.raises(UsageError, match=f"the index {place} cannot be read .* if it is damaged, remove it") as caught:
        Index.open(folder, at=place).nearest(torch.ones(8))
    assert "\n" not in str(caught.value)
    assert index.about.rows == 5


@pytest.fixture
def closed_port():
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_server_that_cannot_be_asked_is_named_with_what_to_set(closed_port, tmp_path, monkeypatch):
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    ask_at(monkeypatch, f"http://127.0.0.1:{closed_port}")
    with pytest.raises(UsageError, match=r"\(its server does not answer\): see AWS_ENDPOINT_URL"):
        Index.open(folder, at="s3://silent/videos")
    monkeypatch.delenv("AWS_ALLOW_HTTP")
    with pytest.raises(UsageError, match=r"named by http, without encryption\): set AWS_ALLOW_HTTP=true"):
        Index.open(folder, at="s3://plain/videos")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("s4://bucket/videos", "no such kind of storage is known"),
        ("s3:/bucket/videos", "no whole address: write s3://bucket/folder"),
        ("s3://", "no whole address: write s3://bucket/folder"),
    ],
)
def test_half_an_address_is_neither_a_folder_nor_asked_for(place, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = write_vectors(tmp_path / "v", clustered(5, 8))
    with pytest.raises(UsageError, match=said):
        Index.open(folder, at=place)
    shutil.rmtree(folder)
    assert not list(tmp_path.iterdir())
