"""Where the store is: the tracking URI, resolved and checked for form before anything is opened."""

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from harness.errors import UserError

DATABASES = ("postgresql", "mysql", "mssql")


def tracking_uri(uri: str | None) -> str:
    """The store that a tracking URI means, as MLflow takes it; a SQLite file by its absolute path.

    Args:
        uri: as given by the user; None or "" for `mlflow.db` in the current directory.

    Raises:
        UserError: it is not the address of a store that the harness can use.
    """
    if not uri:
        return sqlite_uri(Path("mlflow.db"))
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _refused("cannot be read", uri) from None
    kind = parts.scheme.partition("+")[0]
    if kind == "sqlite":
        prefix, slashes, path = uri.partition(":///")
        if not slashes or prefix != "sqlite" or path in ("", ":memory:") or "?" in path:
            raise _refused("of a SQLite store names a file", uri)
        return sqlite_uri(Path(path))
    if kind in DATABASES or (kind in ("http", "https") and host):
        return uri
    if kind in ("", "file"):
        raise _refused("cannot be a directory or a bare path", uri)
    raise _refused("must be the address of an MLflow store", uri)


def sqlite_uri(path: Path) -> str:
    """The URI of a SQLite file, absolute, so that it stays right when the directory changes."""
    return f"sqlite:///{path.absolute()}"


def sqlite_path(uri: str) -> Path | None:
    """The file of a resolved SQLite URI; None for any other store."""
    return Path(unquote(uri.removeprefix("sqlite:///"))) if uri.startswith("sqlite:") else None


def is_server(uri: str) -> bool:
    """Whether the store is an MLflow server rather than a database."""
    return uri.startswith(("http:", "https:"))


def redacted(uri: str) -> str:
    """The URI without user and password: what may be shown and written down."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "an address that cannot be read"
    if not parts.netloc:  # a file
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))


def _refused(rule: str, uri: str) -> UserError:
    return UserError(
        f"a tracking URI {rule}",
        repr(redacted(uri)),
        "Give sqlite:///FILE, postgresql://…, or the http(s)://… address of an MLflow server, "
        "or nothing for mlflow.db in this directory.",
    )
