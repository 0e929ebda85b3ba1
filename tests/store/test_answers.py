"""A server that is not well, or something else that answers: a clear message, and no password."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.errors import HarnessError, Unreachable, UserError
from harness.store.store import Store
from harness.store.workspace import Workspace

PASSWORD = "swordfish-1871"  # noqa: S105
REFUSED = b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "no more experiments"}'


class Answering(ThreadingHTTPServer):
    """Says that it is well, and answers all else alike.

    Args:
        status: of the answers; 0 to hang up.
        body: of the answers.
    """

    daemon_threads = True

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = status, body


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def _answer(self) -> None:
        well = self.path == "/health"
        if not (well or self.server.status):
            return
        self.send_response(200 if well else self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/login")
        self.end_headers()
        self.wfile.write(b"OK" if well else self.server.body)

    do_GET = do_POST = _answer  # noqa: N815 - http.server's names

    def log_message(self, *args: object) -> None:
        """Nothing is written of requests."""


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Such a server while the block runs; yields its address with a password."""
    with Answering(status, body) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://ann:{PASSWORD}@127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (0, b"", Unreachable),
        (500, b"<html>", Unreachable),
        (503, b"", Unreachable),
        (429, b"{}", Unreachable),
        (302, b"", Unreachable),
        (200, b"<html>Welcome", Unreachable),
        (400, b"<html>Bad request", Unreachable),  # of a proxy before the server
        (404, b"default backend", Unreachable),
        (409, b"", Unreachable),
        (400, REFUSED, UserError),
        (401, b"", UserError),
    ],
)
def test_any_answer_becomes_one_message_without_the_password(
    status: int, body: bytes, kind: type[HarnessError]
) -> None:
    with answering(status, body) as address, pytest.raises(kind) as failed:
        Store.existing(address).experiments()
    assert PASSWORD not in str(failed.value)
    assert "127.0.0.1" in str(failed.value)


def test_what_waits_for_a_server_is_found_whoever_asks() -> None:
    """The command that continues a session is printed without the password."""
    assert Workspace.of("x", f"http://ann:{PASSWORD}@h") == Workspace.of("x", "http://h")
    assert Workspace.of("x", "http://g") != Workspace.of("x", "http://h")
    sockets = ("postgresql:///db?host=/a", "postgresql:///db?host=/b")
    assert Workspace.of("x", sockets[0]) != Workspace.of("x", sockets[1])
