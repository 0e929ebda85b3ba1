"""Searches for runs that return a whole study at once."""

import json
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

PAGE = 2000  # runs sent at once
SEARCH = "/mlflow/runs/search"

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def with_larger_pages(inner: Wsgi) -> Wsgi:
    """The WSGI application, whose searches for runs then return up to PAGE of them."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").endswith(SEARCH):
            body = enlarged(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return inner(environ, start_response)

    return application


def enlarged(body: bytes) -> bytes:
    """A search request that asks for PAGE runs; anything else as it is."""
    try:
        request = json.loads(body)
    except ValueError:
        return body
    search = isinstance(request, dict) and request
    return json.dumps({**request, "max_results": PAGE}).encode() if search else body
