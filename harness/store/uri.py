"""Where the store is: the tracking URI, resolved and checked for form before anything is opened.

SQLAlchemy alone builds and parses the URLs of databases, as it does for MLflow: in one of these,
`%20` is a space, and a `%` or a `?` of a file's name is written `%25` or `%3F`. It is imported when
there is such a URL to build or to parse, since that takes time.
"""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from harness.errors import UserError
from harness.files import project_folders

DATABASES = ("postgresql", "mysql", "mssql")
SERVERS = ("http", "https")
ENCODED = "must have the signs /, ?, # and @ of a user or password as %2F, %3F, %23 and %40"
DATABASE = "mlflow.db"
SQLITE = "sqlite:///"  # begins a file's URL
PLAIN = re.compile(r"/[\w./-]+", re.ASCII)  # a path that is the same in a URL
# A password may hold any sign, also one that ought to be encoded, and a scheme may be forgotten.
CREDENTIALS = re.compile(r"(?<=://)[^/].*@|^[^/@:]+:[^/].*@|(?<=password=)[^&]*")


def tracking_uri(uri: str | None) -> str:
    """The store that a tracking URI means: a SQLite file by its real path, a server by its address.

    What follows a server's address is left out, so that one copied from a browser will do.

    Args:
        uri: as given by the user; None or "" for the `mlflow.db` that `found_database` finds.

    Raises:
        UserError: it is not the address of a store that the harness can use.
    """
    if not (uri := (uri or "").lstrip()):
        return sqlite_uri(found_database())
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _refused(ENCODED if "@" in uri else "cannot be read", uri) from None
    kind = parts.scheme.partition("+")[0]
    if kind == "sqlite":
        return sqlite_uri(_named_file(uri))
    if kind in (*DATABASES, *SERVERS) and "@" in parts.path + parts.query + parts.fragment:
        raise _refused(ENCODED, uri)
    if kind in DATABASES:
        return parts.scheme + uri[len(parts.scheme) :]
    if kind in SERVERS and host:
        user, at, place = parts.netloc.rpartition("@")
        netloc = f"{user}{at}{place.lower()}"
        return urlunsplit((kind, netloc, parts.path.rstrip("/"), "", ""))
    if kind in ("", "file"):
        raise _refused("cannot be a directory or a bare path", uri)
    raise _refused("must be the address of an MLflow store", uri)


def store_at(place: str) -> str:
    """The resolved URI of a store that is named by its address, its database or its folder.

    Raises:
        UserError: there is no such place, or it is not the address of a store.
    """
    path = Path(place)
    if "://" in place:
        return tracking_uri(place)
    if not path.exists():
        raise UserError(
            "STORE must be the address of a store, its database, or the folder that holds it",
            repr(place),
            f"Name a folder with {DATABASE}, or give sqlite:///FILE or the http(s)://… address of "
            "an MLflow server.",
        )
    return sqlite_uri(path / DATABASE if path.is_dir() else path)


def database_file(uri: str | None) -> Path | None:
    """The SQLite file that a tracking URI means; None for any other store.

    Raises:
        UserError: as of `tracking_uri`.
    """
    if not uri:
        return Path(os.path.realpath(found_database()))
    return sqlite_path(tracking_uri(uri))


def found_database() -> Path:
    """The `mlflow.db` of this directory, or of the nearest one above it in the same project.

    Where there is none, it is the one that this directory would get.
    """
    databases = (folder / DATABASE for folder in project_folders())
    return next(filter(os.path.isfile, databases), Path.cwd() / DATABASE)


def found_above(uri: str | None) -> Path | None:
    """The database in use, where none was named and it is that of a directory above this one."""
    if uri or (found := found_database()).parent == Path.cwd():
        return None
    return found


def sqlite_uri(path: Path) -> str:
    """The URI of a SQLite file: its real path, which stays right when the directory changes.

    Raises:
        UserError: the path is no text.
    """
    real = os.path.realpath(path)
    if PLAIN.fullmatch(real):
        return f"{SQLITE}{real}"
    from sqlalchemy.engine import URL

    try:
        return URL.create("sqlite", database=real).render_as_string()
    except UnicodeEncodeError:
        raise UserError(
            "the path of a store must be text in UTF-8",
            ascii(real),
            "Rename that directory, or choose another store with --tracking-uri.",
        ) from None


def sqlite_path(uri: str) -> Path | None:
    """The file of a resolved SQLite URI; None for any other store."""
    if not uri.startswith("sqlite:"):
        return None
    if PLAIN.fullmatch(plain := uri.removeprefix(SQLITE)):
        return Path(plain)
    from sqlalchemy.engine import make_url

    return Path(make_url(uri).database or "")


def for_mlflow(uri: str) -> str:
    """A resolved URI as MLflow has to be given it.

    Of one that begins with sqlite:///, MLflow takes the rest for a path as it stands, and creates
    that path's directory: one named `x%3Fy` beside the real `x?y`. So the driver is named.
    """
    if not uri.startswith("sqlite:"):
        return uri
    from sqlalchemy.engine import make_url

    return make_url(uri).set(drivername="sqlite+pysqlite").render_as_string()


def is_server(uri: str) -> bool:
    """Whether the store is an MLflow server rather than a database."""
    return uri.startswith(("http:", "https:"))


def redacted(uri: str) -> str:
    """The URI without user and password: what may be shown and written down."""
    shown = without_credentials(uri)
    return shown if shown.startswith("sqlite:") else shown.partition("?")[0]


def without_credentials(uri: str) -> str:
    """The URI without user and password, of a database's with what else it asks for."""
    return CREDENTIALS.sub("", uri)


def _named_file(uri: str) -> Path:
    """The file that a SQLite URI names, as SQLAlchemy reads it."""
    if uri.startswith(SQLITE) and PLAIN.fullmatch(plain := uri.removeprefix(SQLITE)):
        return Path(plain)
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    rule = "of a SQLite store names a file"
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        raise _refused(rule, uri) from None
    named = url.database and url.database != ":memory:" and "\0" not in url.database
    if url.drivername != "sqlite" or url.host or url.query or not named:
        raise _refused(rule, uri)
    return Path(str(url.database))


def _refused(rule: str, uri: str) -> UserError:
    return UserError(
        f"a tracking URI {rule}",
        repr(redacted(uri)),
        "Give sqlite:///FILE, postgresql://…, or the http(s)://… address of an MLflow server, "
        "or leave it out to use the mlflow.db of this directory or the nearest one above.",
    )
