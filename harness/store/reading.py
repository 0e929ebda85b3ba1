"""A study read back from the store: all that reports and exports are made of."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pandas as pd

from harness.errors import counted, few
from harness.store.artifacts import TRACE, NotWhole, read_artifacts, read_trace, require_unchanged
from harness.store.digest import is_changed, kept_files
from harness.store.fetch import files_of, local_folder
from harness.store.identity import describe, lacked
from harness.store.parent import locate
from harness.store.rows import Run
from harness.store.runs import INTERRUPTED, StudyRuns, is_ours, key_of, outcome_of
from harness.store.schema import VERIFICATION, text
from harness.store.session import SESSION
from harness.store.store import Store
from harness.store.uri import redacted
from harness.study.held import changed
from harness.study.levels import Level, format_level
from harness.study.plan import Run as Planned
from harness.study.plan import expand
from harness.study.study import Study
from harness.subjects.items import ITEMS, Items, unpack_items
from harness.subjects.subject import Facts, Trained
from harness.subjects.trace import COLUMNS

TAGS = ("variant", "minibatches", "data_digest", "device", "versions", "subject", "version",
        "diverged_cause", "claims_digest", "session")  # fmt: skip
NUMBERS = ("seconds", "diverged_step")  # tags that hold numbers
SESSIONS_OWN = (SESSION, "progress")  # tags of a parent run that every session renews
KEPT = ("study", "claims_digest", "first_seeds", "progress", VERIFICATION)  # of a parent run
CHANGED = {True: "yes", False: "", None: "unknown"}  # since the run ended
TYPES = {"step": "int64", "layer": "int64", "bin": "int64", "value": "float64"}  # of a trace


@dataclass(frozen=True, eq=False)
class StoredStudy:
    """A study and its runs, as the store holds them.

    Attributes:
        study: as its file says, or as it was last run.
        facts: about the study as a whole, and about its data.
        runs: one row a run: its labels as logged, and its responses (NaN where it has none).
        changed: keys of the study file that say something else than when the study was last run.
        unread: why the files of some runs cannot be read, by key; known after `traces`.
    """

    study: Study
    facts: dict[str, str]
    runs: pd.DataFrame
    _store: Store
    _found: list[Run]
    changed: Sequence[str] = ()
    unread: dict[str, str] = field(default_factory=dict)

    def traces(self, batch: int = 100) -> Iterator[pd.DataFrame]:
        """Everything measured, so many runs at a time: run_key and the columns of a trace.

        That of a complete run is its trace: one small file instead of a request a curve. Of other
        runs, and where the file is gone or damaged, the curves that were logged.
        """
        for start in range(0, len(self._found), batch):
            tables = [
                self._measured(run).assign(run_key=key_of(run))
                for run in self._found[start : start + batch]
            ]
            yield pd.concat(tables, ignore_index=True)[["run_key", *COLUMNS]]

    def numbers(self) -> "StoredStudy":
        """This study without what is read from files: responses alone."""
        return replace(self, _found=[])

    def as_logged(self) -> "StoredStudy":
        """This study with every field of a run as a column, as it was logged."""
        rows = [
            row(run, self.study)
            | run.data.params
            | {"ours": "true", "run_key": key_of(run), "variant": variant}
            for run, variant in zip(self._found, self.runs["variant"], strict=True)
        ]
        return replace(self, runs=pd.DataFrame(rows))

    def items(self) -> Iterator[tuple[str, dict[str, Items]]]:
        """Responses over the items of a split, by key of a finished run, where they are kept."""
        for run in self._found:
            kept = kept_files(run)
            if not (is_ours(run) and outcome_of(run) == "finished" and ITEMS in kept):
                continue
            try:
                with files_of(self._store, run, ITEMS) as folder:
                    require_unchanged(folder, kept, ITEMS)
                    found = unpack_items((folder / ITEMS).read_bytes())
            except NotWhole as error:
                self.unread.setdefault(key_of(run), str(error.received))
            else:
                yield key_of(run), found

    def trained(self) -> Iterator[tuple[str, Trained]]:
        """Every complete run by its key, with all that was kept of it.

        Raises:
            NotWhole: the files of one are gone or damaged.
        """
        for run in self._found:
            if not (is_ours(run) and outcome_of(run)):
                continue
            with files_of(self._store, run) as folder:
                require_unchanged(folder, kept_files(run))
                _, kept = read_artifacts(folder, self._store.placed)
            yield key_of(run), kept

    def about_unread(self) -> str:
        """What to say of the runs whose files cannot be read, after `traces`; "" if all can."""
        if not self.unread:
            return ""
        return (
            f"the files of {counted(len(self.unread), 'run')} are missing or damaged; only numbers "
            f"and curves are used there: {few(self.unread.values())}"
        )

    def _measured(self, run: Run) -> pd.DataFrame:
        if is_ours(run) and outcome_of(run):
            try:
                with files_of(self._store, run, TRACE) as folder:
                    require_unchanged(folder, kept_files(run), TRACE)
                    return read_trace(folder)
            except NotWhole as error:
                self.unread[key_of(run)] = str(error.received)
        return self._live_curves(run)

    def _live_curves(self, run: Run) -> pd.DataFrame:
        points: list[tuple[str, int, int, str, int, float]] = []
        for metric in self.study.model.curves.keys() & run.data.metrics.keys():
            with self._store.reach():
                history = self._store.client.get_metric_history(run.info.run_id, metric)
            points += [(metric, point.step, 0, "", 0, point.value) for point in history]
        return pd.DataFrame(points, columns=list(COLUMNS)).astype(TYPES)


def read_study(
    store: Store,
    name: str,
    *,
    steps: int | str | None = None,
    seeds: tuple[int, ...] | None = None,
    data_digest: str | None = None,
    study: Study | None = None,
    runs: StudyRuns | None = None,
) -> StoredStudy:
    """A study and its runs with these steps and data: those that were last written by default.

    Runs that do not belong to the study's grid, or that the harness did not log, are left out; of
    duplicates the oldest complete one counts.

    Args:
        store: where they are.
        name: of the study.
        steps, data_digest: which runs, where the study was run with several.
        seeds: which blocks; None for all of the study's.
        study: as its file says; None for what was last run.
        runs: of the study, where they were found before.
    """
    runs, parent, held, facts = locate(store, name, steps, data_digest, runs)
    study = (study or held).override(seeds=seeds)
    found, rows = _planned_rows(runs, study, expand(study, str(facts["digest"])), facts)
    about = _facts(runs, parent, facts, len(found))
    return StoredStudy(study, about, rows, store, found, changed(held, study))


def read_planned(
    store: Store, study: Study, planned: Sequence[Planned], facts: Facts
) -> StoredStudy:
    """A study as it is planned now, with those of its runs that the store holds; no traces.

    Args:
        store: where they are; it need not have the study.
        study: as resolved.
        planned: its whole grid.
        facts: about its data.
    """
    runs = StudyRuns.find(store, study.name)
    _, rows = _planned_rows(runs, study, planned, facts) if runs else ([], pd.DataFrame())
    return StoredStudy(study, {name: str(value) for name, value in facts.items()}, rows, store, [])


def read_all(store: Store, name: str) -> StoredStudy:
    """A study with all runs of its experiment, of whatever steps and data.

    Runs that others logged there are among them, marked by `ours` = "false". They have MLflow's id
    for their key, and so have ours that lost theirs. The params of every run are columns, as
    logged.
    """
    runs, parent, study, facts = locate(store, name)
    others = [run for run in store.runs(runs.experiment_id) if not is_ours(run)]
    others += runs.unidentified
    found, rows = one_a_key(runs) + others, []
    for run in found:
        labels = {"ours": "true", "run_key": key_of(run)}
        if not is_ours(run):
            labels |= {"ours": "false", "outcome": run.info.status.lower()}
        rows.append(row(run, study) | run.data.params | labels)
    table = pd.DataFrame(rows)
    return StoredStudy(study, _facts(runs, parent, facts, len(found)), table, store, found)


def fingerprint(
    store: Store,
    name: str,
    *,
    steps: int | str | None = None,
    seeds: tuple[int, ...] | None = None,
    data_digest: str | None = None,
    study: Study | None = None,
    runs: StudyRuns | None = None,
) -> str:
    """A hash of what the store holds of a study, from one search; arguments as `read_study`'s."""
    runs, parent, held, facts = locate(store, name, steps, data_digest, runs)
    study = (study or held).override(seeds=seeds)
    infos = [
        (info.run_id, info.status, info.end_time, data.params, data.metrics, data.tags, size)
        for info, data, size in ((run.info, run.data, trace_size(run)) for run in runs.children)
    ]
    tags = {tag: value for tag, value in parent.data.tags.items() if tag not in SESSIONS_OWN}
    whole = [infos, parent.info.run_id, tags, study, facts]
    return sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def one_a_key(runs: StudyRuns) -> list[Run]:
    """One child a key: the oldest complete one, else the youngest."""
    by_key: dict[str, Run] = {}
    for run in runs.children:
        key = key_of(run)
        if key not in by_key or not outcome_of(by_key[key]):
            by_key[key] = run
    return list(by_key.values())


def _planned_rows(
    runs: StudyRuns, study: Study, planned: Sequence[Planned], facts: Facts
) -> tuple[list[Run], pd.DataFrame]:
    """The planned runs that the store holds, and their table.

    A run belongs to the variant that has its key: the study may have had other factors, or the same
    in another order, when it was logged.
    """
    by_key = {run.key: run for run in planned}
    found = [run for run in one_a_key(runs) if key_of(run) in by_key]
    rows = []
    for run in found:
        known, params = by_key[key_of(run)], run.data.params
        if outcome_of(run):
            describe(run, known, study, str(facts["digest"]))
        levels = {
            name: level_text(params.get(name), level, getattr(known.fields, name))
            for name, level in known.cell.items()
        }
        rows.append(row(run, study) | levels | {"variant": known.variant})
    return found, pd.DataFrame(rows)


def row(run: Run, study: Study) -> dict[str, Any]:
    """A run's labels as they were logged, never as they ought to be: the audit compares the two.

    Only what was deleted is filled in, and named under `lacking`.
    """
    tags, params, metrics = run.data.tags, run.data.params, run.data.metrics
    left = tags.get("outcome")
    return {
        "run_key": tags.get("run_key"),
        "run_id": run.info.run_id,
        "run_name": run.info.run_name,
        "outcome": outcome_of(run) or (left if left in ("failed", INTERRUPTED) else "running"),
        "commit": tags.get("mlflow.source.git.commit", ""),
        "lacking": ", ".join(lacked(run)),
        "changed": CHANGED[is_changed(run)] if is_ours(run) and outcome_of(run) else "",
        **{tag: tags.get(tag) for tag in TAGS},
        **{tag: number(tags.get(tag, "")) for tag in NUMBERS},
        **{name: params.get(name) for name in ("seed", *study.model.budget)},
        **{name: metrics.get(name, float("nan")) for name in study.model.responses},
    }


def level_text(logged: str | None, level: Level, value: object) -> str | None:
    """A level as tables write it, if what was logged is the value that it stands for; else that.

    >>> level_text("1", True, True), level_text("0.3", 0.1, 0.1)
    ('true', '0.3')
    """
    return format_level(level) if logged == text(value) else logged


def number(logged: str) -> float:
    """A tag as the number that it stands for; NaN where it was edited into none."""
    try:
        return float(logged)
    except ValueError:
        return float("nan")


def trace_size(run: Run) -> int | None:
    """The size of a run's trace in bytes, if it lies on this machine and can be read."""
    folder = local_folder(run)
    try:
        return None if folder is None else (folder / TRACE).stat().st_size
    except OSError:
        return None


def _facts(runs: StudyRuns, parent: Run, facts: Facts, count: int) -> dict[str, str]:
    tags = parent.data.tags
    return {
        **{name: str(value) for name, value in facts.items()},
        **{tag: tags.get(tag, "") for tag in KEPT},
        "experiment_id": runs.experiment_id,
        "parent_run_id": parent.info.run_id,
        "tracking_uri": redacted(runs.store.uri),
        "commit": tags.get("mlflow.source.git.commit", ""),
        "duplicates": str(len(runs.children) - len(one_a_key(runs))),
        "unidentified": str(len(runs.unidentified)),
        "runs": str(count),
    }
