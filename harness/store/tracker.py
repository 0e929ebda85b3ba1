"""The one writer of a study's runs to MLflow."""

import json
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mlflow.entities import Dataset, DatasetInput, InputTag, Param

from harness.errors import Unreachable, UserError
from harness.store import presentation, schema
from harness.store.artifacts import require_unchanged, write_artifacts
from harness.store.digest import DIGEST, FILES, digest_of, file_digests, kept_files
from harness.store.failures import TargetDeleted
from harness.store.fetch import files_of
from harness.store.parent import ParentRun, Status, progress
from harness.store.pictures import HAS_IMAGES, draw_histograms, draw_layers
from harness.store.rows import Run as StoredRun
from harness.store.runs import Ended, OpenRun, StudyRuns, outcome_of
from harness.store.session import Session
from harness.store.store import Store
from harness.store.takeover import COPIED, TAKEN_FROM
from harness.store.throttle import Throttle
from harness.study.plan import Run
from harness.study.study import Study
from harness.subjects.subject import Facts
from harness.training.records import Record, Result

LIVE_SHARE = 0.03  # of the wall time may go into live logging
LIVE_PAUSE = 0.5  # seconds between two rounds of it, at least
SLICE = 0.1  # seconds of live logging at a time
LIVE_DELAY = 10.0  # seconds of training before a run is logged live; shorter ones are logged whole
LAST_FLUSH = 2.0  # seconds of live logging when the tracker closes
DIGEST_LENGTH = 36  # characters of a data set's digest; MLflow enforces it


class Tracker:
    """One study's side of the store: its parent run, and the child runs that it writes.

    Attributes:
        ended: outcome by key of every run that is complete in the store.
        expected: keys of the runs that progress is measured by: the whole grid, unless it is set.
        elsewhere: how many of the study's runs on other data have ended, by the data's name.
        changed: keys of the study file that say something else than in the session before.
        experiment_id, parent_id: MLflow's names of the study's experiment and its parent run.
    """

    def __init__(
        self, runs: StudyRuns, parent: ParentRun, study: Study, facts: Facts, planned: Sequence[Run]
    ) -> None:
        self.ended = runs.ended()
        self._digest = str(facts["digest"])
        self.elsewhere = runs.on_other_data(self._digest)
        self.changed = parent.changed
        self.experiment_id = runs.experiment_id
        self.parent_id = parent.run_id
        self._store = runs.store
        self._runs = runs
        self._parent = parent
        self._study = study
        self._facts = facts
        self._planned = {run.key: run for run in planned}
        self.expected = set(self._planned)
        colours = dict(zip(map(str, study.trained()), presentation.colours(study), strict=True))
        self._colours = {run.key: colours[str(run.cell)] for run in planned}
        self._open: dict[str, OpenRun] = {}
        self._waiting: dict[str, schema.Points] = {}
        self._began: dict[str, int] = {}  # when training did, ms since 1970
        self._live: dict[str, float] = {}  # when a run in training is old enough to be logged live
        self._throttle = Throttle(LIVE_SHARE, LIVE_PAUSE)
        self._closed = False

    @classmethod
    def open(
        cls, store: Store, study: Study, facts: Facts, runs: Sequence[Run], session: str
    ) -> "Tracker":
        """Find or create the study's experiment and parent run, and end what a kill left RUNNING.

        Args:
            store: where the study is stored.
            study: as resolved, with the command line's seeds and steps.
            facts: about the data: "name", "digest", and any others to be kept.
            runs: the study's whole grid.
            session: a name for this process's work, kept as a tag.

        Raises:
            UserError: another process is writing this study.
        """
        experiment = store.open_experiment(study.name, presentation.experiment_tags(study))
        stored = StudyRuns(store, experiment)
        parent = ParentRun.open(stored, study, facts, Session.here(session))
        tracker = cls(stored, parent, study, facts, runs)
        parent.renew(tracker._progress())
        tracker._relabel()
        return tracker

    def write(self, record: Record) -> None:
        """Log a record soon, if that is possible, so that curves grow at little cost in time.

        No failure of the store is raised; what is not logged live is logged by `deliver`.
        """
        if record.key not in self.ended:
            self._began[record.key] = record.began
            self._waiting.setdefault(record.key, {}).update(schema.record_points(record))
            self._live.setdefault(record.key, time.monotonic() + LIVE_DELAY)
        self.tick()

    def tick(self) -> None:
        """Log what waits, if it is time; call at least every few seconds. Raises no failure."""
        if not self._throttle.ready():
            return
        now = time.monotonic()
        with suppress(Unreachable, UserError):
            self._parent.renew(self._progress(), at_once=False)
            self._flush([key for key in self._waiting if self._live[key] <= now], SLICE)
        self._throttle.spent_since(now)

    def deliver(self, result: Result) -> None:
        """Store everything of an ended run; it counts as ended only when all of it is there.

        May be called again with the same result after any failure: nothing is stored twice.
        """
        if result.key in self.ended:
            return
        try:
            self._deliver(result)
        except TargetDeleted:  # the run was deleted meanwhile: create it again
            self._drop(result.key)
            self._deliver(result)
        self._open.pop(result.key, None)
        self._waiting.pop(result.key, None)
        self.ended[result.key] = result.outcome

    def fail(self, run: Run, why: str) -> None:
        """Mark a run that crashed repeatedly; a later session may still train it."""
        opened = self._opened(run.key)
        self._waiting.pop(run.key, None)
        note = presentation.run_note(self._study, run, f"crashed: {why}")
        tags = {"outcome": "failed", "mlflow.note.content": note}
        with self._store.reach():
            self._store.client.log_batch(
                opened.run_id, params=self._description(run.key, opened), tags=schema.run_tags(tags)
            )
            self._store.client.set_terminated(opened.run_id, "FAILED")
        self._open.pop(run.key, None)

    def close(self, status: Status) -> None:
        """End the session: nothing stays RUNNING. What cannot be ended now is ended at the next."""
        if self._closed:
            return
        self._closed = True
        with suppress(Unreachable, UserError):
            self._flush(list(self._waiting), LAST_FLUSH)
            for opened in self._open.values():
                self._runs.interrupt(opened.run_id)
            self._parent.end(self._progress(), status)

    def __enter__(self) -> "Tracker":
        """The tracker itself, closed when the block is left."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close as fits the way the block was left, unless it was closed already."""
        stopped = kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit)
        self.close("finished" if kind is None else "interrupted" if stopped else "failed")

    def _deliver(self, result: Result) -> None:
        self._began[result.key] = result.began
        planned, ending = self._planned[result.key], presentation.ending(result)
        tags = schema.environment_tags(self._study.name) | schema.result_tags(result)
        with tempfile.TemporaryDirectory(prefix="ablate-") as folder:
            subject = self._store.recorded(self._study.subject)
            write_artifacts(Path(folder), self._study, subject, planned, result, self._facts)
            draw_layers(Path(folder), self._study.model, result.trace)
            # Those of one seed say it, and on a server ten files a run cost more than the rest.
            if planned.seed == self._study.seeds[0] and draw_histograms(Path(folder), result):
                tags |= HAS_IMAGES
            points = schema.points(result, self._study.model)
            self._complete(result.key, points, tags, ending, Path(folder), result.ended)

    def take_over(self, key: str, other: StoredRun) -> None:
        """Store a run that another study has finished as this study's own, with all its files.

        Raises:
            NotWhole: some of them are gone or damaged.
        """
        tags = {tag: other.data.tags[tag] for tag in COPIED if tag in other.data.tags}
        tags |= {TAKEN_FROM: other.info.run_id}
        ending = f"{tags['outcome']} in study {other.data.tags.get('study', 'unknown')}, taken over"
        self._began[key], ended = other.info.start_time, other.info.end_time or 0
        with files_of(self._store, other) as folder:
            require_unchanged(folder, kept_files(other))
            self._complete(key, self._store.points(other), tags, ending, folder, ended)
        self._open.pop(key, None)
        self.ended[key] = outcome_of(other) or "finished"

    def _complete(
        self,
        key: str,
        wanted: schema.Points,
        tags: dict[str, str],
        ending: str,
        folder: Path,
        ended: int,
    ) -> None:
        """Log all that is not logged yet of a run that has ended, and end it as of then."""
        opened = self._opened(key)
        if opened.contradicts(wanted):
            self._runs.discard(key, opened)
            self._drop(key)
            opened = self._opened(key)
        note = presentation.run_note(self._study, self._planned[key], ending)
        tags |= {"session": self._parent.session.id, "mlflow.note.content": note}
        tags |= self._digests(self._planned[key], folder, tags, wanted)
        described = self._description(key, opened)
        self._runs.complete(opened, Ended(wanted, described, tags, [self._data()], folder, ended))

    def _digests(
        self, planned: Run, folder: Path, tags: dict[str, str], wanted: schema.Points
    ) -> dict[str, str]:
        """Tags by which later changes of an ended run show."""
        files = file_digests(folder)[: schema.LONGEST_TAG]
        identity = schema.identity_tags(planned, self._study, self._digest)
        numbers = {name: value for (name, _), value in wanted.items()}
        digest = digest_of(schema.param_values(planned), identity | tags | {FILES: files}, numbers)
        return {FILES: files, DIGEST: digest}

    def _opened(self, key: str) -> OpenRun:
        """The MLflow run of that key, open for writing."""
        if key not in self._open:
            run = self._planned[key]
            tags = schema.identity_tags(run, self._study, self._digest) | {
                "outcome": "running",
                "session": self._parent.session.id,
                "data": str(self._facts["name"]),
                "mlflow.parentRunId": self.parent_id,
                "mlflow.runColor": self._colours[key],
                "mlflow.note.content": presentation.run_note(self._study, run, "in training"),
                **schema.environment_tags(self._study.name),
            }
            self._open[key] = self._runs.open(
                key, presentation.run_name(run), tags, self._began.get(key, 0)
            )
        return self._open[key]

    def _drop(self, key: str) -> None:
        self._open.pop(key, None)
        self._runs.forget(key)

    def _description(self, key: str, opened: OpenRun) -> list[Param]:
        return [] if opened.described else schema.params(self._planned[key])

    def _data(self) -> DatasetInput:
        name = str(self._facts["name"])
        source = json.dumps({"uri": name})
        profile = json.dumps({k: v for k, v in self._facts.items() if isinstance(v, int | float)})
        data = Dataset(name, self._digest[:DIGEST_LENGTH], "local", source, profile=profile)
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
        opened = self._opened(key)
        fresh = {p: v for p, v in self._waiting[key].items() if p not in opened.logged}
        try:
            with self._store.reach():
                self._store.client.log_batch(
                    opened.run_id,
                    schema.metrics(fresh, opened.start),
                    self._description(key, opened),
                )
        except TargetDeleted:
            self._drop(key)
            return
        opened.logged.update(fresh)
        opened.described = True

    def _progress(self) -> str:
        return progress(self.ended, self.expected)

    def _relabel(self) -> None:
        """Give runs of earlier sessions the names and colours that their variants have now."""
        for run in self._runs.children:
            key = run.data.tags["run_key"]
            if key not in self._planned:
                continue
            planned = self._planned[key]
            wanted = {"mlflow.runColor": self._colours[key]}
            if run.data.tags.get("variant") != planned.variant:  # else people may have named it
                name = presentation.run_name(planned)
                wanted |= {"variant": planned.variant, "mlflow.runName": name}
            for tag, value in wanted.items():
                if run.data.tags.get(tag) != value:
                    with self._store.reach():
                        self._store.client.set_tag(run.info.run_id, tag, value)
