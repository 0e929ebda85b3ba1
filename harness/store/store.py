"""The MLflow store of a command: opened once, and passed to all that reads or writes it.

Every failure of MLflow becomes one of two kinds: `Unreachable` (nothing is lost, try again later)
or `UserError` (the user has to fix something). Whatever takes a store may raise them; docstrings
name them only where they mean more. No call waits longer than a few seconds for a server, or 20
for a process that has a database locked.
"""

import os
import re
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from harness.errors import Locked, Unreachable, UserError, counted
from harness.files import about_limit, lacks_room
from harness.store import location, rows
from harness.store.database import (
    ARTIFACTS,
    FAULTS,
    about_lock,
    artifact_root,
    check,
    check_revision,
    is_writable,
    not_writable,
    prepare,
    unusable,
)
from harness.store.rows import Experiment, Run
from harness.store.schema import IS_SCHEMA, SCHEMA, Points
from harness.store.uri import for_mlflow, is_server, redacted, sqlite_path, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.exceptions import MlflowException
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.entities import PagedList

PROBE = 3  # seconds a server may take to say that it is well
PAGE = 1000  # runs fetched at once
LONGEST_ARTIFACT_URI = 200  # characters; PostgreSQL enforces it
ARTIFACT_TAIL = 60  # characters that follow the artifact location: experiment, run, "artifacts"
REFUSALS = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")
ACTIVE = 1  # MLflow's ViewType.ACTIVE_ONLY: runs that are not deleted
DELETED = "deleted"  # lifecycle stage of what MLflow can still restore

Found = TypeVar("Found")


class TargetDeleted(Unreachable):
    """Raised when what was to be written to has been deleted from the store meanwhile."""


class NotPermitted(UserError):  # noqa: N818 - a state of the store, not an error of ours
    """Raised when a server refuses to do something for this user."""


class Store:
    """An open MLflow store.

    Args:
        uri: its resolved address, of a database that exists.

    Attributes:
        uri: may hold credentials, so show `redacted(uri)` instead.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._database = sqlite_path(uri)
        if is_server(uri):
            probe(uri)
        if self._database is None:
            self.client  # noqa: B018 - it finds out whether the store can be used

    @cached_property
    def client(self) -> "MlflowClient":
        """MLflow's client, to be used inside `reach()`; it takes seconds to load."""
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        if self._database:
            location.follow_databases()
        with self.reach():
            try:
                uri = for_mlflow(self.uri)
                return MlflowClient(uri, registry_uri=uri)
            except MlflowException as error:
                _, found, rest = str(error).partition("found version ")
                if found:  # a database server's schema is another MLflow's
                    check_revision(rest.partition(",")[0], redacted(self.uri))
                raise
            except ImportError as error:
                raise UserError(
                    "a database server's Python driver must be installed",
                    f"{redacted(self.uri)} ({error})",
                    "For PostgreSQL: .venv/bin/pip install 'psycopg[binary]'; "
                    "or use an MLflow server.",
                ) from None

    @classmethod
    def open(cls, uri: str | None) -> Self:
        """The store at a tracking URI as given by the user; a missing database is created."""
        resolved = tracking_uri(uri)
        if (path := sqlite_path(resolved)) is not None:
            prepare(path)
        return cls(resolved)

    @classmethod
    def existing(cls, uri: str | None) -> Self:
        """The store at a tracking URI, to be read: it must exist, and may be read-only."""
        path = sqlite_path(resolved := tracking_uri(uri))
        if path is not None and not path.exists():
            raise UserError(
                "the store must exist",
                f"no store at {redacted(resolved)}",
                "Run a study first (ablate run STUDY), change to the directory where it was run, "
                "or name its store with --tracking-uri.",
            )
        if path is not None:
            check(path)
        return cls(resolved)

    @contextmanager
    def reach(self) -> Iterator[None]:
        """Turn failures of MLflow's calls in the block into `Unreachable` or `UserError`."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except MlflowException as error:
            self._translate(error)
        except (DBAPIError, sqlite3.Error) as error:
            self._refuse_known(one_line(error))
            raise Unreachable(f"{redacted(self.uri)}: {one_line(error)}") from None
        except shutil.Error as error:  # of files that MLflow copied; each with its own reason
            raise self._no_room(str(error.args[0][0][-1])) from None
        except ImportError as error:  # MLflow loads a package when it first stores a file there
            raise UserError(
                "the Python package of the place where files are stored must be installed",
                error,
                "Install it, for s3:// .venv/bin/pip install boto3; then run the same command "
                "again.",
            ) from None
        except OSError as error:  # that of the network is one
            if lacks_room(error):
                raise self._no_room(one_line(error)) from None
            if self._database and (limit := about_limit(error)):
                raise limit from None
            if getattr(getattr(error, "response", None), "status_code", 0) in (401, 403):
                raise self._not_permitted() from None  # to handle a run's files
            raise Unreachable(f"{redacted(self.uri)}: {one_line(error)}") from None

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Turn failures to read a SQLite file without MLflow into those of `reach`."""
        try:
            yield
        except sqlite3.Error as error:
            self._refuse_known(one_line(error))
            raise Unreachable(f"{redacted(self.uri)}: {one_line(error)}") from None

    def files_at(self, address: str) -> "ArtifactRepository":
        """The files of a run, by their address.

        MLflow's client would read the run to learn it, and remember it for all stores, so that a
        copy's files would come from its original, and go to it.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        with self.reach():  # the address may be that of a server, which is not the store
            return get_artifact_repository(address, tracking_uri=for_mlflow(self.uri))

    def log_files(self, folder: str, address: str, below: str | None = None) -> None:
        """Copy a folder to a run's files.

        Args:
            folder: on this machine.
            address: of the run's files.
            below: folder among them; None for all of them.
        """
        self.files_at(address).log_artifacts(folder, below)  # type: ignore[no-untyped-call]

    def log_file(self, path: Path, address: str) -> None:
        """Copy a file to a run's files, whole or not at all."""
        self.files_at(address).log_artifact(str(path))  # type: ignore[no-untyped-call]

    def points(self, run: Run) -> Points:
        """Every metric point of a run."""
        with self.reach():
            return {
                (point.key, point.step): point.value
                for metric in run.data.metrics
                for point in self.client.get_metric_history(run.info.run_id, metric)
            }

    def experiment(self, study: str) -> Experiment | None:
        """The experiment of a study, if there is one.

        Raises:
            UserError: it was deleted, and MLflow keeps the name taken; or it holds runs of
                version 1.0.
        """
        found = self.named(study)
        if found is None:
            return None
        if found.lifecycle_stage == DELETED:
            raise UserError(
                "the study's experiment must not be deleted",
                f"'{study}', which is deleted in MLflow",
                f"Restore it (mlflow experiments restore -x {found.experiment_id}) or "
                f"remove it for good (ablate prune {shlex.quote(study)}).",
            )
        require_schema(found, self.uri)
        return found

    def experiments(self) -> list[Experiment]:
        """All experiments that are not deleted, of studies and others."""
        if self._database:
            with self._reading():
                found = rows.experiments(self._database)
            return [one for one in found if one.lifecycle_stage != DELETED]
        pages = self._pages(lambda token: self.client.search_experiments(page_token=token))
        return [Experiment.of(one) for one in pages]

    def named(self, name: str) -> Experiment | None:
        """The experiment of that name, deleted or not."""
        if self._database:
            with self._reading():
                found = rows.experiments(self._database)
            return next((one for one in found if one.name == name), None)
        with self.reach():
            there = self.client.get_experiment_by_name(name)
        return Experiment.of(there) if there else None

    def open_experiment(self, study: str, tags: dict[str, str]) -> str:
        """The id of a study's experiment, which has these tags then; a missing one is created.

        Raises:
            UserError: there is one that others made, with runs in it.
        """
        found = self.experiment(study)
        if found is not None and IS_SCHEMA not in found.tags:
            self._require_unused(found)
        if found is None:
            return self._create_experiment(study, tags)
        with self.reach():
            for name, value in tags.items():
                if found.tags.get(name) != value:
                    self.client.set_experiment_tag(found.experiment_id, name, value)
        return found.experiment_id

    def _create_experiment(self, study: str, tags: dict[str, str]) -> str:
        from mlflow.exceptions import MlflowException

        address = self._artifact_address()
        with self.reach():
            try:
                identity: str = self.client.create_experiment(study, address, tags)
            except MlflowException as error:
                # Another process, or this one by an answer that was lost, has just created it.
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            else:
                return identity
        return self.open_experiment(study, tags)

    def _require_unused(self, experiment: Experiment) -> None:
        """Check that others do not use an experiment without our mark, so that it may be ours."""
        from mlflow.entities import ViewType

        identity = experiment.experiment_id
        found = self.runs(identity, view=ViewType.ALL)
        if found and not any(IS_SCHEMA in run.data.tags for run in found):
            raise UserError(
                "the experiment of a study must be one that `ablate run` created, or empty",
                f"'{experiment.name}' in {redacted(self.uri)}, "
                f"with {counted(len(found), 'run')} that others logged",
                "Rename the study's file, or that experiment (mlflow experiments rename "
                f"-x {identity} --new-name NAME), or name another store with --tracking-uri.",
            )

    def runs(self, experiment_id: str, query: str = "", view: int = ACTIVE) -> list[Run]:
        """The runs of an experiment, the oldest first.

        Args:
            experiment_id: MLflow's name of it.
            query: a search expression that they match; "" for all.
            view: one of MLflow's `ViewType`.
        """
        if self._database and not query and view == ACTIVE:
            with self._reading():
                found = rows.runs(self._database, experiment_id)
        else:
            pages = self._pages(
                lambda token: self.client.search_runs(
                    [experiment_id],
                    query,
                    view,
                    max_results=PAGE,
                    page_token=token,
                    order_by=["attributes.start_time ASC"],
                )
            )
            found = [Run.of(one) for one in pages]
        return sorted(found, key=lambda run: (run.info.start_time, run.info.run_id))

    def models(self, experiment_id: str, query: str | None = None) -> "list[LoggedModel]":
        """All logged models of an experiment that a search expression matches."""
        return self._pages(
            lambda token: self.client.search_logged_models([experiment_id], query, page_token=token)
        )

    def artifact_root(self) -> Path:
        """The folder of a database's artifacts: beside a SQLite file, else in this directory."""
        return artifact_root(self._database) if self._database else Path.cwd() / ARTIFACTS

    def recorded(self, subject: str) -> str:
        """A subject as it is recorded: a user's file by its path from the store's directory."""
        home = self.artifact_root().parent
        return os.path.relpath(subject, home) if subject.endswith(".py") else subject

    def placed(self, recorded: str) -> str:
        """A subject that was recorded, a user's file by its path from the working directory."""
        home = self.artifact_root().parent
        return os.path.relpath(home / recorded) if recorded.endswith(".py") else recorded

    def settle(self, experiment_id: str) -> bool:
        """Record where an experiment's artifacts are now; whether another place was recorded."""
        with self.reach():
            return self._database is not None and location.settle(self._database, experiment_id)

    @property
    def writable(self) -> bool:
        """Whether it can be written, as far as this machine tells."""
        return self._database is None or is_writable(self._database)

    def require_writable(self) -> None:
        """Check that it can be written.

        Raises:
            UserError: it cannot.
        """
        if not self.writable:
            raise not_writable(str(self._database))

    def _artifact_address(self) -> str | None:
        """Where a new experiment's artifacts go; None where the server decides."""
        if is_server(self.uri):
            return None
        address = self.artifact_root().as_uri()
        if not self._database and len(address) > LONGEST_ARTIFACT_URI - ARTIFACT_TAIL:
            raise UserError(
                f"artifact paths of a database server have at most {LONGEST_ARTIFACT_URI} "
                "characters",
                address,
                "Run the study from a directory with a shorter path.",
            )
        return address

    def _pages(self, search: "Callable[[str | None], PagedList[Found]]") -> list[Found]:
        found: list[Found] = []
        token: str | None = ""
        while token is not None:
            with self.reach():
                page = search(token or None)
            found.extend(page)
            token = page.token or None
        return found

    def _translate(self, error: "MlflowException") -> NoReturn:
        text = one_line(error)
        if error.error_code in REFUSALS or "error code 401" in text or "error code 403" in text:
            raise self._not_permitted() from None
        if "mlflow-artifacts URI" in text:
            raise UserError(
                "a study stored through an MLflow server must be read through that server",
                f"the database behind one: {redacted(self.uri)}",
                "Give the address of that server with --tracking-uri.",
            ) from None
        self._refuse_known(str(error))
        lost = "ensure that the path is correct" in text  # MLflow says so of any failed download
        if "No such artifact" in text or (lost and not is_server(self.uri)):
            raise UserError(
                "the artifacts of a run must be where they were logged",
                text,
                "Put them back (mlartifacts/ belongs beside mlflow.db), or train the run again.",
            ) from None
        if error.error_code == "RESOURCE_DOES_NOT_EXIST" or "must be in the 'active' state" in text:
            raise TargetDeleted(f"{redacted(self.uri)}: {text}") from None
        status: int = error.get_http_status_code()  # type: ignore[no-untyped-call]
        # Too many requests, a failure on their side, or the answer of a program before the server.
        if status >= 429 or "failed with error code" in text:
            raise Unreachable(f"{redacted(self.uri)}: {text}") from None
        if is_server(self.uri):
            raise UserError(
                "the MLflow server must take what the harness sends",
                f"a refusal by {redacted(self.uri)}: {text}",
                "Its MLflow may be of another version, or limited: see its log, or name another "
                "store with --tracking-uri.",
            ) from None
        raise error

    def _refuse_known(self, text: str) -> None:
        """Raise what an error of SQLite comes down to, if it is a known one."""
        if "database is locked" in text and self._database:
            raise Locked(about_lock(self._database)) from None
        if "disk is full" in text:
            raise self._no_room("database or disk is full") from None
        for fault in FAULTS:
            if fault in text and self._database:
                raise unusable(self._database, fault) from None
        if "readonly database" in text:
            raise not_writable(redacted(self.uri)) from None

    def _not_permitted(self) -> NotPermitted:
        return NotPermitted(
            "the MLflow server must grant you access",
            f"a refusal by {redacted(self.uri)}",
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, "
            "of a user who may do this.",
        )

    def _no_room(self, how: str) -> UserError:
        return UserError(
            "the store needs free space and write permission",
            f"{how} ({redacted(self.uri)})",
            "Free some space or change the permissions; the same command then continues.",
        )


def require_schema(experiment: Experiment, uri: str) -> None:
    """Check that an experiment holds runs of this version of the harness, if of any.

    Raises:
        UserError: it holds those of version 1.0.
    """
    if (found := experiment.tags.get(IS_SCHEMA)) not in (None, SCHEMA):
        raise UserError(
            f"a study's runs must be stored in schema {SCHEMA} of the harness",
            f"'{experiment.name}' in {redacted(uri)}, stored in schema {found} by another version",
            "Its runs stay as they are. Name another store with --tracking-uri, for example "
            "sqlite:///new.db, or move mlflow.db and mlartifacts/ to another directory.",
        )


def probe(uri: str) -> None:
    """Ask a server whether it is well, briefly.

    Raises:
        Unreachable: it does not answer, or says that it is not well.
        UserError: what answers is not an MLflow server.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

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
            "a tracking URI must be the address of an MLflow server",
            redacted(uri),
            "Check the address and port: another program answers there.",
        )


def one_line(error: Exception) -> str:
    """The first line of an error's message, short enough to show, and without a URI's password."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return re.sub(r"(?<=://)[^/]*@", "", line)[:300]
