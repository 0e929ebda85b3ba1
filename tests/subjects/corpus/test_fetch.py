"""Fetching from a real server on loopback: the right bytes, or a reason and nothing written."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.subjects.corpus import Corpus
from harness.subjects.corpus.fetch import FetchError, fetch_names

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers in this way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/names.txt"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def page(body: bytes, length: int | None = None, status: int = 200) -> Answer:
    """An answer with this body and this Content-Length."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.end_headers()
        request.wfile.write(body)

    return answer


def hanging(stop: threading.Event) -> Answer:
    """An answer that does not start before `stop`."""

    def answer(_: BaseHTTPRequestHandler) -> None:
        stop.wait()

    return answer


def dripping(stop: threading.Event) -> Answer:
    """An answer that sends single bytes, and does not end before `stop`."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        page(b"", length=1000)(request)
        while not stop.wait(0.05):
            request.wfile.write(b"a")
            request.wfile.flush()

    return answer


def refused(url: str, folder: Path, timeout: float = 5.0) -> str:
    """Why fetching failed; nothing was written."""
    with pytest.raises(FetchError) as caught:
        fetch_names(url, folder / "names.txt", timeout)
    assert list(folder.iterdir()) == []
    return str(caught.value.received)


def test_the_right_bytes_are_written_whole(names: Corpus, tmp_path: Path) -> None:
    body = "\n".join(names.words).encode()
    with serving(page(body)) as url:
        fetch_names(url, tmp_path / "data" / "names.txt")
    assert (tmp_path / "data" / "names.txt").read_bytes() == body
    assert len(list((tmp_path / "data").iterdir())) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (page(b"<html>please log in</html>"), "wrong digest"),
        (page(b""), "wrong digest"),
        (page(b"emma\n", length=228_145), "no connection"),
        (page(b"not here", status=404), "status 404 from the server"),
        (page(b"a" * 1_000_001), "over 1,000,000 bytes"),
    ],
    ids=["another page", "nothing", "truncated", "404", "huge"],
)
def test_another_answer_is_refused(answer: Answer, reason: str, tmp_path: Path) -> None:
    with serving(answer) as url:
        assert reason in refused(url, tmp_path)


def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    stop = threading.Event()
    with serving(hanging(stop)) as url:
        assert "no response within 0.2 s" in refused(url, tmp_path, timeout=0.2)
        stop.set()


def test_a_server_that_drips_is_given_up(tmp_path: Path) -> None:
    stop = threading.Event()
    with serving(dripping(stop)) as url:
        assert "no complete response within 1 s" in refused(url, tmp_path, timeout=0.2)
        stop.set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/names.txt", "nonsense", "ftp://127.0.0.1/x"])
def test_no_server_is_a_reason(url: str, tmp_path: Path) -> None:
    assert "no connection" in refused(url, tmp_path)
