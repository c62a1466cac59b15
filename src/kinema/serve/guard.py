"""Who is answered, around the whole application: names of the host, origins, the token; and what browsers are told."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import html
import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("localhost", "127.0.0.1", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing is loaded from anywhere else, no script or style stands in the page itself, and no other page frames it."""
UPLOADS = "/api/search"
MOST_BODY = 2**22
"""Bytes of a body that is no upload: the labels of some 100,000 clips."""
BODY_SECONDS = 15.0
SHORT = 2**16
"""Bytes of a body that a client is let finish although it is refused."""
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@dataclass(frozen=True)
class Guard:
    """An ASGI application that hands on to `app` what may be answered."""

    app: App
    host: str
    """Where the server listens."""
    token: str | None
    """What a client must know; None on this machine alone."""
    cookie: str = "kinema"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # there are no web sockets here
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        told = with_headers(send)
        known = self.knows(headers.get("host", ""))
        ours = same_origin(scope["method"], headers)
        if known and ours and (self.token is None or self.has_token(headers)):
            await self.hand_on(scope, headers, receive, told)
            return
        await let_finish(headers, receive)
        if not known:
            await answer(told, 421, "This server does not go by that name: open it by the address that it printed.")
        elif not ours:
            await answer(told, 403, "Another site sent this request, and none may.")
        elif scope["path"] == "/" and scope["method"] == "GET":
            await self.let_in(scope, told)
        else:
            await answer(told, 401, "The token is missing or wrong.")

    async def hand_on(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        """Let the application answer; it is given a body whole, but for an upload, whose size and time it watches."""
        if scope["method"] != "POST" or scope["path"] == UPLOADS:
            await self.app(scope, receive, send)
            return
        announced = headers.get("content-length", "")
        if not announced.isdecimal():
            await answer(send, 411, "Say how long the body is.")
        elif int(announced) > MOST_BODY:
            await answer(send, 413, f"A body of more than {MOST_BODY} bytes is not taken.")
        else:
            try:
                body = await asyncio.wait_for(whole(receive), BODY_SECONDS)
            except TimeoutError:
                await answer(send, 408, "The body was not sent in time.")
            else:
                await self.app(scope, again(body, receive), send)

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server: a name that somebody else chose may be made to point here.

        Where the server is reached from other machines, any IP address will do, since no name was looked up for it.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in LOOPBACK or name == self.host.lower():
            return True
        if self.host in LOOPBACK:
            return False
        return is_address(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def has_token(self, headers: dict[str, str]) -> bool:
        """Whether a request has the token, in its cookie or as `Authorization: Bearer`."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.right(given):
            return True
        try:
            kept = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            return False
        return kept is not None and self.right(kept.value)

    def right(self, given: str) -> bool:
        """Whether a token is the one; takes as long for any."""
        return hmac.compare_digest(given.encode(), (self.token or "").encode())

    async def let_in(self, scope: Scope, send: Send) -> None:
        """The front door: `/?token=...` leaves a cookie; without the right one it asks."""
        [given] = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[:1]
        if self.right(given):
            kept = f"{self.cookie}={given}; HttpOnly; SameSite=Lax; Path=/"
            await answer(send, 303, "Welcome.", {"location": "/", "set-cookie": kept})
        else:
            wrong = "<p role=alert>That is not the token.</p>" if given else ""
            page = (
                "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
                "<meta name=color-scheme content='light dark'><title>kinema: token</title><h1>kinema</h1>"
                f"{wrong}<form><p><label>The token that <code>kinema serve</code> printed: "
                "<input name=token type=password autocomplete=off autofocus required></label> <button>Open</button>"
            )
            await answer(send, 401, page, {"content-type": "text/html; charset=utf-8"})


def is_address(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(method: str, headers: dict[str, str]) -> bool:
    """Whether a request comes from our own page, or from no page: other sites may neither ask nor embed.

    A link to the page itself, in another page, may be followed.
    """
    site = headers.get("sec-fetch-site", "none")
    if site not in ("same-origin", "none"):
        followed = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        return followed and headers.get("sec-fetch-dest") == "document"
    origin = headers.get("origin")
    return origin is None or method == "GET" or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def with_headers(send: Send) -> Send:
    """The same with `HEADERS` in every answer; nothing is stored unless the answer says so."""

    async def told(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = dict(message.get("headers", []))
            given = {"cache-control": "no-store", **HEADERS}
            more = [(name.encode(), value.encode()) for name, value in given.items() if name.encode() not in own]
            message["headers"] = [*message.get("headers", []), *more]
        await send(message)

    return told


async def let_finish(headers: dict[str, str], receive: Receive) -> None:
    """Take a short body that nobody wants, for a second: who is sending when we hang up never hears the answer."""
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) <= SHORT:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(whole(receive), 1.0)


async def whole(receive: Receive) -> bytes:
    """The body of a request; what came of it, if the client has gone."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def again(body: bytes, receive: Receive) -> Receive:
    """`receive` as it was before `body` was read."""
    left = [body]

    async def replayed() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return replayed


async def answer(send: Send, status: int, text: str, headers: dict[str, str] | None = None) -> None:
    """A short answer of our own."""
    given = {"content-type": "text/plain; charset=utf-8", "connection": "close", **(headers or {})}
    body = text.encode() if "html" in given["content-type"] else html.escape(text).encode()
    told = [(name.encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})
