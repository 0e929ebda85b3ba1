"""A network between harness and server on which answers get lost."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

from harness.store.server import HOST

Fate = Literal["pass", "lose", "repeat", "hang"]
HANG = 60  # seconds that a hanging request is held, unless the proxy is stopped


class Proxy(ThreadingHTTPServer):
    """Passes requests on to a server, each with the fate that is chosen for it.

    Attributes:
        fate: of a request, by its method and path: "pass"; "lose", the server does it but its
            answer is lost; "repeat", the server does it twice; "hang", nothing ever happens.
        seen: the requests whose fate was another than "pass".
        address: where the proxy listens.
    """

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self.target = urlsplit(server).netloc
        self.address = f"http://{HOST}:{self.server_port}"
        self.fate: Callable[[str, str], Fate] = lambda method, path: "pass"  # noqa: ARG005
        self.seen: list[tuple[str, str]] = []
        self.stopped = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        with suppress(ConnectionError):  # the harness stopped waiting
            super().handle_one_request()

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.server.fate(self.command, self.path)
        if fate != "pass":
            self.server.seen.append((self.command, self.path))
        self.close_connection = fate in ("lose", "hang")
        if fate == "hang":
            self.server.stopped.wait(HANG)
            return
        for _ in range(2 if fate == "repeat" else 1):
            status, headers, answer = self._ask(body)
        if fate != "lose":
            self._answer(status, headers, answer)

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.server.target)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], answer: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _relay  # noqa: N815 - http.server's names

    def log_message(self, *args: object) -> None:
        """Nothing is written of requests."""


@contextmanager
def proxy(server: str) -> Iterator[Proxy]:
    """A proxy before a server while the block runs."""
    running = Proxy(server)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield running
    finally:
        running.stopped.set()
        running.shutdown()
        thread.join()
        running.server_close()
