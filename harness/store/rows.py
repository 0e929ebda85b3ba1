"""Experiments and runs as the harness sees them; read from a SQLite store without MLflow.

Loading MLflow takes seconds, so whatever only reads a local store does without it. The schema is
that of the MLflow installed here: `database.check` refuses any other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from harness.store.database import connected
from harness.store.location import beside

if TYPE_CHECKING:
    from mlflow.entities import Experiment as MLflowExperiment
    from mlflow.entities import Run as MLflowRun

NAME = "mlflow.runName"  # tag: the name of a run without one
NAN = float("nan")


@dataclass(frozen=True)
class Experiment:
    """MLflow's container of runs: one a study.

    Attributes:
        experiment_id, name, tags: MLflow's.
        lifecycle_stage: "active" or "deleted".
    """

    experiment_id: str
    name: str
    lifecycle_stage: str
    tags: dict[str, str]

    @classmethod
    def of(cls, found: "MLflowExperiment") -> Self:
        """The experiment that MLflow's client has found."""
        return cls(found.experiment_id, found.name, found.lifecycle_stage, dict(found.tags))


@dataclass(frozen=True)
class RunInfo:
    """What MLflow knows of a run besides what was logged.

    Attributes:
        run_id, experiment_id, run_name: MLflow's.
        status: "RUNNING", "FINISHED", "FAILED", "KILLED" or "SCHEDULED".
        start_time, end_time: ms since 1970; the latter is None while it runs.
        artifact_uri: where its files are.
        lifecycle_stage: "active" or "deleted".
    """

    run_id: str
    experiment_id: str
    run_name: str
    status: str
    start_time: int
    end_time: int | None
    artifact_uri: str
    lifecycle_stage: str


@dataclass(frozen=True)
class RunData:
    """What was logged of a run: of each metric the last value."""

    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]


@dataclass(frozen=True)
class Run:
    """A run that MLflow tracks."""

    info: RunInfo
    data: RunData

    @classmethod
    def of(cls, found: "MLflowRun") -> Self:
        """The run that MLflow's client has found."""
        info, data = found.info, found.data
        return cls(
            RunInfo(
                info.run_id, info.experiment_id, info.run_name, info.status, info.start_time,
                info.end_time, info.artifact_uri, info.lifecycle_stage,
            ),
            RunData(dict(data.params), dict(data.tags), dict(data.metrics)),
        )  # fmt: skip


def experiments(database: Path) -> list[Experiment]:
    """Every experiment of a SQLite store, deleted ones among them."""
    with _reading(database) as read:
        tags = _by_owner(read("SELECT experiment_id, key, value FROM experiment_tags"))
        found = read(
            "SELECT experiment_id, name, lifecycle_stage FROM experiments "
            "WHERE workspace = 'default' ORDER BY experiment_id"
        )
        return [Experiment(str(one), name, stage, tags[one]) for one, name, stage in found]


def runs(database: Path, experiment_id: str) -> list[Run]:
    """The runs of an experiment of a SQLite store, but for deleted ones."""
    of_it = "FROM {} JOIN runs USING (run_uuid) WHERE experiment_id = ?"
    with _reading(database) as read:
        params, tags, metrics = (
            _by_owner(read(f"SELECT run_uuid, key, {value} {of_it.format(table)}", experiment_id))
            for table, value in (
                ("params", "value"),
                ("tags", "value"),
                ("latest_metrics", "iif(is_nan, NULL, value)"),
            )
        )
        found = read(
            "SELECT run_uuid, name, status, start_time, end_time, artifact_uri, lifecycle_stage "
            "FROM runs WHERE experiment_id = ? AND lifecycle_stage = 'active'",
            experiment_id,
        )
        return [
            Run(
                RunInfo(one, experiment_id, name or tags[one].get(NAME, ""), status, start, end,
                        beside(uri, database), stage),
                RunData(params[one], tags[one], {
                    metric: NAN if value is None else value
                    for metric, value in metrics[one].items()
                }),
            )
            for one, name, status, start, end, uri, stage in found
        ]  # fmt: skip


@contextmanager
def _reading(database: Path) -> Iterator[Callable[..., Iterable[tuple[Any, ...]]]]:
    """Queries of a database, all of one state of it, whoever writes meanwhile.

    Raises:
        Locked: another process keeps it locked.
    """
    with connected(database) as connection, connection:
        connection.execute("BEGIN")
        yield lambda query, *values: connection.execute(query, values)


def _by_owner(rows: Iterable[tuple[Any, ...]]) -> defaultdict[Any, dict[str, Any]]:
    """Keys and values of each run or experiment."""
    found: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for owner, key, value in rows:
        found[owner][key] = value
    return found
