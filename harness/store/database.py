"""A SQLite store's file: checked before MLflow opens it, and created whole or not at all."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.store.uri import sqlite_uri

MIGRATION = re.compile(r"^(revision|down_revision)\b[^=]*= *[\"'](\w+)[\"']", re.MULTILINE)
TABLES = {"alembic_version", "experiments", "runs", "metrics"}  # that every MLflow database has


def prepare(path: Path) -> None:
    """Make sure that there is a usable MLflow database at the path; create it where there is none.

    Raises:
        UserError: the file is not a SQLite database, is another program's, damaged, read-only, or
            made by another MLflow; or its directory cannot be written to. Nothing was changed.
    """
    if not path.exists():
        create(path)
    check(path)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise UserError(
            "the MLflow database must be writable",
            str(path),
            "Give yourself write access, or choose another store with --tracking-uri.",
        )


def check(path: Path) -> None:
    """Check that a file is an MLflow database of the version installed here.

    Raises:
        UserError: it is not.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
            state = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            if not tables >= TABLES:
                raise UserError(
                    "the store must be an MLflow database",
                    f"another program's database: {path}" if tables else f"an empty file: {path}",
                    "Move it away, or choose another store with --tracking-uri.",
                )
            (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        state = str(error)
    if state != "ok":
        raise UserError(
            "the MLflow database must be undamaged",
            f"{path} ({state})",
            "Restore it from a copy, or move it away and run the study again.",
        )
    check_revision(revision, str(path))


def check_revision(revision: str, where: str) -> None:
    """Check that a database's schema is that of the MLflow installed here.

    Raises:
        UserError: it is older or newer.
    """
    import mlflow

    known, newest = revisions()
    if revision in newest:
        return
    made_by, remedy = (
        ("an older MLflow", "Make a copy of it, then run: mlflow db upgrade URI")
        if revision in known
        else (
            "a newer MLflow",
            "Upgrade MLflow here (pip install -U mlflow), or choose another store.",
        )
    )
    raise UserError(
        f"the store must fit the MLflow {mlflow.__version__} installed here",
        f"one made by {made_by}: {where} (schema {revision})",
        remedy,
    )


def revisions() -> tuple[set[str], set[str]]:
    """All schemas that the MLflow installed here has had, and those that no other replaces.

    Its migrations are read as text: alembic would import them all, which takes half a second.
    """
    import mlflow

    folder = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    pairs = [
        pair for path in folder.glob("*.py") for pair in MIGRATION.findall(path.read_text("utf-8"))
    ]
    known = {name for key, name in pairs if key == "revision"}
    return known, known - {name for key, name in pairs if key == "down_revision"}


def create(path: Path) -> None:
    """Create an empty MLflow database in one step: a killed creation leaves none at the path.

    Raises:
        UserError: the directory is missing or cannot be written to.
    """
    from mlflow import MlflowClient

    try:
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as scratch:
            made = Path(scratch) / "new.db"
            with _unsynchronised():
                MlflowClient(sqlite_uri(made)).get_experiment("0")
            with made.open("rb+") as whole:
                os.fsync(whole)
            try:
                os.link(made, path)  # never over a database that appeared meanwhile
            except FileExistsError:
                return
            except OSError:  # a file system without links
                os.replace(made, path)
    except OSError as error:
        raise UserError(
            "the directory of the MLflow database must exist and be writable",
            f"{path.parent} ({error.strerror})",
            "Change to another directory, or choose another store with --tracking-uri.",
        ) from None


@contextmanager
def _unsynchronised() -> Iterator[None]:
    """Within the block, new connections leave it to the system when to write to the disk.

    MLflow's migrations wait for the disk at every statement otherwise, seconds where it is busy.
    """
    from sqlalchemy import Engine, event

    def relax(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)
