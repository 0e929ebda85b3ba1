"""Single runs read back from the store, with everything that was kept of them."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Run

from harness.errors import UserError
from harness.store.artifacts import read_artifacts
from harness.store.runs import outcome_of
from harness.store.schema import CHILDREN, text
from harness.store.store import Store, require_schema
from harness.store.uri import redacted
from harness.study.levels import Levels, format_level
from harness.study.study import Study
from harness.subjects.subject import Subject, Trained

SHORTEST = 4  # characters of a run id or key that may stand for the whole


@dataclass(frozen=True)
class StoredRun:
    """An ended run as the store holds it.

    Attributes:
        run_id, name, tags: MLflow's.
        subject: what was trained.
        trained: what was kept of it.
    """

    run_id: str
    name: str
    tags: dict[str, str]
    subject: Subject
    trained: Trained


def find_run(store: Store, name: str) -> StoredRun:
    """The ended run that a person means.

    Args:
        store: where it is.
        name: its MLflow run id or run key, or the first letters of one, or its name.

    Raises:
        UserError: no run, or several, go by that name, or the run has not ended.
    """
    with store.reach():
        experiments = list(store.client.search_experiments())
    start = name if len(name) >= SHORTEST and re.fullmatch("[0-9a-f]+", name) else None
    matching = [
        run
        for experiment in experiments
        for run in store.runs(experiment.experiment_id, CHILDREN)
        if name == run.info.run_name
        or (start and run.info.run_id.startswith(start))
        or (start and run.data.tags["run_key"].startswith(start))
    ]
    ended = [run for run in matching if outcome_of(run)]
    if len({run.data.tags["run_key"] for run in ended}) != 1:
        for experiment in experiments if not matching else ():
            require_schema(experiment, store.uri)  # it may be a run of version 1.0
        found = ", ".join(f"{run.info.run_name} ({run.info.run_id[:8]})" for run in matching[:4])
        raise UserError(
            "RUN must name one run that has ended: by id, key or name",
            f"'{name}', which fits {found or 'none'} in {redacted(store.uri)}",
            "Copy a run id from the UI (ablate ui).",
        )
    return _load(store, ended[0])


def find_variant(store: Store, study: Study, levels: Levels, seed: int | None) -> StoredRun:
    """The finished run of a study with these levels: of the seed, or of the lowest one.

    Raises:
        UserError: there is none.
    """
    fields = study.fields(levels)
    asked = {**levels, **({} if seed is None else {"seed": seed})}
    wanted = {name: text(getattr(fields, name, value)) for name, value in asked.items()}
    fitting = [
        run
        for run in _children(store, study, "")
        if outcome_of(run) == "finished" and wanted.items() <= run.data.params.items()
    ]
    if not fitting:
        raise UserError(
            "the variant must have a finished run in the store",
            ", ".join(f"{name}={format_level(value)}" for name, value in asked.items()),
            "Run it first (ablate run STUDY), or name another with --variant.",
        )
    return _load(store, min(fitting, key=lambda run: int(run.data.params["seed"])))


def find_key(store: Store, study: Study, key: str) -> StoredRun | None:
    """The ended run of a study with this key; None where the store has none."""
    ended = filter(outcome_of, _children(store, study, f" AND tags.run_key = '{key}'"))
    run = next(ended, None)
    return _load(store, run) if run else None


def _children(store: Store, study: Study, condition: str) -> list[Run]:
    experiment = store.experiment(study.name)
    return store.runs(experiment.experiment_id, CHILDREN + condition) if experiment else []


def _load(store: Store, run: Run) -> StoredRun:
    with tempfile.TemporaryDirectory(prefix="ablate-") as folder:
        with store.reach():
            store.client.download_artifacts(run.info.run_id, "", folder)
        subject, trained = read_artifacts(Path(folder), store.placed)
    return StoredRun(run.info.run_id, run.info.run_name, run.data.tags, subject, trained)
