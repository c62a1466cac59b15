"""uvicorn's HTTP protocol with an end to its patience: it would wait for ever for the head of a request."""

from __future__ import annotations

from typing import Any

HEAD_SECONDS = 10.0
"""That a client has for the head of a request, once it has connected or begun one."""


def impatient() -> Any:
    """A protocol for `uvicorn.Config(http=...)`."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):  # type: ignore[misc]
        """Closes a connection whose client does not send a request."""

        deadline: Any = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.begin()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.waiting():
                if self.deadline is None:
                    self.begin()
            elif self.deadline is not None:
                self.deadline.cancel()
                self.deadline = None

        def connection_lost(self, problem: Exception | None) -> None:
            super().connection_lost(problem)
            if self.deadline is not None:
                self.deadline.cancel()

        def waiting(self) -> bool:
            """Whether no request is being answered."""
            return self.cycle is None or bool(self.cycle.response_complete)

        def begin(self) -> None:
            """Give the client its time."""
            self.deadline = self.loop.call_later(HEAD_SECONDS, self.give_up)

        def give_up(self) -> None:
            """Close the connection."""
            self.deadline = None
            if self.waiting():
                self.transport.close()

    return Impatient
