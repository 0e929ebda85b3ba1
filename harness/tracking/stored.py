"""Single runs taken out of the store again: their trace, and their network."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.entities import Run as MlflowRun
from safetensors import SafetensorError

from harness.errors import UserError
from harness.fields import Fields
from harness.network import MLP
from harness.saved import load_network, read_config
from harness.study import Levels
from harness.tracking.ledger import OURS, outcome_of
from harness.tracking.schema import IS_KIND, TRACE, text
from harness.tracking.store import Store, opened
from harness.tracking.uri import redacted, tracking_uri

CHILDREN = f"{OURS} AND tags.`{IS_KIND}` = 'run'"
SHORTEST = 4  # characters of a run id or key that may stand for the whole


@dataclass(frozen=True)
class StoredRun:
    """An ended run as the store holds it.

    Attributes:
        run_id, name: MLflow's.
        tags, metrics: MLflow's; metrics are the last value of each.
        config: fields, seed, and facts of the corpus, its alphabet among them.
        trace: everything measured, as `harness.tables.trace` makes it.
        network: the trained network, in training mode.
    """

    run_id: str
    name: str
    tags: dict[str, str]
    metrics: dict[str, float]
    config: dict[str, Any]
    trace: pd.DataFrame
    network: MLP

    @property
    def fields(self) -> Fields:
        """What defined the run."""
        return Fields.model_validate(self.config["fields"])

    @property
    def alphabet(self) -> str:
        """The characters of its data."""
        return str(self.config["corpus"]["alphabet"])


def existing(uri: str | None) -> Store:
    """The store, which must be there.

    Raises:
        UserError: it is not.
        Unreachable: it does not answer.
    """
    store = opened(uri)
    if store is None:
        raise UserError(
            "the store must be there", f"no store at {redacted(tracking_uri(uri))}",
            "Go where the study was run, or name its store with --tracking-uri.",
        )  # fmt: skip
    return store


def find_run(uri: str | None, name: str) -> StoredRun:
    """The ended run that a person means.

    Args:
        uri: tracking URI as given by the user.
        name: its MLflow run id or run key, or the first letters of one, or its name.

    Raises:
        UserError: no run, or several, go by that name, or the run has not ended.
        Unreachable: the store does not answer.
    """
    store = existing(uri)
    with store.reach():
        experiments = [found.experiment_id for found in store.client.search_experiments()]
    matching = [
        run
        for experiment in experiments
        for run in store.runs(experiment, CHILDREN)
        if name == run.info.run_name
        or (len(name) >= SHORTEST and re.fullmatch("[0-9a-f]+", name)
            and (run.info.run_id.startswith(name) or run.data.tags["run_key"].startswith(name)))
    ]  # fmt: skip
    ended = [run for run in matching if outcome_of(run)]
    if len({run.data.tags["run_key"] for run in ended}) != 1:
        found = ", ".join(f"{run.info.run_name} ({run.info.run_id[:8]})" for run in matching[:4])
        raise UserError(
            "RUN must name one run that has ended: by id, key or name",
            f"'{name}', which fits {found or 'none'} in {redacted(store.uri)}",
            "Copy a run id from the UI (ablate ui).",
        )
    return _load(store, ended[0])


def find_variant(uri: str | None, study: str, levels: Levels, seed: int | None) -> StoredRun:
    """The ended run of a study with these levels: of the seed, or of the first that ended.

    Raises:
        UserError: there is none.
        Unreachable: the store does not answer.
    """
    store = existing(uri)
    experiment = store.experiment(study)
    runs = store.runs(experiment.experiment_id, CHILDREN) if experiment else []
    wanted = {factor: text(level) for factor, level in levels.items()}
    wanted |= {} if seed is None else {"seed": str(seed)}
    fitting = [
        run
        for run in runs
        if outcome_of(run) == "finished" and wanted.items() <= run.data.params.items()
    ]
    if not fitting:
        raise UserError(
            "the variant must have a finished run in the store",
            ", ".join(f"{name}={value}" for name, value in wanted.items()),
            f"Run it first (ablate run {study}), or name another with --variant.",
        )
    return _load(store, min(fitting, key=lambda run: int(run.data.params["seed"])))


def find_key(uri: str | None, study: str, key: str) -> StoredRun | None:
    """The ended run of a study with this key; None where the store has none.

    Raises:
        Unreachable: the store does not answer.
    """
    store = opened(uri)
    if store is None:
        return None
    experiment = store.experiment(study)
    query = f"{CHILDREN} AND tags.run_key = '{key}'"
    runs = store.runs(experiment.experiment_id, query) if experiment else []
    ended = [run for run in runs if outcome_of(run)]
    return _load(store, ended[0]) if ended else None


def _load(store: Store, run: MlflowRun) -> StoredRun:
    with store.reach(), tempfile.TemporaryDirectory(prefix="ablate-") as folder:
        client, run_id = store.client, run.info.run_id
        trace = pd.read_parquet(client.download_artifacts(run_id, TRACE, folder))
        model = Path(client.download_artifacts(run_id, "model", folder))
        config = read_config(model)
        try:
            network = load_network(model)
        except SafetensorError as error:
            raise UserError(
                "a run's weights must be a whole safetensors file", f"{error} ({run_id})",
                "The artifact is damaged; train the run again in a new store.",
            ) from None  # fmt: skip
    return StoredRun(
        run_id, run.info.run_name, run.data.tags, run.data.metrics, config, trace, network
    )
