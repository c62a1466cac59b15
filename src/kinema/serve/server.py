"""`kinema serve` as a function: the page of an index, for a browser on this machine or, with a token, on others."""

from __future__ import annotations

import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinema.against import run_names
from kinema.data.decode import check_decoder
from kinema.data.processes import reading_context
from kinema.errors import UsageError
from kinema.ranges import positive, within
from kinema.search import Index
from kinema.serve.guard import LOOPBACK, Guard

SHORTEST_TOKEN = 16
CONNECTIONS = 200
"""At the same time; more are answered that the server is busy."""
GRACE = 3
"""Seconds that answers under way have once the server is to end."""


@dataclass(frozen=True)
class Serving:
    """A server that is about to run."""

    server: Any
    """uvicorn's."""
    socket: socket.socket
    url: str
    """What to open, with the token where there is one."""
    uploads: Path
    """Where a video is while it is looked at."""

    def run(self) -> None:
        """Answer until interrupted."""
        self.server.run(sockets=[self.socket])


@contextmanager
def serving(
    vectors: str | Path,
    *,
    run: str | Path | None = None,
    against: Sequence[str | Path] = (),
    host: str = "127.0.0.1",
    port: int = 8600,
    token: str | None = None,
    allow: Sequence[str | Path] = (),
    upload_mb: float = 200.0,
    device: str = "auto",
    say: Callable[[str], None] | None = None,
) -> Iterator[Serving]:
    """A server of the page, its socket open; what was uploaded is gone once it is left.

    Args:
        vectors: the folder that `kinema embed` wrote.
        run: the run that made the vectors, if it has moved.
        against: more runs whose curves and results are shown beside its own.
        host: the address to listen at; any other than this machine's own needs a token, which is made if not given.
        port: 0 for any that is free.
        token: what a browser must know, on this machine too if it is given.
        allow: folders that links in the data may lead to.
        upload_mb: the largest video that may be searched with.
        device: auto, cpu, cuda or cuda:N.
        say: called with lines that a person may want to read.

    Raises:
        UsageError: something given cannot be used, or a package is missing.
    """
    require_packages()
    check_decoder()
    positive("upload-mb", upload_mb)
    within("port", 0, 65535, port)  # getaddrinfo would take a larger one for some other
    token = checked_token(host, token)
    refuse_absent_places(against, allow)

    from kinema.exported.origin import run_of
    from kinema.serve.answers import Served
    from kinema.serve.app import make_app
    from kinema.serve.collection import Collection
    from kinema.serve.files import Files
    from kinema.serve.previews import Previews

    say = say or (lambda line: None)
    reading_context()  # what starts reading processes imports what they need meanwhile
    index = Index.open(vectors, run=run, device=device, say=say)
    collection = Collection(index)
    network, why = network_of(index, asked=run is not None)
    if why:
        say(why)
    own = run_of(Path(index.run))  # of a checkpoint too; what was exported has no curves
    runs = [*([own.folder] if own is not None else []), *(Path(each) for each in against)]
    run_names(runs)  # refused now if two have one name, and not when they are looked at
    with tempfile.TemporaryDirectory(prefix="kinema-serve-") as uploads, listening(host, port) as listener:
        previews = Previews(Files(collection, allow), Path(vectors) / "previews")
        served = Served(
            collection,
            previews,
            network,
            why_no_network=why,
            runs=runs,
            upload_bytes=round(upload_mb * 2**20),
            uploads=Path(uploads),
        )
        bound = listener.getsockname()[1]
        guard = Guard(make_app(served), host, token, cookie=f"kinema-{bound}")
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{bound}/" + (f"?token={token}" if token else "")
        yield Serving(uvicorn_server(guard), listener, address, Path(uploads))


def refuse_absent_places(against: Sequence[str | Path], allow: Sequence[str | Path]) -> None:
    """Raise UsageError now for what would be missed only when it is looked at."""
    from kinema.run import Run

    for run in against:
        Run(Path(run)).recipe  # noqa: B018 - what is no run says so here
    for folder in allow:
        if not Path(folder).is_dir():
            raise UsageError(f"--allow {folder}: no such folder")


def require_packages() -> None:
    """Raise UsageError unless the packages of the page are installed."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as problem:
        raise UsageError(
            f"the page is served by {problem.name}, which is not installed: pip install 'kinema[serve]'"
        ) from None


def checked_token(host: str, token: str | None) -> str | None:
    """The token that is needed, made if there must be one; UsageError for one that could be guessed or not be sent."""
    if token is None:
        return None if host in LOOPBACK else secrets.token_urlsafe(24)
    if len(token) < SHORTEST_TOKEN or not all(sign.isascii() and (sign.isalnum() or sign in "-_.~") for sign in token):
        raise UsageError(
            f"--token has {len(token)} signs: give {SHORTEST_TOKEN} or more letters, digits, - or _, or leave it out "
            "with another --host than this machine, and one is made"
        )
    return token


def network_of(index: Index, *, asked: bool) -> tuple[Any, str]:
    """The network that made the vectors, or why there is none; UsageError where a run was asked for and is not it."""
    from kinema.serve.network import Network

    try:
        return Network(index.encoder, index.vectors.windows), ""
    except UsageError as problem:
        if asked:
            raise
        return None, f"without its network, no videos can be dropped and no attention be shown: {problem}"


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens; UsageError where none can."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=128)
    except OSError as problem:
        reason = problem.strerror or problem
        raise UsageError(f"cannot listen at {host} port {port} ({reason}): give another --host or --port") from problem
    with listener:
        yield listener


def uvicorn_server(app: Any) -> Any:
    """A server without access log, since addresses may hold the token, that gives up on clients that say nothing."""
    import uvicorn

    from kinema.serve.impatient import impatient

    config = uvicorn.Config(
        app,
        http=impatient(),
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE,
    )
    return uvicorn.Server(config)
