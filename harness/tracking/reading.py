"""A study read back from the store: all that reports, exports and plans are made of."""

import json
from hashlib import sha256
from typing import Any

import pandas as pd
from mlflow.entities import Run as StoredRun

from harness.analysis.frames import StudyData
from harness.analysis.gather import gather
from harness.errors import UserError
from harness.plan import expand
from harness.responses import RESPONSES
from harness.study import Level, Study, format_level
from harness.tracking.ledger import INTERRUPTED, Ledger, key_of, outcome_of
from harness.tracking.parent import Facts, read_definition
from harness.tracking.schema import VERIFICATION, text
from harness.tracking.session import HELD, renewed
from harness.tracking.store import Store, opened
from harness.tracking.traces import first_seeds, tables
from harness.tracking.uri import redacted, tracking_uri

TAGS = ("variant", "minibatches", "data_digest", "device", "versions", "trainer", "seconds",
        "diverged_step", "diverged_cause", "claims_digest", "session")  # fmt: skip
SESSIONS_OWN = (HELD, "progress")  # tags of a parent that every session renews
PARAMS = ("seed", "batch", "train_words", "steps")
KEPT = (  # tags of a parent
    "study", "claims_digest", "first_seeds", "progress", VERIFICATION,
)  # fmt: skip


def read_study(
    uri: str | None, name: str, *, steps: int | None = None,
    seeds: tuple[int, ...] | None = None, data_digest: str | None = None,
) -> StudyData:  # fmt: skip
    """A study and its runs, as the store holds them.

    Runs that do not belong to the study's grid as it was last resolved, or that the harness did
    not log, are left out; of duplicates the oldest complete one counts.

    Args:
        uri: tracking URI as given by the user.
        name: of the study.
        steps, data_digest: which making of the study; the latest where they are not given.
        seeds: which blocks; all where they are not given.

    Raises:
        UserError: there is no such study in the store.
        Unreachable: the store does not answer.
    """
    store, ledger = existing(uri, name)
    parent = latest_parent(ledger, name, steps, data_digest)
    study, corpus = definition_of(store, parent, name)
    study = study.override(seeds=seeds)
    planned = {run.key: run for run in expand(study, str(corpus["digest"]))}
    runs = [run for run in chosen(ledger) if run.data.tags["run_key"] in planned]
    return gather(
        study=study, facts=_facts(ledger, parent, corpus, len(runs)),
        runs=pd.DataFrame([row(run, study) for run in runs]),
        **tables(store, runs, drawn=first_seeds(runs)),
    )  # fmt: skip


def fingerprint(
    uri: str | None, name: str, *, steps: int | None = None,
    seeds: tuple[int, ...] | None = None, data_digest: str | None = None,
) -> str:  # fmt: skip
    """A hash of what the store holds of a study, from one search; arguments as `read_study`'s.

    Raises:
        UserError: there is no such study in the store.
        Unreachable: the store does not answer.
    """
    store, ledger = existing(uri, name)
    parent = latest_parent(ledger, name, steps, data_digest)
    runs = [
        (run.info.run_id, run.info.status, run.info.end_time, run.data.params, run.data.metrics,
         run.data.tags)
        for run in ledger.runs("run")
    ]  # fmt: skip
    tags = {tag: value for tag, value in parent.data.tags.items() if tag not in SESSIONS_OWN}
    held = [runs, parent.info.run_id, tags, seeds, read_definition(store, parent.info.run_id)]
    return sha256(json.dumps(held, sort_keys=True, default=str).encode()).hexdigest()


def existing(uri: str | None, name: str) -> tuple[Store, Ledger]:
    """The store and a study's runs in it; creates nothing.

    Raises:
        UserError: there is no such store, or no such study in it.
        Unreachable: the store does not answer.
    """
    store = opened(uri)
    if store is None:
        raise _nothing(name, f"no store at {redacted(tracking_uri(uri))}")
    experiment = store.experiment(name)
    if experiment is None:
        raise _nothing(name, f"no experiment '{name}' in {redacted(store.uri)}")
    return store, Ledger(store, experiment.experiment_id)


def latest_parent(
    ledger: Ledger, name: str, steps: int | None = None, digest: str | None = None
) -> StoredRun:
    """The parent run of the making asked for: of several, the one written to last.

    Raises:
        UserError: there is none.
    """
    wanted = {"steps": steps and str(steps), "data_digest": digest}
    parents = [
        run
        for run in ledger.runs("study")
        if all(value is None or run.data.tags.get(tag) == value for tag, value in wanted.items())
    ]
    if not parents:
        which = ", ".join(f"{tag} {value}" for tag, value in wanted.items() if value)
        raise _nothing(name, f"no runs with {which}" if which else "no runs of it")
    return max(parents, key=renewed)


def chosen(ledger: Ledger) -> list[StoredRun]:
    """One run a key: the oldest complete one, else the youngest."""
    by_key: dict[str, StoredRun] = {}
    for run in ledger.runs("run"):
        key = run.data.tags["run_key"]
        if key not in by_key or not outcome_of(by_key[key]):
            by_key[key] = run
    return list(by_key.values())


def definition_of(store: Store, parent: StoredRun, name: str) -> tuple[Study, Facts]:
    """The study and the facts of its data, as its parent run holds them.

    Raises:
        UserError: they were never stored whole.
        Unreachable: the store does not answer.
    """
    definition = read_definition(store, parent.info.run_id)
    if definition is None:
        raise _nothing(name, f"no definition of it in {redacted(store.uri)}")
    return definition


def _facts(ledger: Ledger, parent: StoredRun, corpus: Facts, count: int) -> dict[str, str]:
    kept = {tag: parent.data.tags.get(tag, "") for tag in KEPT}
    return {name: str(value) for name, value in corpus.items()} | kept | {
        "experiment_id": ledger.experiment_id,
        "parent_run_id": parent.info.run_id,
        "tracking_uri": redacted(ledger.store.uri),
        "commit": parent.data.tags.get("mlflow.source.git.commit", ""),
        "duplicates": str(len(ledger.runs("run")) - len(chosen(ledger))),
        "runs": str(count),
    }  # fmt: skip


def row(run: StoredRun, study: Study) -> dict[str, Any]:
    """A run's labels as they were logged, never as they ought to be: the audit compares the two."""
    tags, params = run.data.tags, run.data.params
    levels = {
        factor: level_text(params.get(factor, ""), known) for factor, known in study.factors.items()
    }
    left = tags.get("outcome")
    return {
        "run_key": key_of(run),
        "run_id": run.info.run_id,
        "run_name": run.info.run_name,
        "outcome": outcome_of(run) or (left if left in ("failed", INTERRUPTED) else "running"),
        "commit": tags.get("mlflow.source.git.commit", ""),
        **{tag: tags.get(tag) for tag in TAGS},
        **{name: params.get(name) for name in PARAMS},
        **levels,
        **{name: run.data.metrics.get(name, float("nan")) for name in RESPONSES},
    }


def level_text(logged: str, known: tuple[Level, ...]) -> str:
    """A logged param as the level it stands for is written in tables.

    >>> level_text("1", (False, True)), level_text("0.10", (1.0, 0.1))
    ('yes', '0.10')
    """
    return {text(level): format_level(level) for level in known}.get(logged, logged)


def _nothing(name: str, received: str) -> UserError:
    return UserError(
        "the study must have runs in the store", received,
        f"Run it first (ablate run {name}), or name its store with --tracking-uri.",
    )  # fmt: skip
