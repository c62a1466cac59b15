"""A page on a free port, asked as a client would ask it that keeps to no rules."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kinema import cli
from kinema.serve import serving


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Page:
    """A server that runs in a thread."""

    url: str
    folder: Path
    uploads: Path

    @property
    def port(self) -> int:
        return urlsplit(self.url).port

    def ask(self, address, method="GET", body=None, headers=None, **more) -> Answer:
        """A request exactly as given: nothing about the address is tidied up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it was answered before all of it was sent
                connection.request(method, address, body, headers or {}, **more)
            found = connection.getresponse()
            return Answer(found.status, {k.lower(): v for k, v in found.getheaders()}, found.read())
        finally:
            connection.close()

    def post(self, address, given, **headers) -> Answer:
        return self.ask(address, "POST", json.dumps(given), {"content-type": "application/json", **headers})

    def upload(self, content, query="", **headers) -> Answer:
        return self.ask(f"/api/search{query}", "POST", content, {"content-type": "application/octet-stream", **headers})

    def clips(self):
        return self.ask("/api/clips?count=500").json["clips"]


@contextmanager
def running(vectors, **flags) -> Iterator[Page]:
    with serving(vectors, port=0, **flags) as served:
        thread = threading.Thread(target=served.run, daemon=True)
        thread.start()
        try:
            yield Page(served.url, Path(vectors), served.uploads)
        finally:
            served.server.should_exit = True
            thread.join(20)


def embedded(run, videos, out) -> Path:
    assert cli.run(["embed", str(run), str(videos), "--out", str(out), "--workers", "0", "--clips", "2"]) == 0
    return out
