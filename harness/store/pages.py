"""Searches of MLflow's UI for runs, which return a whole study at once."""

import json
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

PAGE = 2000  # runs sent at once
UI_PAGE = 100  # runs that MLflow's UI asks for at a time
SEARCH = "/ajax-api/2.0/mlflow/runs/search"  # the UI's own address; clients use /api/…

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def with_larger_pages(inner: Wsgi) -> Wsgi:
    """The WSGI application: its UI gets up to PAGE runs a page, clients what they ask for."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").endswith(SEARCH):
            body = enlarged(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return inner(environ, start_response)

    return application


def enlarged(body: bytes) -> bytes:
    """A search request for a page of the UI that asks for PAGE runs; anything else as it is."""
    try:
        request = json.loads(body)
    except ValueError:
        return body
    if not isinstance(request, dict) or request.get("max_results") != UI_PAGE:
        return body
    return json.dumps({**request, "max_results": PAGE}).encode()
