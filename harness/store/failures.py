"""What MLflow's failures come down to: `Unreachable`, or a `UserError` that says what to fix.

Where a store is unreachable nothing is lost, and the same can be tried again later.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.errors import Locked, Unreachable, UserError
from harness.files import about_limit, lacks_room
from harness.store.database import FAULTS, about_lock, not_writable, unusable
from harness.store.uri import is_server, redacted, sqlite_path

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

REFUSALS = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")


class TargetDeleted(Unreachable):
    """Raised when what was to be written to has been deleted from the store meanwhile."""


class NotPermitted(UserError):  # noqa: N818 - a state of the store, not an error of ours
    """Raised when a server refuses to do something for this user."""


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turn failures of MLflow's calls in the block, on the store at this address."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except MlflowException as error:
        raise _of_mlflow(uri, error) from None
    except (DBAPIError, sqlite3.Error) as error:
        raise _of_database(uri, error) from None
    except shutil.Error as error:  # of files that MLflow copied; each with its own reason
        raise _no_room(uri, str(error.args[0][0][-1])) from None
    except ImportError as error:  # MLflow loads a package when it first stores a file there
        raise UserError(
            "the Python package of the place where files are stored must be installed",
            error,
            "Install it, for s3:// .venv/bin/pip install boto3; then run the same command again.",
        ) from None
    except OSError as error:  # that of the network is one
        if lacks_room(error):
            raise _no_room(uri, _one_line(error)) from None
        if sqlite_path(uri) and (limit := about_limit(error)):
            raise limit from None
        if getattr(getattr(error, "response", None), "status_code", 0) in (401, 403):
            raise _not_permitted(uri) from None  # to handle a run's files
        raise _unreachable(uri, error) from None


@contextmanager
def translated_sqlite(uri: str) -> Iterator[None]:
    """The same of a SQLite file that is read without MLflow."""
    try:
        yield
    except sqlite3.Error as error:
        raise _of_database(uri, error) from None


def _of_mlflow(uri: str, error: "MlflowException") -> Exception:
    text = _one_line(error)
    if error.error_code in REFUSALS or "error code 401" in text or "error code 403" in text:
        return _not_permitted(uri)
    if "mlflow-artifacts URI" in text:
        return UserError(
            "a study stored through an MLflow server must be read through that server",
            f"the database behind one: {redacted(uri)}",
            "Give the address of that server with --tracking-uri.",
        )
    if known := _known(uri, str(error)):
        return known
    lost = "ensure that the path is correct" in text  # MLflow says so of any failed download
    if "No such artifact" in text or (lost and not is_server(uri)):
        return UserError(
            "the artifacts of a run must be where they were logged",
            text,
            "Put them back (mlartifacts/ belongs beside mlflow.db), or train the run again.",
        )
    if error.error_code == "RESOURCE_DOES_NOT_EXIST" or "must be in the 'active' state" in text:
        return TargetDeleted(f"{redacted(uri)}: {text}")
    if "failed with exception" in text:  # that of the network, with much about its inside
        return no_answer(uri)
    status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
    # Too many requests, a failure on their side, or the answer of a program before the server.
    if status >= 429 or "failed with error code" in text:
        return _unreachable(uri, error)
    if is_server(uri):
        return UserError(
            "the MLflow server must take what the harness sends",
            f"a refusal by {redacted(uri)}: {text}",
            "Its MLflow may be of another version, or limited: see its log, or name another "
            "store with --tracking-uri.",
        )
    return error


def _of_database(uri: str, error: Exception) -> Exception:
    return _known(uri, _one_line(error)) or _unreachable(uri, error)


def _known(uri: str, text: str) -> Exception | None:
    """What an error of SQLite comes down to, if it is a known one."""
    path = sqlite_path(uri)
    if "database is locked" in text and path:
        return Locked(about_lock(path))
    if "disk is full" in text:
        return _no_room(uri, "database or disk is full")
    for fault in FAULTS:
        if fault in text and path:
            return unusable(path, fault)
    if "readonly database" in text:
        return not_writable(redacted(uri))
    return None


def _unreachable(uri: str, error: Exception) -> Unreachable:
    return Unreachable(f"{redacted(uri)}: {_one_line(error)}")


def no_answer(uri: str) -> Unreachable:
    """What is said of a server that cannot be reached."""
    return Unreachable(f"no MLflow server answers at {redacted(uri)}")


def _not_permitted(uri: str) -> NotPermitted:
    return NotPermitted(
        "the MLflow server must grant you access",
        f"a refusal by {redacted(uri)}",
        "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, "
        "of a user who may do this.",
    )


def _no_room(uri: str, how: str) -> UserError:
    return UserError(
        "the store needs free space and write permission",
        f"{how} ({redacted(uri)})",
        "Free some space or change the permissions; the same command then continues.",
    )


def _one_line(error: Exception) -> str:
    """The first line of an error's message, short enough to show, and without a URI's password."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"(?<=://)[^/]*@", "", line)[:300]
