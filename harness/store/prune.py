"""Removing a study from its store for good: runs, models, artifacts, and what waits on disk."""

import os
import shlex
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

import mlflow
from mlflow.entities import LoggedModel, ViewType

from harness.errors import UserError, counted
from harness.store.identity import kind_of
from harness.store.location import folder_of
from harness.store.models import registered
from harness.store.rows import Experiment, Run
from harness.store.runs import is_ours
from harness.store.schema import IS_SCHEMA, SCHEMA
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
        runs: all its runs, parents and deleted ones among them.
        models: its logged models.
        others: how many runs and models others logged to the experiment: they stay, and so does it.
        registered: name of its registered model, if there is one.
        workspace: what waits on disk.
    """

    store: Store
    name: str
    experiment: Experiment | None
    runs: list[Run]
    models: list[LoggedModel]
    others: int
    registered: str | None
    workspace: Workspace

    def __str__(self) -> str:
        """In words."""
        model = f", the registered model '{self.registered}'" if self.registered else ""
        runs, models = counted(len(self.runs), "run"), counted(len(self.models), "model")
        stay = f"; {_of_others(self.others)} not removed"
        return (
            f"study '{self.name}' in {redacted(self.store.uri)}: {runs} with artifacts, "
            f"{models}{model}{stay * bool(self.others)}"
        )

    def includes(self) -> set[str]:
        """Ids of all that is removed; who else has logged there is part of what is agreed to."""
        runs = {run.info.run_id for run in self.runs}
        models = {model.model_id for model in self.models}
        return runs | models | {f"{self.others} others", f"registered as {self.registered}"}


def _of_others(count: int) -> str:
    return f"{counted(count, 'run or model', 'runs or models')} of others"


def plan_prune(store: Store, name: str, workspace: Workspace) -> Prunable:
    """What there is of a study, deleted or not.

    Raises:
        UserError: there is nothing, it is not the harness's, a process is writing it, or the store
            cannot be written.
    """
    store.require_writable()
    experiment = store.named(name)
    if experiment is None and not workspace.folder.exists():
        raise UserError(
            "the study must be in the store",
            f"no experiment '{name}' in {redacted(store.uri)}",
            f"Check the name '{name}', or name its store with --tracking-uri.",
        )
    runs: list[Run] = []
    models: list[LoggedModel] = []
    others = 0
    if experiment is not None:
        if IS_SCHEMA not in experiment.tags:
            raise UserError(
                "the experiment must be one that `ablate run` created",
                f"'{name}', which lacks the tag {IS_SCHEMA}",
                "Remove it with MLflow itself (mlflow experiments delete).",
            )
        require_schema(experiment, store.uri)
        found = store.runs(experiment.experiment_id, "", ViewType.ALL)
        logged = store.models(experiment.experiment_id)
        runs = [run for run in found if is_ours(run)]
        models = [model for model in logged if IS_SCHEMA in model.tags]
        others = len(found) - len(runs) + len(logged) - len(models)
        if others and experiment.lifecycle_stage == DELETED:
            identity = experiment.experiment_id
            raise UserError(
                "prune must not touch what others have logged",
                f"'{name}', deleted in MLflow, with {_of_others(others)} in it",
                f"Restore it (mlflow experiments restore -x {identity}); then the same command "
                "removes the study's part.",
            )
        for run in runs:
            if kind_of(run) == "study":
                require_no_writer(run, name)
    model = registered(store, name)
    title = model.name if model else None
    return Prunable(store, name, experiment, runs, models, others, title, workspace)


def prune(what: Prunable) -> list[str]:
    """Remove it; after a kill the same call continues. Returns what is left to others to do.

    Raises:
        UserError: a process is at work on the study, it is not what was agreed to any more, or
            artifacts cannot be removed.
    """
    with what.workspace.locked():
        now = plan_prune(what.store, what.name, what.workspace)
        if now.includes() != what.includes():  # people take their time to confirm
            raise UserError(
                "a study that is removed must be as it was when you agreed to that",
                f"what it is now, {now}",
                "Nothing was removed; give the same command again.",
            )
        if what.registered:
            with what.store.reach():
                what.store.client.delete_registered_model(what.registered)
        left = _remove(what, what.experiment) if what.experiment else []
        for file in what.workspace.folder.glob("*/*"):
            file.unlink()
    return left


def _remove(what: Prunable, experiment: Experiment) -> list[str]:
    """Artifacts before rows, so that a kill leaves none that no row names.

    The experiment goes as well, unless others have logged to it.

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
        models = [logged.model_id for logged in what.models]
        for model in models:
            client.delete_logged_model(model)
        for run in what.runs if what.others else ():  # else they go with the experiment
            if run.info.lifecycle_stage != DELETED:
                client.delete_run(run.info.run_id)
        runs = [run.info.run_id for run in what.runs] if what.others else []
        if not server and not outside:
            # `mlflow gc` takes an empty list for all that is deleted, in other studies too. So it
            # gets some of each in any case; the other rows go with the experiment's.
            mark, gone = {IS_SCHEMA: SCHEMA}, identity
            runs.append(client.create_run(identity, tags=mark).info.run_id)
            models.append(client.create_logged_model(identity, tags=mark).model_id)
            client.delete_logged_model(models[-1])
            if what.others:
                client.delete_run(runs[-1])
                gone = client.create_experiment(f"{what.name} (pruned, {runs[-1]})", tags=mark)
            client.delete_experiment(gone)
            _collect_garbage(for_mlflow(what.store.uri), runs, models, gone)
            return []
        if not what.others:
            # under another name, so that this one is free
            client.rename_experiment(identity, f"{what.name} (pruned, {identity})")
            client.delete_experiment(identity)
    which = f"--run-ids {','.join(runs)}" if what.others else f"--experiment-ids {identity}"
    address = shlex.quote(redacted(what.store.uri))
    if server:
        return [
            "the runs are marked as deleted; to remove them permanently, run this where the server "
            f"runs: mlflow gc --backend-store-uri … --tracking-uri {address} {which}"
        ]
    root = what.store.artifact_root()
    # MLflow asks the server that has them for such artifacts.
    behind = any(uri.startswith("mlflow-artifacts:") for uri in outside)
    command = f"mlflow gc --backend-store-uri {address} --tracking-uri {'…' if behind else address}"
    return [
        *(f"artifacts outside {root} were left alone: {uri}" for uri in outside),
        f"the runs are marked as deleted; this removes them and those artifacts: {command} {which}",
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
                    "you must have permission to remove the artifacts",
                    f"{error.strerror}: {place}",
                    "Change the permissions; the same command then continues.",
                ) from None
    return outside


def _collect_garbage(uri: str, runs: list[str], models: list[str], experiment: str) -> None:
    """Remove deleted runs, models and an experiment with all in it, with MLflow's own command."""
    from mlflow.cli import gc  # takes a second or two to load

    before = os.environ.get(TRACKING_URI)
    arguments = ["--backend-store-uri", uri, "--tracking-uri", uri, "--run-ids", ",".join(runs),
                 "--logged-model-ids", ",".join(models),
                 "--experiment-ids", experiment]  # fmt: skip
    try:
        with redirect_stdout(StringIO()):
            gc.main(arguments, standalone_mode=False)
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it
