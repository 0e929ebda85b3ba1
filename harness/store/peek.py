"""Whether a study is new, found out without loading MLflow, which takes seconds."""

import sqlite3
from contextlib import closing

from harness.store.uri import sqlite_path, tracking_uri


def surely_new(uri: str | None, study: str) -> bool:
    """Whether the store has no experiment of that name; False where only MLflow can tell.

    Raises:
        UserError: the URI is not the address of a store.
    """
    path = sqlite_path(tracking_uri(uri))
    if path is None or not path.exists():
        return path is not None
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            query = "SELECT count(*) FROM experiments WHERE name = ?"
            return not database.execute(query, (study,)).fetchone()[0]
    except sqlite3.Error:
        return False
