"""Searches for runs that return a whole study at once."""

import json
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

PAGE = 2000  # runs sent at once
SEARCH = "/mlflow/runs/search"

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class LargerPages:
    """A WSGI application whose searches for runs return up to PAGE of them.

    Args:
        inner: the application.
    """

    def __init__(self, inner: Wsgi) -> None:
        self.inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """The application's answer."""
        if environ.get("PATH_INFO", "").endswith(SEARCH):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            body = enlarged(body)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self.inner(environ, start_response)


def enlarged(body: bytes) -> bytes:
    """A search request that asks for PAGE runs; anything else as it is."""
    try:
        request = json.loads(body)
    except ValueError:
        return body
    return (
        json.dumps({**request, "max_results": PAGE}).encode()
        if isinstance(request, dict) and request
        else body
    )
