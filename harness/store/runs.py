"""The harness's own runs in a study's experiment, by key: found, resumed, or created once each."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness.store.identity import identify, kind_of
from harness.store.rows import Run
from harness.store.schema import IS_SCHEMA, OURS, SCHEMA, Points, metrics, run_tags
from harness.store.store import Store
from harness.store.uri import is_server
from harness.subjects.subject import Outcome

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Param

INTERRUPTED = "interrupted"  # outcome of a run that a later session will continue


@dataclass
class OpenRun:
    """An MLflow run that this session writes.

    Attributes:
        run_id: MLflow's name of it.
        start: its start, ms since 1970: metric times follow from it.
        location: of its files.
        logged: the metric points it is known to have.
        described: whether its params are known to be logged.
    """

    run_id: str
    start: int
    location: str
    logged: Points = field(default_factory=dict)
    described: bool = False

    def contradicts(self, points: Points) -> bool:
        """Whether it holds others than these: another version or machine wrote it in part."""
        return any(points.get(point) != value for point, value in self.logged.items())


@dataclass(frozen=True)
class Ended:
    """All that is stored of a run once it has ended.

    Attributes:
        points: its metric points.
        params, tags, inputs: MLflow's.
        folder: with its files.
        at: when it ended, ms since 1970; 0 for now.
    """

    points: Points
    params: "Sequence[Param]"
    tags: dict[str, str]
    inputs: "Sequence[DatasetInput]"
    folder: Path
    at: int


class StudyRuns:
    """The runs of one experiment that the harness created, as found when this object was made.

    Attributes:
        parents, children: the runs, the oldest first.
        unidentified: children of which nothing tells which they are: tags were deleted by hand.
    """

    def __init__(self, store: Store, experiment_id: str) -> None:
        self.store = store
        self.experiment_id = experiment_id
        self._unsure: set[str] = set()
        self._runs: dict[str, list[Run]] = {}
        found = [run for run in store.runs(experiment_id) if is_ours(run)]
        known = {run.info.run_id for run in found if identify(store, run)}
        for run in found:
            self._runs.setdefault(run.data.tags.get("run_key", ""), []).append(run)
        self.parents = [run for run in found if kind_of(run) == "study"]
        children = [run for run in found if kind_of(run) == "run"]
        self.children = [run for run in children if run.info.run_id in known]
        self.unidentified = [run for run in children if run.info.run_id not in known]

    @classmethod
    def find(cls, store: Store, study: str) -> "StudyRuns | None":
        """The runs of a study; None where the store does not have it."""
        experiment = store.experiment(study)
        return cls(store, experiment.experiment_id) if experiment else None

    def of_key(self, key: str) -> list[Run]:
        """All runs of a key, the oldest first."""
        return self._runs.get(key, [])

    def ended(self) -> dict[str, Outcome]:
        """Outcome by key of every complete child; of duplicates the oldest counts."""
        outcomes: dict[str, Outcome] = {}
        for run in self.children:
            if outcome := outcome_of(run):
                outcomes.setdefault(run.data.tags["run_key"], outcome)
        return outcomes

    def on_other_data(self, digest: str) -> Counter[str]:
        """How many complete children are of data other than these, by the data's name."""
        return Counter(
            run.data.tags.get("data", "other data")
            for run in self.children
            if outcome_of(run) and run.data.tags.get("data_digest") != digest
        )

    def open(self, key: str, name: str, tags: dict[str, str], began: int = 0) -> OpenRun:
        """The unfinished run of that key, resumed where there is one, else created.

        Args:
            key: the identity; at most one run of it is open at a time.
            name, tags: of a run to be created.
            began: when it did, ms since 1970; 0 for now.

        Raises:
            Unreachable: whether a run was created is found out at the next call.
        """
        if key in self._unsure:
            self._look_up(key)
        unfinished = [run for run in self.of_key(key) if not outcome_of(run)]
        opened = self._resume(unfinished[0]) if unfinished else self._create(key, name, tags, began)
        self._unsure.discard(key)
        return opened

    def complete(self, opened: OpenRun, ended: Ended) -> None:
        """Store all that an open run lacks, and end it as of then."""
        missing = {p: ended.points[p] for p in ended.points.keys() - opened.logged.keys()}
        with self.store.reach():
            self.store.log_files(str(ended.folder), opened.location)
            client = self.store.client
            client.log_batch(
                opened.run_id, metrics(missing, opened.start), ended.params, run_tags(ended.tags)
            )
            client.log_inputs(opened.run_id, ended.inputs)
            end = max(ended.at, opened.start) if ended.at else None
            client.set_terminated(opened.run_id, "FINISHED", end)

    def forget(self, key: str) -> None:
        """Look the key up again before it is next opened: its run may be gone."""
        self._unsure.add(key)

    def discard(self, key: str, opened: OpenRun) -> None:
        """Delete a run that holds other values; MLflow can restore it."""
        with self.store.reach():
            self.store.client.delete_run(opened.run_id)
        self.forget(key)

    def interrupt(self, run_id: str) -> None:
        """End a child that no process is writing, to be continued later."""
        with self.store.reach():
            self.store.client.set_tag(run_id, "outcome", INTERRUPTED)
        self.kill(run_id)

    def kill(self, run_id: str) -> None:
        """End a run that no process is writing."""
        with self.store.reach():
            self.store.client.set_terminated(run_id, "KILLED")

    def _resume(self, run: Run) -> OpenRun:
        with self.store.reach():
            if run.info.status != "RUNNING":
                self.store.client.update_run(run.info.run_id, "RUNNING")
        logged = self.store.points(run)
        return OpenRun(run.info.run_id, run.info.start_time, run.info.artifact_uri, logged)

    def _create(self, key: str, name: str, tags: dict[str, str], began: int) -> OpenRun:
        self._unsure.add(key)
        start = began or int(time.time() * 1000)
        with self.store.reach():
            run = self.store.client.create_run(
                self.experiment_id, start, {**tags, "run_key": key}, name
            )
        if is_server(self.store.uri):  # the request may have been sent twice on the way
            self._look_up(key)
            for ghost in self.of_key(key):
                if ghost.info.start_time == start and ghost.info.run_id != run.info.run_id:
                    with self.store.reach():
                        self.store.client.delete_run(ghost.info.run_id)
        return OpenRun(run.info.run_id, start, run.info.artifact_uri)

    def _look_up(self, key: str) -> None:
        self._runs[key] = self.store.runs(self.experiment_id, f"{OURS} and tags.run_key = '{key}'")


def is_ours(run: Run) -> bool:
    """Whether the harness logged the run."""
    return run.data.tags.get(IS_SCHEMA) == SCHEMA


def key_of(run: Run) -> str:
    """The run's key; MLflow's id of a run that the harness did not log, or that lost its key."""
    ours = run.data.tags.get("run_key") if is_ours(run) else None
    return ours or run.info.run_id


def outcome_of(run: Run) -> Outcome | None:
    """How a run ended; None while it is not complete."""
    outcome = run.data.tags.get("outcome")
    if run.info.status == "FINISHED" and outcome in ("finished", "diverged"):
        return outcome  # type: ignore[return-value]  # one of the two, as just checked
    return None
