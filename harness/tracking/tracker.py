"""The one writer of a study's runs to MLflow."""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mlflow.entities import Dataset, DatasetInput, InputTag, Param

from harness.errors import Unreachable, UserError
from harness.plan import Run
from harness.records import Record, Result
from harness.study import Study
from harness.tracking import look, schema
from harness.tracking.ledger import Entry, Ledger, outcome_of, run_tags
from harness.tracking.parent import Facts, Parent, Status
from harness.tracking.session import Session
from harness.tracking.store import Gone, Store
from harness.tracking.throttle import Throttle
from harness.tracking.uri import tracking_uri

SLICE = 0.1  # seconds of live logging at a time
YOUNG = 10.0  # seconds of training before a run is logged live: a short one then comes as a whole
LAST_FLUSH = 2.0  # seconds given to it when the tracker closes
DIGEST_LENGTH = 36  # characters of a data set's digest; MLflow enforces it


class Tracker:
    """One study's side of the store: its parent run, and the child runs that it writes.

    Attributes:
        ended: outcome by key of every run that is complete in the store.
        elsewhere: how many of the study's runs on other data have ended, by the data's name.
        experiment_id, parent_id: MLflow's names of the study's experiment and its parent run.
    """

    def __init__(
        self, ledger: Ledger, parent: Parent, study: Study, runs: Sequence[Run], corpus: Facts
    ) -> None:
        self.ended = ledger.ended()
        self.elsewhere = Counter(
            run.data.tags.get("data", "other data") for run in ledger.runs("run")
            if outcome_of(run) and run.data.tags.get("data_digest") != str(corpus["digest"])
        )  # fmt: skip
        self.experiment_id = ledger.experiment_id
        self.parent_id = parent.run_id
        self._store = ledger.store
        self._ledger = ledger
        self._parent = parent
        self._study = study
        self._corpus = corpus
        self._runs = {run.key: run for run in runs}
        colours = dict(zip(map(str, study.cells()), look.colours(study), strict=True))
        self._colours = {run.key: colours[str(run.cell)] for run in runs}
        self._open: dict[str, Entry] = {}
        self._waiting: dict[str, schema.Points] = {}
        self._live: dict[str, float] = {}  # when a run in training has grown old enough
        self._throttle = Throttle()
        self._closed = False

    @classmethod
    def open(
        cls, uri: str | None, study: Study, corpus: Facts, *, runs: Sequence[Run], session: str
    ) -> "Tracker":
        """Find or make the study's experiment and parent run, and mend what a kill left behind.

        Args:
            uri: tracking URI as given by the user.
            study: as resolved, with the command line's seeds and steps.
            corpus: facts of the data: "corpus" (name), "digest", and any others to be kept.
            runs: the study's whole grid.
            session: a name for this process's work, kept as a tag.

        Raises:
            UserError: the store cannot be used, or another process is writing this study.
            Unreachable: the store does not answer.
        """
        store = Store(tracking_uri(uri))
        experiment = store.experiment(study.name)
        tags = look.experiment_tags(study)
        made = experiment.experiment_id if experiment else store.create_experiment(study.name, tags)
        store.tag_experiment(made, tags, experiment.tags if experiment else tags)
        ledger = Ledger(store, made)
        parent = Parent.open(ledger, study, corpus, Session.here(session))
        tracker = cls(ledger, parent, study, runs, corpus)
        tracker._parent.beat(tracker._progress())
        tracker._recolour()
        return tracker

    def write(self, record: Record) -> None:
        """Log a record soon, if that is possible: curves grow, at little cost in time.

        Never fails for the store's sake; what is not logged live is logged by `deliver`.
        """
        if record.key not in self.ended:
            self._waiting.setdefault(record.key, {}).update(schema.record_points(record))
            self._live.setdefault(record.key, time.monotonic() + YOUNG)
        self.tick()

    def tick(self) -> None:
        """Log what waits, if it is time; call at least every few seconds. Never fails."""
        if self._throttle.ready():
            with self._throttle.spending(), suppress(Unreachable, UserError):
                self._parent.beat(self._progress(), hurry=False)
                now = time.monotonic()
                self._flush([key for key in self._waiting if self._live[key] <= now], SLICE)

    def deliver(self, result: Result) -> None:
        """Store everything of an ended run; it counts as ended only when all of it is there.

        May be called again with the same result: nothing is stored twice.

        Raises:
            Unreachable: some of it is not stored; call again later.
            UserError: the store needs mending.
        """
        if result.key in self.ended:
            return
        try:
            self._deliver(result)
        except Gone:  # the run was deleted meanwhile: make it again
            self._drop(result.key)
            self._deliver(result)
        self._open.pop(result.key, None)
        self._waiting.pop(result.key, None)
        self.ended[result.key] = result.outcome

    def fail(self, run: Run, why: str) -> None:
        """Mark a run that crashed again and again; a later session may still train it.

        Raises:
            Unreachable: it is not marked.
        """
        entry = self._entry(run.key)
        self._waiting.pop(run.key, None)
        tags = {"outcome": "failed", "mlflow.note.content": look.run_note(run, f"crashed: {why}")}
        with self._store.reach():
            self._store.client.log_batch(
                entry.run_id, params=self._description(run.key, entry), tags=run_tags(tags)
            )
            self._store.client.set_terminated(entry.run_id, "FAILED")
        self._open.pop(run.key, None)

    def close(self, status: Status) -> None:
        """End the session: nothing stays RUNNING. What cannot be said now is mended at next open.

        Args:
            status: how the session ended.
        """
        if self._closed:
            return
        self._closed = True
        with suppress(Unreachable, UserError):
            self._flush(list(self._waiting), LAST_FLUSH)
            for entry in self._open.values():
                self._ledger.interrupt(entry.run_id)
            self._parent.end(self._progress(), status)

    def __enter__(self) -> "Tracker":
        """The tracker itself, closed when the block is left."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close as fits the way the block was left, unless it was closed already."""
        stopped = kind in (KeyboardInterrupt, SystemExit)
        self.close("finished" if kind is None else "interrupted" if stopped else "failed")

    def _deliver(self, result: Result) -> None:
        planned, wanted = self._runs[result.key], schema.points(result.history)
        entry = self._entry(result.key)
        if any(wanted.get(point) != value for point, value in entry.logged.items()):
            self._ledger.discard(result.key, entry)  # half-written by another version or machine
            self._drop(result.key)
            entry = self._entry(result.key)
        missing = {point: wanted[point] for point in wanted.keys() - entry.logged.keys()}
        note = look.run_note(planned, look.ending(result))
        tags = schema.result_tags(result) | {
            "session": self._parent.session.id, "mlflow.note.content": note,
            **schema.environment_tags(f"ablate run {self._study.name}"),
        }  # fmt: skip
        with self._store.reach(), tempfile.TemporaryDirectory(prefix="ablate-") as folder:
            schema.write_artifacts(Path(folder), planned, result, self._corpus)
            self._store.log_files(folder, entry.location)
            client = self._store.client
            client.log_batch(
                entry.run_id, schema.metrics(missing, entry.start),
                self._description(result.key, entry), run_tags(tags),
            )  # fmt: skip
            client.log_inputs(entry.run_id, [self._data()])
            client.set_terminated(entry.run_id, "FINISHED")

    def _entry(self, key: str) -> Entry:
        """The MLflow run of that key, open for writing."""
        if key not in self._open:
            run = self._runs[key]
            tags = schema.identity_tags(run, self._study, str(self._corpus["digest"])) | {
                "outcome": "running",
                "session": self._parent.session.id,
                "data": str(self._corpus["corpus"]),
                "mlflow.parentRunId": self.parent_id,
                "mlflow.runColor": self._colours[key],
                "mlflow.note.content": look.run_note(run, "in training"),
                **schema.environment_tags(f"ablate run {self._study.name}"),
            }
            self._open[key] = self._ledger.take(key, look.run_name(run), tags)
        return self._open[key]

    def _drop(self, key: str) -> None:
        self._open.pop(key, None)
        self._ledger.forget(key)

    def _description(self, key: str, entry: Entry) -> list[Param]:
        return [] if entry.described else schema.params(self._runs[key])

    def _data(self) -> DatasetInput:
        source = json.dumps({"uri": str(self._corpus["corpus"])})
        profile = json.dumps({k: v for k, v in self._corpus.items() if isinstance(v, int | float)})
        digest = str(self._corpus["digest"])[:DIGEST_LENGTH]
        data = Dataset(str(self._corpus["corpus"]), digest, "local", source, profile=profile)
        return DatasetInput(data, [InputTag("mlflow.data.context", "training")])

    def _flush(self, keys: Sequence[str], seconds: float) -> None:
        """Log what waits of these runs, one after the other, for about so long."""
        end = time.monotonic() + seconds
        for key in keys:
            if time.monotonic() >= end:
                return
            self._log(key)
            del self._waiting[key]

    def _log(self, key: str) -> None:
        entry = self._entry(key)
        fresh = {p: v for p, v in self._waiting[key].items() if p not in entry.logged}
        try:
            with self._store.reach():
                self._store.client.log_batch(
                    entry.run_id, schema.metrics(fresh, entry.start), self._description(key, entry)
                )
        except Gone:
            self._drop(key)
            return
        entry.logged.update(fresh)
        entry.described = True

    def _progress(self) -> str:
        outcomes = [self.ended[key] for key in self._runs if key in self.ended]
        diverged = outcomes.count("diverged")
        end = f", {diverged} of them diverged" if diverged else ""
        return f"{len(outcomes)} of {len(self._runs)} runs{end}"

    def _recolour(self) -> None:
        """Give runs of earlier sessions the colours that their variants have now."""
        for run in self._ledger.runs("run"):
            colour = self._colours.get(run.data.tags["run_key"])
            if colour and run.data.tags.get("mlflow.runColor") != colour:
                with self._store.reach():
                    self._store.client.set_tag(run.info.run_id, "mlflow.runColor", colour)
