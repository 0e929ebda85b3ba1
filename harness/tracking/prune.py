"""Removing a study from its store for good: runs, models, artifacts, and what waits on disk."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Experiment, ViewType
from mlflow.utils.file_utils import local_file_uri_to_path

from harness.errors import UserError
from harness.tracking.ledger import OURS
from harness.tracking.models import registered
from harness.tracking.schema import IS_SCHEMA, SCHEMA
from harness.tracking.session import require_free
from harness.tracking.store import Store
from harness.tracking.uri import is_server, redacted, sqlite_path, tracking_uri
from harness.workspace import Workspace

DELETED = "deleted"  # lifecycle stage of what lies in MLflow's bin


@dataclass(frozen=True)
class Doomed:
    """What there is of a study, to be agreed to before it is removed.

    Attributes:
        store: where it is.
        name: the study's.
        experiment: its experiment; None where only the workspace is left of it.
        runs: ids and artifact addresses of all runs, parents and those in MLflow's bin among them.
        models: the same of the logged models.
        foreign: how many of the runs the harness did not log.
        registered: name of the registered model, if there is one.
        workspace: what waits on disk.
    """

    store: Store
    name: str
    experiment: Experiment | None
    runs: dict[str, str]
    models: dict[str, str]
    foreign: int
    registered: str | None
    workspace: Workspace

    def __str__(self) -> str:
        """In words."""
        others = f" ({self.foreign} of them not logged by the harness)" if self.foreign else ""
        model = f", the registered model '{self.registered}'" if self.registered else ""
        return (
            f"study '{self.name}' in {redacted(self.store.uri)}: {len(self.runs)} runs{others} "
            f"with their artifacts, {len(self.models)} models{model}"
        )


def doomed(uri: str | None, name: str) -> Doomed:
    """What there is of a study, in MLflow's bin too.

    Raises:
        UserError: there is nothing, or it is not the harness's, or a process is writing it.
        Unreachable: the store does not answer.
    """
    resolved = tracking_uri(uri)
    path, workspace = sqlite_path(resolved), Workspace.of(name, resolved)
    if path is not None and not path.exists():
        raise _nothing(name, f"no store at {path}")
    store = Store(resolved)
    with store.reach():
        experiment = store.client.get_experiment_by_name(name)
    if experiment is None and not workspace.folder.exists():
        raise _nothing(name, f"no experiment '{name}' in {redacted(resolved)}")
    found = registered(store, name)
    runs, models, foreign = _content(store, experiment) if experiment else ({}, {}, 0)
    return Doomed(
        store, name, experiment, runs, models, foreign, found.name if found else None, workspace
    )


def remove(what: Doomed) -> list[str]:
    """Remove it; killed meanwhile, the same call goes on. Returns what is left to others to do.

    Raises:
        UserError: a process is at work on the study, or artifacts cannot be removed.
        Unreachable: the store does not answer; call again later.
    """
    client, left = what.store.client, []
    with what.workspace.locked():
        if what.registered:
            with what.store.reach():
                client.delete_registered_model(what.registered)
        if what.experiment:
            steps = _on_a_server if is_server(what.store.uri) else _in_a_database
            left = steps(what, what.experiment)
        for file in what.workspace.folder.glob("*/*"):
            file.unlink()
    return left


def _content(store: Store, experiment: Experiment) -> tuple[dict[str, str], dict[str, str], int]:
    if experiment.tags.get(IS_SCHEMA) != SCHEMA:
        raise UserError(
            "the experiment must be one that `ablate run` made",
            f"'{experiment.name}', which lacks the tag {IS_SCHEMA}",
            "Remove it with MLflow itself (mlflow experiments delete).",
        )
    identity = experiment.experiment_id
    for parent in store.runs(identity, f"{OURS} AND tags.`ablate.kind` = 'study'"):
        require_free(parent, experiment.name)
    found = store.runs(identity, "", ViewType.ALL)
    runs = {run.info.run_id: run.info.artifact_uri for run in found}
    foreign = sum(run.data.tags.get(IS_SCHEMA) != SCHEMA for run in found)
    models = {model.model_id: model.artifact_location for model in store.models(identity)}
    return runs, models, foreign


def _in_a_database(what: Doomed, experiment: Experiment) -> list[str]:
    """For good, artifacts before rows, so that a kill leaves none that nobody knows of."""
    root = what.store.artifacts()
    hard: Any = what.store.client._tracking_client.store  # what `mlflow gc` itself calls
    with what.store.reach():
        models = what.models | _in_the_bin(hard, experiment.experiment_id)
    places = {uri: root / run for run, uri in what.runs.items()}
    places |= {uri: root / "models" / model for model, uri in models.items()}
    kept = [uri for uri, place in places.items() if not _cleared(uri, place, root)]
    with what.store.reach():
        if experiment.lifecycle_stage != DELETED:
            what.store.client.delete_experiment(experiment.experiment_id)
        for model in models:
            hard._hard_delete_logged_model(model)
        for run in what.runs:
            hard._hard_delete_run(run)
        hard._hard_delete_experiment(experiment.experiment_id)
    return [f"artifacts outside {root} were left alone: {uri}" for uri in kept]


def _in_the_bin(hard: Any, experiment_id: str) -> dict[str, str]:
    """Ids and artifact addresses of the logged models that searches no longer find."""
    found = (hard.get_logged_model(model, True) for model in hard._get_deleted_logged_models())
    return {
        model.model_id: model.artifact_location
        for model in found
        if model.experiment_id == experiment_id
    }


def _cleared(uri: str, place: Path, root: Path) -> bool:
    """Remove one run's or model's folder, if its artifacts really lie there."""
    local: str = local_file_uri_to_path(uri)  # type: ignore[no-untyped-call]
    real = root.resolve() / place.relative_to(root)
    if Path(local) != place / "artifacts" or place.resolve() != real:
        return False
    try:
        shutil.rmtree(place)
    except FileNotFoundError:
        return True  # a run without artifacts, or an earlier attempt
    except OSError as error:
        raise UserError(
            "the artifacts must be yours to remove", f"{error.strerror}: {place}",
            "Mend that; then the same command goes on where it stopped.",
        ) from None  # fmt: skip
    return True


def _on_a_server(what: Doomed, experiment: Experiment) -> list[str]:
    """As far as MLflow's API goes: into its bin, the study's name free again."""
    identity, client = experiment.experiment_id, what.store.client
    with what.store.reach():
        if experiment.lifecycle_stage == DELETED:
            client.restore_experiment(identity)
        for model in what.models:
            client.delete_logged_model(model)
        client.rename_experiment(identity, f"{what.name} (pruned, {identity})")
        client.delete_experiment(identity)
    return [
        "the runs lie in the server's bin; whoever runs the server removes them for good there: "
        f"mlflow gc --backend-store-uri … --artifacts-destination … --experiment-ids {identity}"
    ]


def _nothing(name: str, received: str) -> UserError:
    return UserError(
        "the study must be in the store", received,
        f"Check the name '{name}', or name its store with --tracking-uri.",
    )  # fmt: skip
