"""A study's best run as an MLflow model: loaded, served and registered like any other."""

import logging
import re
import tempfile
from pathlib import Path

from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric, Run
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from harness.errors import Unreachable, UserError
from harness.responses import RESPONSES
from harness.study import Study
from harness.tracking.ledger import OURS
from harness.tracking.pyfunc import save_model
from harness.tracking.schema import IS_KIND, IS_SCHEMA, SCHEMA
from harness.tracking.store import Store
from harness.tracking.uri import tracking_uri

ALIAS = "best"
HELD_OUT = "final/dev_loss"  # decides where the primary response must not or cannot
READY = str(LoggedModelStatus.READY)

logger = logging.getLogger(__name__)


def keep_best(uri: str | None, study: Study, digest: str) -> None:
    """Log the best run's model and register it, unless that was done already.

    Never fails: the runs are in the store by then, and the next session does what is missing.

    Args:
        uri: tracking URI as given by the user.
        study: whose runs have ended.
        digest: of their data: losses on other data do not compare.
    """
    try:
        store = Store(tracking_uri(uri))
        experiment = store.experiment(study.name)
        best = experiment and best_run(store, experiment.experiment_id, study, digest)
        if best:
            _register(store, study, best)
    except (Unreachable, UserError, MlflowException) as error:
        logger.warning("the best run's model is not registered; the next session tries: %s", error)


def criterion(study: Study) -> str:
    """The response that says which run is best: the primary one, but never one of the test split.

    Of one where low is not good the dev loss takes the place.
    """
    lower = RESPONSES[study.primary].lower_is_better
    return study.primary if lower and "test" not in study.primary else HELD_OUT


def best_run(store: Store, experiment_id: str, study: Study, digest: str) -> Run | None:
    """The finished run that is lowest by the criterion; None where none has finished.

    Of makings of several lengths the longest counts: a quick look never displaces the study.
    """
    by = criterion(study)
    query = (f"{OURS} AND tags.`{IS_KIND}` = 'run' AND tags.data_digest = '{digest}' "
             "AND tags.outcome = 'finished' AND attributes.status = 'FINISHED'")  # fmt: skip
    order = (f"metrics.`{by}` ASC", "tags.run_key ASC")
    best: list[Run] = []  # of each length: of thousands of runs these few are read
    while run := store.first(experiment_id, query, *order):
        best.append(run)
        query += f" AND params.steps != '{steps_of(run)}'"
    best = [run for run in best if by in run.data.metrics]
    if "steps" in study.factors:
        return min(best, key=lambda run: run.data.metrics[by], default=None)
    return max(best, key=steps_of, default=None)


def steps_of(run: Run) -> int:
    """How long a run was trained."""
    return int(run.data.params["steps"])


def model_name(name: str) -> str:
    """A name without what MLflow allows in no model's.

    >>> model_name("a/b: c.d")
    'a_b_ c_d'
    """
    return re.sub(r"[/:.%\"']", "_", name)


def registered(store: Store, study: str) -> RegisteredModel | None:
    """The study's registered model, if there is one; another's of that name is none."""
    name = model_name(study)
    with store.reach():
        found = list(store.client.search_registered_models(f"name = '{name}'"))
    return next((model for model in found if is_ours(model, study)), None)


def is_ours(model: RegisteredModel, study: str) -> bool:
    """Whether the harness registered the model, for that study."""
    return (model.tags.get(IS_SCHEMA), model.tags.get("study")) == (SCHEMA, study)


def _register(store: Store, study: Study, best: Run) -> None:
    model = registered(store, study.name) or _make_registered(store, study)
    versions = _versions(store, model.name, best.info.run_id)
    kept = versions[0] if versions else _make_version(store, study, model.name, best)
    if str(model.aliases.get(ALIAS)) != str(kept.version):
        with store.reach():
            store.client.set_registered_model_alias(model.name, ALIAS, str(kept.version))


def _make_registered(store: Store, study: Study) -> RegisteredModel:
    name = model_name(study.name)
    tags = {IS_SCHEMA: SCHEMA, "study": study.name}
    says = f"Writes names. The run of the study that is best by {criterion(study)} is @{ALIAS}."
    with store.reach():
        return store.client.create_registered_model(name, tags, says)


def _versions(store: Store, name: str, run_id: str) -> list[ModelVersion]:
    with store.reach():
        found = store.client.search_model_versions(f"run_id = '{run_id}'")
    return [one for one in found if one.name == name and one.status == "READY"]


def _make_version(store: Store, study: Study, name: str, best: Run) -> ModelVersion:
    by = criterion(study)
    tags = {tag: best.data.tags[tag] for tag in ("run_key", "variant", "data_digest")}
    model = log_model(store, best)
    with store.reach():
        return store.client.create_model_version(
            name, model.artifact_location, best.info.run_id, tags | {"best_by": by},
            description=f"{best.info.run_name}: {by} {best.data.metrics[by]:.4f}",
            model_id=model.model_id,
        )  # fmt: skip


def log_model(store: Store, run: Run) -> LoggedModel:
    """The run's logged model: the one that it has, finished where a kill left it half made.

    Raises:
        Unreachable: it is not whole; call again later.
    """
    run_id, client = run.info.run_id, store.client
    found = store.models(run.info.experiment_id, f"source_run_id = '{run_id}'")
    with store.reach(), tempfile.TemporaryDirectory(prefix="ablate-") as folder:
        model: LoggedModel = found[0] if found else client.create_logged_model(
            run.info.experiment_id, model_name(run.info.run_name), run_id,
            tags={IS_SCHEMA: SCHEMA, "variant": run.data.tags["variant"]},
            params=run.data.params, model_type="character-level MLP",
        )  # fmt: skip
        if str(model.status) == READY:
            return model
        source = client.download_artifacts(run_id, "model", folder)
        save_model(Path(folder) / "pyfunc", Path(source), run_id, model.model_id)
        client.log_model_artifacts(model.model_id, str(Path(folder) / "pyfunc"))
        if not _outputs(client.get_run(run_id)):  # MLflow takes it once only
            client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        client.log_batch(run_id, _metrics(run, model.model_id))
        return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _outputs(run: Run) -> list[LoggedModelOutput]:
    return run.outputs.model_outputs if run.outputs else []


def _metrics(run: Run, model_id: str) -> list[Metric]:
    """The run's responses once more, as the model's: they are points that the run has already."""
    return [
        Metric(name, value, run.info.start_time, 0, model_id=model_id, run_id=run.info.run_id)
        for name, value in run.data.metrics.items()
        if name in RESPONSES
    ]
