"""A SQLite store's file: looked at before MLflow touches it, and made whole or not at all."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from harness.errors import UserError
from harness.tracking.uri import sqlite_uri

MIGRATION = re.compile(r"^(revision|down_revision)\b[^=]*= *[\"'](\w+)[\"']", re.MULTILINE)
OURS = {"alembic_version", "experiments", "runs", "metrics"}


def prepare(path: Path) -> None:
    """Make sure that there is a sound MLflow database at the path; create it where there is none.

    Raises:
        UserError: the file is no SQLite database, another program's, damaged, read-only, or made
            by another MLflow; or its directory cannot be written to. Nothing was changed.
    """
    if not path.exists():
        create(path)
    check(path)
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise UserError(
            "the MLflow database must be writable", str(path),
            "Give yourself write access, or choose another store with --tracking-uri.",
        )  # fmt: skip


def holds(path: Path, name: str) -> bool:
    """Whether there may be an experiment of that name; yes where the file cannot be read so."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            query = "SELECT count(*) FROM experiments WHERE name = ?"
            return bool(database.execute(query, (name,)).fetchone()[0])
    except sqlite3.Error:
        return True


def check(path: Path) -> None:
    """Check that a file is an MLflow database of the version installed here.

    Raises:
        UserError: it is not.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
            sound = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            _require_ours(path, tables)
            (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise _damaged(path, str(error)) from None
    if sound != "ok":
        raise _damaged(path, sound)
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
    age, remedy = (
        ("older", "Make a copy of it, then run: mlflow db upgrade URI")
        if revision in known
        else ("newer", "Upgrade MLflow here (pip install -U mlflow), or choose another store.")
    )
    raise UserError(
        f"the store must fit the MLflow {mlflow.__version__} installed here",
        f"one made by an {age} MLflow: {where} (schema {revision})".replace("an newer", "a newer"),
        remedy,
    )


def revisions() -> tuple[set[str], set[str]]:
    """All schemas that the MLflow installed here has had, and those that no other replaces.

    Read off its migrations as text: alembic would run them all, which takes half a second.
    """
    import mlflow

    folder = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    named = [MIGRATION.findall(path.read_text("utf-8")) for path in folder.glob("*.py")]
    known = {name for pairs in named for key, name in pairs if key == "revision"}
    replaced = {name for pairs in named for key, name in pairs if key == "down_revision"}
    return known, known - replaced


def create(path: Path) -> None:
    """Create an empty MLflow database, atomically: a killed creation leaves no half-made one.

    Raises:
        UserError: the directory is missing or cannot be written to.
    """
    from mlflow import MlflowClient

    with _scratch_beside(path) as scratch:
        MlflowClient(sqlite_uri(scratch / "new.db")).get_experiment("0")
        try:
            os.link(scratch / "new.db", path)  # never over a database that appeared meanwhile
        except FileExistsError:
            return
        except OSError:  # a file system without links
            os.replace(scratch / "new.db", path)


@contextmanager
def _scratch_beside(path: Path) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as scratch:
            yield Path(scratch)
    except OSError as error:
        raise UserError(
            "the directory of the MLflow database must exist and be writable",
            f"{path.parent} ({error.strerror})",
            "Change to another directory, or choose another store with --tracking-uri.",
        ) from None


def _require_ours(path: Path, tables: set[str]) -> None:
    if not tables >= OURS:
        raise UserError(
            "the store must be an MLflow database",
            f"another program's database: {path}" if tables else f"an empty file: {path}",
            "Move it away, or choose another store with --tracking-uri.",
        )


def _damaged(path: Path, how: str) -> UserError:
    return UserError(
        "the MLflow database must be sound", f"{path} ({how})",
        "Restore it from a copy, or move it away and run the study again.",
    )  # fmt: skip
