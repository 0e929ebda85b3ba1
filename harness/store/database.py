"""A SQLite store's file: checked before MLflow opens it, and created whole or not at all."""

import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import Locked, UserError
from harness.store.uri import for_mlflow, sqlite_uri

MIGRATION = re.compile(r"^(revision|down_revision)\b[^=]*= *[\"'](\w+)[\"']", re.MULTILINE)
TABLES = {"alembic_version", "experiments", "runs", "metrics"}  # that every MLflow database has
ARTIFACTS = "mlartifacts"  # folder beside the database
PATIENCE = 20  # seconds to wait for a process that has the database locked, as MLflow does
PAUSE = 0.5  # seconds of them between two looks
WAITED_FOR = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
UNREADABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR)
FAULTS = ("unable to open database file", "disk I/O error")  # the first two, in SQLite's words


def prepare(path: Path) -> None:
    """Make sure that there is a usable MLflow database at the path; create it where there is none.

    Raises:
        UserError: the file is not a SQLite database, is another program's, damaged, read-only, or
            made by another MLflow; or its directory cannot be written to. Nothing was changed.
        Locked: another process keeps it locked.
    """
    if not path.exists():
        create(path)
    check(path)
    if not is_writable(path):
        raise not_writable(str(path))


def artifact_root(database: Path) -> Path:
    """The folder of a SQLite store's artifacts: beside its database, whatever that recorded."""
    return database.parent / ARTIFACTS


def is_writable(path: Path) -> bool:
    """Whether a database, and what SQLite writes beside it, can be written."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def not_writable(what: str) -> UserError:
    """The refusal of a database that has to be written."""
    return UserError(
        "the MLflow database must be writable",
        what,
        "Change its permissions, or choose another store with --tracking-uri.",
    )


def unusable(path: Path, why: str) -> UserError:
    """The refusal of a database that the system does not let SQLite read or write."""
    return UserError(
        "the MLflow database must be readable and writable",
        f"{path} ({why})",
        "Check its permissions, its disk and the limits of this machine (ulimit -a), or choose "
        "another store with --tracking-uri.",
    )


def no_directory(folder: Path, why: str | None) -> UserError:
    """The refusal of a directory that no database can be in."""
    return UserError(
        "the directory of the MLflow database must exist and be writable",
        f"{folder} ({why})",
        "Change to another directory, or choose another store with --tracking-uri.",
    )


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a database that exists, which waits for other processes for a while.

    Raises:
        Locked: one of them keeps it locked.
    """
    uri, end = f"{path.absolute().as_uri()}?mode=rw", time.monotonic() + PATIENCE
    try:  # read-only where the file is
        with closing(sqlite3.connect(uri, uri=True, timeout=PAUSE)) as connection:
            while not _is_free(connection):  # not in SQLite, which Ctrl-C would have to wait for
                if time.monotonic() > end:
                    raise Locked(about_lock(path))
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * PATIENCE)}")
            yield connection
    except sqlite3.OperationalError as error:
        if _kind(error) in WAITED_FOR:
            raise Locked(about_lock(path)) from None
        raise


def _is_free(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
    except sqlite3.OperationalError as error:
        if _kind(error) in WAITED_FOR:
            return False
        raise
    return True


def check(path: Path) -> None:
    """Check that a file is an MLflow database of the version installed here.

    Raises:
        UserError: it is not.
        Locked: another process keeps it locked.
    """
    try:
        with connected(path) as database:
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
        if _kind(error) == sqlite3.SQLITE_READONLY:
            undone = f"{path}, in which a killed process left a change half made"
            raise not_writable(undone) from None
        if _kind(error) in UNREADABLE:
            raise unusable(path, state) from None
    if state != "ok":
        raise UserError(
            "the MLflow database must be undamaged",
            f"{path} ({state})",
            "Restore it from a copy, or move it away and run the study again.",
        )
    check_revision(revision, str(path))


def about_lock(path: Path) -> str:
    """That a database is locked, and by whom, as far as this machine tells."""
    holders = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it is another user's, or has ended
            files = (os.readlink(handle) for handle in (process / "fd").iterdir())
            if process.name != str(os.getpid()) and str(path) in files:
                holders.append(f"{process.name} ({(process / 'comm').read_text().strip()})")
    known = f"; these have it open: {', '.join(sorted(holders))}"
    return f"{path}, locked by another process{known if holders else ''}"


def _kind(error: Exception) -> int:
    """SQLite's primary result code; 0 of other errors."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def check_revision(revision: str, where: str) -> None:
    """Check that a database's schema is that of the MLflow installed here.

    Raises:
        UserError: it is older or newer.
    """
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
        f"the store must match the installed MLflow {version('mlflow')}",
        f"one made by {made_by}: {where} (schema {revision})",
        remedy,
    )


def revisions() -> tuple[set[str], set[str]]:
    """All schemas that the MLflow installed here has had, and those that no other replaces.

    Its migrations are read as text: importing MLflow and all of them takes seconds.
    """
    found = find_spec("mlflow")
    package = Path(str(found and found.origin)).parent
    folder = package / "store" / "db_migrations" / "versions"
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
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    try:
        with tempfile.TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as scratch:
            made = Path(scratch) / "new.db"
            with _unsynchronised():
                artifacts = artifact_root(path).as_uri()
                SqlAlchemyStore(for_mlflow(sqlite_uri(made)), artifacts)  # type: ignore[no-untyped-call]
            with made.open("rb+") as whole:
                os.fsync(whole)
            try:
                os.link(made, path)  # never over a database that appeared meanwhile
            except FileExistsError:
                return
            except OSError:  # a file system without links
                os.replace(made, path)
    except OSError as error:
        raise no_directory(path.parent, error.strerror) from None


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
