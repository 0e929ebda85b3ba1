"""What a store surely lacks, found out without loading MLflow, which takes seconds."""

import json
import sqlite3
from collections.abc import Sequence

from harness.store.database import connected
from harness.store.uri import database_file


def surely_new(uri: str | None, study: str) -> bool:
    """Whether the store has no experiment of that name; False where only MLflow can tell.

    Raises:
        UserError: the URI is not the address of a store.
        Locked: another process keeps the store locked.
    """
    return _surely_none(uri, "SELECT count(*) FROM experiments WHERE name = ?", (study,))


def surely_untrained(uri: str | None, keys: Sequence[str]) -> bool:
    """Whether the store has no run of these keys in any study; False where only MLflow can tell.

    Raises:
        UserError: the URI is not the address of a store.
        Locked: another process keeps the store locked.
    """
    query = (
        "SELECT count(*) FROM tags WHERE key = 'run_key' "
        "AND value IN (SELECT value FROM json_each(?))"
    )
    return _surely_none(uri, query, (json.dumps(keys),))


def _surely_none(uri: str | None, query: str, values: tuple[str, ...]) -> bool:
    """Whether a query surely counts nothing."""
    path = database_file(uri)
    if path is None or not path.exists():
        return path is not None
    try:
        with connected(path) as database:
            return not database.execute(query, values).fetchone()[0]
    except sqlite3.Error:
        return False
