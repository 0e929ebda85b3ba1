"""An empty store, copied where one is needed."""

from tests.store.conftest import template, uri

__all__ = ["template", "uri"]
