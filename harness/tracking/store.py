"""The MLflow store behind a tracking URI, every failure of which is one of two kinds.

It cannot be reached now (`Unreachable`: nothing is lost, try again later), or the user has to mend
something (`UserError`). Nothing here waits longer than a few seconds.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import requests
from mlflow import MlflowClient
from mlflow.entities import Experiment, LoggedModel, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.credentials import get_default_host_creds
from mlflow.utils.rest_utils import http_request

from harness.errors import Unreachable, UserError
from harness.tracking.database import check_revision, prepare
from harness.tracking.uri import is_server, redacted, sqlite_path, tracking_uri

PROBE = 3  # seconds a server may take to say that it is well
PAGE = 1000  # runs fetched at once
LONGEST_ARTIFACT_URI = 200  # characters; PostgreSQL enforces it
ARTIFACT_TAIL = 60  # characters that follow the artifact location: experiment, run, "artifacts"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
REFUSALS = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")


class Gone(Unreachable):
    """What was to be written to has been deleted from the store meanwhile."""


class Store:
    """An open MLflow store.

    Attributes:
        uri: its resolved address; may hold credentials, so show `redacted(uri)` instead.
        client: MLflow's client, to be used inside `reach()`.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        if (path := sqlite_path(uri)) is not None:
            prepare(path)
        if is_server(uri):
            probe(uri)
        with self.reach(), _schema_errors(uri), _driver_errors(uri):
            self.client = MlflowClient(uri, registry_uri=uri)

    @contextmanager
    def reach(self) -> Iterator[None]:
        """Calls to MLflow, whose failures become `Unreachable` or `UserError`."""
        try:
            yield
        except MlflowException as error:
            self._translate(error)
        except (requests.RequestException, OSError) as error:
            if getattr(error, "errno", None) in NO_ROOM:
                raise _no_room(redacted(self.uri), one_line(error)) from None
            raise Unreachable(f"{redacted(self.uri)}: {one_line(error)}") from None

    def log_files(self, folder: str, location: str) -> None:
        """Copy a folder to a run's files, whose location the client would read the run to learn."""
        files = get_artifact_repository(location, tracking_uri=self.uri)
        files.log_artifacts(folder)  # type: ignore[no-untyped-call]  # MLflow leaves it untyped

    def experiment(self, name: str) -> Experiment | None:
        """The experiment of that name, if there is one.

        Raises:
            UserError: it was deleted; MLflow keeps the name taken.
            Unreachable: see the class.
        """
        with self.reach():
            found = self.client.get_experiment_by_name(name)
        if found is not None and found.lifecycle_stage != "active":
            raise UserError(
                "the study's experiment must not be deleted",
                f"'{name}', which lies in MLflow's bin",
                f"Take it out again (mlflow experiments restore -x {found.experiment_id}) or "
                f"remove it for good (ablate prune {name}).",
            )
        return found

    def create_experiment(self, name: str, tags: dict[str, str]) -> str:
        """Make an experiment and return its id; artifacts of a database's lie in mlartifacts/."""
        location = None if is_server(self.uri) else self._artifact_location()
        with self.reach():
            found: str = self.client.create_experiment(name, location, tags)
        return found

    def tag_experiment(
        self, experiment_id: str, wanted: dict[str, str], has: dict[str, str]
    ) -> None:
        """Give an experiment the tags that it does not have already."""
        with self.reach():
            for name, value in wanted.items():
                if has.get(name) != value:
                    self.client.set_experiment_tag(experiment_id, name, value)

    def runs(self, experiment_id: str, query: str, view: int = ViewType.ACTIVE_ONLY) -> list[Run]:
        """All runs of an experiment that a search expression matches, the oldest first."""
        found: list[Run] = []
        token: str | None = ""
        while token is not None:
            with self.reach():
                page = self.client.search_runs(
                    [experiment_id], query, view, max_results=PAGE, page_token=token or None,
                    order_by=["attributes.start_time ASC"],
                )  # fmt: skip
            found.extend(page)
            token = page.token or None
        return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

    def first(self, experiment_id: str, query: str, *order: str) -> Run | None:
        """The first run of an experiment that a search expression matches, in a given order."""
        with self.reach():
            found = self.client.search_runs(
                [experiment_id], query, max_results=1, order_by=list(order)
            )
        return found[0] if found else None

    def models(self, experiment_id: str, query: str | None = None) -> list[LoggedModel]:
        """All logged models of an experiment that a search expression matches."""
        found: list[LoggedModel] = []
        token: str | None = ""
        while token is not None:
            with self.reach():
                page = self.client.search_logged_models(
                    [experiment_id], query, page_token=token or None
                )
            found.extend(page)
            token = page.token or None
        return found

    def artifacts(self) -> Path:
        """Where artifacts of a database's studies lie: beside a SQLite file, else here."""
        path = sqlite_path(self.uri)
        return (path.parent if path else Path.cwd()) / "mlartifacts"

    def _artifact_location(self) -> str:
        path, location = sqlite_path(self.uri), self.artifacts()
        if path is None and len(str(location)) > LONGEST_ARTIFACT_URI - ARTIFACT_TAIL:
            raise UserError(
                f"artifact paths of a database server have at most {LONGEST_ARTIFACT_URI} letters",
                str(location), "Run the study from a directory with a shorter path.",
            )  # fmt: skip
        return str(location)

    def _translate(self, error: MlflowException) -> NoReturn:
        text = one_line(error)
        if error.error_code in REFUSALS or "error code 401" in text or "error code 403" in text:
            raise UserError(
                "the MLflow server must let you in", f"a refusal by {redacted(self.uri)}",
                "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
                "or MLFLOW_TRACKING_TOKEN.",
            ) from None  # fmt: skip
        if "mlflow-artifacts URI" in text:
            raise UserError(
                "a study made through an MLflow server is reached through it",
                f"the database behind one: {redacted(self.uri)}",
                "Give the address of that server with --tracking-uri.",
            ) from None
        if "disk is full" in str(error):
            raise _no_room(redacted(self.uri), "database or disk is full") from None
        if "readonly database" in text:
            raise UserError(
                "the MLflow database must be writable", redacted(self.uri),
                "Give yourself write access, or choose another store with --tracking-uri.",
            ) from None  # fmt: skip
        if "No such artifact" in text:
            raise UserError(
                "the artifacts of a run must be where they were logged", text,
                "Put them back (mlartifacts/ belongs beside mlflow.db), or train the run again.",
            ) from None  # fmt: skip
        if error.error_code == "RESOURCE_DOES_NOT_EXIST" or "must be in the 'active' state" in text:
            raise Gone(f"{redacted(self.uri)}: {text}") from None
        status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        if status >= 429:  # too many requests, or a failure on their side
            raise Unreachable(f"{redacted(self.uri)}: {text}") from None
        raise error


def opened(uri: str | None) -> Store | None:
    """The store to be looked into; None where there is no such file, and nothing is created.

    Raises:
        UserError: it cannot be used.
        Unreachable: it does not answer.
    """
    resolved = tracking_uri(uri)
    path = sqlite_path(resolved)
    return Store(resolved) if path is None or path.exists() else None


def probe(uri: str) -> None:
    """Ask a server whether it is well, briefly.

    Raises:
        Unreachable: it does not answer, or says that it is not well.
        UserError: what answers is no MLflow server.
    """
    try:
        credentials = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
        answer = http_request(  # type: ignore[no-untyped-call]
            credentials, "/health", "GET", timeout=PROBE, max_retries=0
        )
    except MlflowException:
        raise Unreachable(f"no MLflow server answers at {redacted(uri)}") from None
    if answer.status_code >= 500:
        raise Unreachable(f"the server at {redacted(uri)} answers with {answer.status_code}")
    if answer.status_code == 404:
        raise UserError(
            "a tracking URI must be the address of an MLflow server", redacted(uri),
            "Check address and port: what answers there is something else.",
        )  # fmt: skip


def _no_room(store: str, how: str) -> UserError:
    return UserError(
        "the store needs room and permission to write", f"{how} ({store})",
        "Mend that; then the same command goes on where it stopped.",
    )  # fmt: skip


def one_line(error: Exception) -> str:
    """The first line of an error's message, short enough to show."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


@contextmanager
def _schema_errors(uri: str) -> Iterator[None]:
    """A database server's schema of another version, as a user's error."""
    try:
        yield
    except MlflowException as error:
        _, found, rest = str(error).partition("found version ")
        if found:
            check_revision(rest.partition(",")[0], redacted(uri))
        raise


@contextmanager
def _driver_errors(uri: str) -> Iterator[None]:
    """A database's missing driver, as a user's error."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            "a database server's Python driver must be installed", f"{redacted(uri)} ({error})",
            "For PostgreSQL: .venv/bin/pip install 'psycopg[binary]'; or use an MLflow server.",
        ) from None  # fmt: skip
