"""An empty store, copied where one is needed."""

from tests.tracking.conftest import template, uri

__all__ = ["template", "uri"]
