"""The harness's own runs in one experiment, by key: found, taken up again, or made, once each."""

import time
from dataclasses import dataclass, field

from mlflow.entities import Run, RunTag

from harness.records import Outcome
from harness.tracking.schema import IS_KIND, IS_SCHEMA, SCHEMA, Points
from harness.tracking.store import Store
from harness.tracking.uri import is_server

OURS = f"tags.`{IS_SCHEMA}` = '{SCHEMA}'"
INTERRUPTED = "interrupted"  # outcome of a run that a later session will go on with


@dataclass
class Entry:
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


class Ledger:
    """The runs of one experiment that the harness made.

    Args:
        store: where they are.
        experiment_id: MLflow's name of the experiment.
    """

    def __init__(self, store: Store, experiment_id: str) -> None:
        self.store = store
        self.experiment_id = experiment_id
        self._unsure: set[str] = set()
        self._runs: dict[str, list[Run]] = {}
        for run in store.runs(experiment_id, OURS):
            self._runs.setdefault(run.data.tags.get("run_key", ""), []).append(run)

    def runs(self, kind: str) -> list[Run]:
        """Those found when the ledger was opened: "study" for parents, "run" for children."""
        return [
            run for alike in self._runs.values() for run in alike if run.data.tags[IS_KIND] == kind
        ]

    def find(self, key: str) -> list[Run]:
        """Those of a key found when the ledger was opened, the oldest first."""
        return self._runs.get(key, [])

    def ended(self) -> dict[str, Outcome]:
        """Outcome by key of every child found complete; of duplicates the oldest counts."""
        outcomes: dict[str, Outcome] = {}
        for run in self.runs("run"):
            if outcome := outcome_of(run):
                outcomes.setdefault(run.data.tags["run_key"], outcome)
        return outcomes

    def take(self, key: str, name: str, tags: dict[str, str]) -> Entry:
        """The run of that key, taken up where there is one, else made.

        Args:
            key: the identity; at most one run of it is open at a time.
            name: of a run to be made.
            tags: of a run to be made.

        Raises:
            Unreachable: whether a run was made is settled at the next call.
        """
        if key in self._unsure:
            self._settle(key)
        unfinished = [run for run in self.find(key) if not outcome_of(run)]
        entry = self._resume(unfinished[0]) if unfinished else self._make(key, name, tags)
        self._unsure.discard(key)
        return entry

    def forget(self, key: str) -> None:
        """Look the key up again before it is next taken: its run may be gone."""
        self._unsure.add(key)

    def discard(self, key: str, entry: Entry) -> None:
        """Put a run that holds other values into MLflow's bin."""
        with self.store.reach():
            self.store.client.delete_run(entry.run_id)
        self.forget(key)

    def interrupt(self, run_id: str) -> None:
        """End a child that no process is writing, to be gone on with later."""
        with self.store.reach():
            self.store.client.set_tag(run_id, "outcome", INTERRUPTED)
        self.kill(run_id)

    def kill(self, run_id: str) -> None:
        """End a run that no process is writing."""
        with self.store.reach():
            self.store.client.set_terminated(run_id, "KILLED")

    def _resume(self, run: Run) -> Entry:
        with self.store.reach():
            if run.info.status != "RUNNING":
                self.store.client.update_run(run.info.run_id, "RUNNING")
            logged = {
                (point.key, point.step): point.value
                for metric in run.data.metrics
                for point in self.store.client.get_metric_history(run.info.run_id, metric)
            }
        info = run.info
        return Entry(info.run_id, info.start_time, info.artifact_uri, logged)

    def _make(self, key: str, name: str, tags: dict[str, str]) -> Entry:
        self._unsure.add(key)
        start = int(time.time() * 1000)
        tags = {**tags, "run_key": key}
        with self.store.reach():
            run = self.store.client.create_run(self.experiment_id, start, tags, name)
        if is_server(self.store.uri):
            self._remove_ghosts(key, run)
        return Entry(run.info.run_id, start, run.info.artifact_uri)

    def _settle(self, key: str) -> None:
        self._runs[key] = self.store.runs(self.experiment_id, f"{OURS} and tags.run_key = '{key}'")

    def _remove_ghosts(self, key: str, made: Run) -> None:
        """Remove runs that the same request made before, because it was sent again on the way."""
        self._settle(key)
        for run in self._runs[key]:
            same = run.info.start_time == made.info.start_time
            if same and run.info.run_id != made.info.run_id:
                with self.store.reach():
                    self.store.client.delete_run(run.info.run_id)


def key_of(run: Run) -> str:
    """The run's key; MLflow's id of a run that the harness did not log."""
    key: str = run.data.tags.get("run_key", run.info.run_id)
    return key


def outcome_of(run: Run) -> Outcome | None:
    """How a run ended; None while it is not complete."""
    outcome = run.data.tags.get("outcome")
    if run.info.status == "FINISHED" and outcome in ("finished", "diverged"):
        return outcome  # type: ignore[return-value]  # one of the two, as just checked
    return None


def run_tags(tags: dict[str, str]) -> list[RunTag]:
    """Tags as MLflow's entities."""
    return [RunTag(name, value) for name, value in tags.items()]
