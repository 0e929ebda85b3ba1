"""Where a SQLite store's artifacts are: beside its database, whatever folder that recorded.

MLflow records absolute addresses, so the database of a store that was moved, copied or mounted
elsewhere names the folder in which it was written. `follow_databases` has MLflow read every such
address as one beside the database that holds it. Nothing is written for that: a copy never touches
its original, a store can be read where it cannot be written, and several machines may have it at
different places at once.

MLflow's own tools know nothing of this. For them `settle` records the present addresses.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from harness.store.database import ARTIFACTS, artifact_root, connected

# What follows the folder of artifacts in an address: of an experiment, one of its runs, or a model.
# MLflow puts a number first where it chose the address itself.
BELOW = re.compile(rf".*/{ARTIFACTS}(?P<below>(/\d+)?((/models)?/[\w-]+/artifacts)?)", re.DOTALL)

OF_EXPERIMENT = "experiment_id = ?"
OF_ITS_RUNS = "run_id IN (SELECT run_uuid FROM runs WHERE experiment_id = ?)"
RECORDED = (  # where a database holds addresses of a study: table, column, and which rows
    ("experiments", "artifact_location", OF_EXPERIMENT),
    ("runs", "artifact_uri", OF_EXPERIMENT),
    ("logged_models", "artifact_location", OF_EXPERIMENT),
    ("model_versions", "source", OF_ITS_RUNS),
    ("model_versions", "storage_location", OF_ITS_RUNS),
)


def folder_of(address: str) -> Path:
    """The folder that a local address names; of any other address, a path where nothing is.

    MLflow reads addresses likewise; its own function takes seconds to load.
    """
    return Path(url2pathname(urlsplit(address).path if address.startswith("file:") else address))


def beside(recorded: str, database: Path) -> str:
    """The present address of what a database recorded at an address.

    Args:
        recorded: as MLflow wrote it; one that is not in a store's folder of artifacts stays as it
            is, and so does one that is right.
        database: that holds the address.
    """
    if urlsplit(recorded).scheme not in ("", "file"):
        return recorded
    folder = folder_of(recorded)
    below = BELOW.fullmatch(folder.as_posix())
    if below is None:
        return recorded
    present = artifact_root(database) / below["below"].lstrip("/")
    return recorded if present == folder else present.as_uri()


@cache
def follow_databases() -> None:
    """From now on, MLflow in this process reads addresses in SQLite databases as `beside` does."""
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun
    from sqlalchemy import event
    from sqlalchemy.orm.attributes import set_committed_value

    columns = {
        SqlExperiment: ("artifact_location",),
        SqlRun: ("artifact_uri",),
        SqlLoggedModel: ("artifact_location",),
        SqlModelVersion: ("source", "storage_location"),
    }

    def follow(row: Any, context: Any, *_: object) -> None:
        url = context.session.get_bind().url
        for name in columns[type(row)] if url.get_backend_name() == "sqlite" else ():
            if recorded := row.__dict__.get(name):  # it may not have been loaded
                set_committed_value(row, name, beside(recorded, Path(url.database)))

    for table in columns:
        event.listen(table, "load", follow)
        event.listen(table, "refresh", follow)


def settle(database: Path, experiment_id: str) -> bool:
    """Record the present addresses of an experiment's artifacts; whether others were recorded.

    Only the process that writes the study does this, so that machines that have the store at
    different places never do it at the same time.
    """
    changed = 0
    with connected(database) as connection, connection:
        connection.create_function("beside", 1, lambda uri: uri and beside(uri, database))
        for table, column, of_study in RECORDED:
            statement = (
                f"UPDATE {table} SET {column} = beside({column}) "  # noqa: S608 - names from here
                f"WHERE {of_study} AND {column} <> beside({column})"
            )
            changed += connection.execute(statement, (experiment_id,)).rowcount
    return changed > 0
