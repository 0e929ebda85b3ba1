"""Removing a study from its store for good: runs, models, artifacts, and what waits on disk."""

import os
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

import mlflow
from mlflow.entities import Experiment, LoggedModel, Run, ViewType

from harness.errors import UserError
from harness.store.location import folder_of
from harness.store.models import registered
from harness.store.reading import is_ours
from harness.store.schema import IS_KIND, IS_SCHEMA
from harness.store.session import require_no_writer
from harness.store.store import DELETED, Store, require_schema
from harness.store.uri import for_mlflow, is_server, redacted
from harness.store.workspace import Workspace

TRACKING_URI = "MLFLOW_TRACKING_URI"  # environment variable that `mlflow gc` sets


@dataclass(frozen=True)
class Prunable:
    """What there is of a study, to be agreed to before it is removed.

    Attributes:
        store: where it is.
        name: the study's.
        experiment: its experiment; None where only the workspace is left of it.
        runs: all its runs, parents, deleted ones, and those that others logged among them.
        models: its logged models.
        registered: name of its registered model, if there is one.
        workspace: what waits on disk.
    """

    store: Store
    name: str
    experiment: Experiment | None
    runs: list[Run]
    models: list[LoggedModel]
    registered: str | None
    workspace: Workspace

    def __str__(self) -> str:
        """In words."""
        foreign = sum(not is_ours(run) for run in self.runs)
        others = f" ({foreign} of them not logged by the harness)" if foreign else ""
        model = f", the registered model '{self.registered}'" if self.registered else ""
        return (
            f"study '{self.name}' in {redacted(self.store.uri)}: {len(self.runs)} runs{others} "
            f"with their artifacts, {len(self.models)} models{model}"
        )


def plan_prune(store: Store, name: str, workspace: Workspace) -> Prunable:
    """What there is of a study, deleted or not.

    Raises:
        UserError: there is nothing, it is not the harness's, a process is writing it, or the store
            cannot be written.
    """
    store.require_writable()
    with store.reach():
        experiment = store.client.get_experiment_by_name(name)
    if experiment is None and not workspace.folder.exists():
        raise UserError(
            "the study must be in the store",
            f"no experiment '{name}' in {redacted(store.uri)}",
            f"Check the name '{name}', or name its store with --tracking-uri.",
        )
    runs, models = [], []
    if experiment is not None:
        if IS_SCHEMA not in experiment.tags:
            raise UserError(
                "the experiment must be one that `ablate run` created",
                f"'{name}', which lacks the tag {IS_SCHEMA}",
                "Remove it with MLflow itself (mlflow experiments delete).",
            )
        require_schema(experiment, store.uri)
        runs = store.runs(experiment.experiment_id, "", ViewType.ALL)
        models = store.models(experiment.experiment_id)
        for run in runs:
            if is_ours(run) and run.data.tags[IS_KIND] == "study":
                require_no_writer(run, name)
    model = registered(store, name)
    return Prunable(store, name, experiment, runs, models, model.name if model else None, workspace)


def prune(what: Prunable) -> list[str]:
    """Remove it; after a kill the same call continues. Returns what is left to others to do.

    Raises:
        UserError: a process is at work on the study, or artifacts cannot be removed.
    """
    with what.workspace.locked():
        if what.registered:
            with what.store.reach():
                what.store.client.delete_registered_model(what.registered)
        left = _remove(what, what.experiment) if what.experiment else []
        for file in what.workspace.folder.glob("*/*"):
            file.unlink()
    return left


def _remove(what: Prunable, experiment: Experiment) -> list[str]:
    """Artifacts before rows, so that a kill leaves none that no row names.

    `mlflow gc` would remove artifacts wherever a row says that they lie. So it is called only
    where all were in the store's own folder; otherwise rows stay deleted but restorable, as they
    do on a server, to whose database and artifacts only its administrator has access.
    """
    identity, client = experiment.experiment_id, what.store.client
    server = is_server(what.store.uri)
    outside = [] if server else _remove_artifacts(what)
    with what.store.reach():
        if experiment.lifecycle_stage == DELETED:
            client.restore_experiment(identity)
        for logged in what.models:
            client.delete_logged_model(logged.model_id)
        if not server and not outside:
            # `mlflow gc` takes an empty list for all that is deleted, in other studies too. So it
            # gets a run and a model in any case; the other rows go with the experiment's.
            run = client.create_run(identity).info.run_id
            model = client.create_logged_model(identity).model_id
            client.delete_logged_model(model)
            client.delete_experiment(identity)
            _collect_garbage(for_mlflow(what.store.uri), run, model, identity)
            return []
        client.rename_experiment(identity, f"{what.name} (pruned, {identity})")  # frees the name
        client.delete_experiment(identity)
    command = f"mlflow gc --backend-store-uri … --experiment-ids {identity}"
    if server:
        return [
            "the runs are deleted but not gone; whoever runs the server removes them for good "
            f"there: {command} --artifacts-destination …"
        ]
    root = what.store.artifact_root()
    return [
        *(f"artifacts outside {root} were left alone: {uri}" for uri in outside),
        f"the runs are deleted but not gone; this removes them, and those artifacts: {command}",
    ]


def _remove_artifacts(what: Prunable) -> list[str]:
    """Remove the folders of runs and models in the store's own folder; returns other addresses."""
    root, outside = what.store.artifact_root(), []
    places = {run.info.artifact_uri: root / run.info.run_id for run in what.runs}
    places |= {m.artifact_location: root / "models" / m.model_id for m in what.models}
    for uri, place in places.items():
        real = root.resolve() / place.relative_to(root)
        if folder_of(uri) != place / "artifacts" or place.resolve() != real:  # elsewhere, or a link
            outside.append(uri)
        elif place.exists():  # not a run without artifacts, or removed by an earlier call
            try:
                shutil.rmtree(place)
            except OSError as error:
                raise UserError(
                    "the artifacts must be yours to remove",
                    f"{error.strerror}: {place}",
                    "Change that; then the same command continues.",
                ) from None
    return outside


def _collect_garbage(uri: str, run: str, model: str, experiment: str) -> None:
    """Remove an experiment's deleted rows for good, with MLflow's own command."""
    from mlflow.cli import gc  # takes a second or two to load

    before = os.environ.get(TRACKING_URI)
    arguments = ["--backend-store-uri", uri, "--tracking-uri", uri, "--run-ids", run,
                 "--logged-model-ids", model, "--experiment-ids", experiment]  # fmt: skip
    try:
        with redirect_stdout(StringIO()):
            gc.main(arguments, standalone_mode=False)
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it
