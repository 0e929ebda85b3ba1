"""A study's best run as an MLflow model: loaded, served and registered like any other."""

import logging
import re
import shutil
import tempfile
import warnings
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Metric
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema
from packaging.requirements import Requirement

import harness
from harness.errors import Unreachable, UserError
from harness.files import ABLATIONS
from harness.store.artifacts import read_artifacts
from harness.store.digest import DERIVED, is_changed
from harness.store.rows import Run
from harness.store.schema import CHILDREN, IS_SCHEMA, SCHEMA
from harness.store.store import Store
from harness.study.study import Study
from harness.subjects.subject import SAMPLES, Data, Response, Subject

ALIAS = "best"
READY = str(LoggedModelStatus.READY)
DISTRIBUTION = "ablation-harness"
PARAMS = [
    ParamSpec("n", "long", 20),
    ParamSpec("seed", "long", 1),
    ParamSpec("prefix", "string", ""),
    ParamSpec("temperature", "double", 1.0),
]
SAMPLING = ModelSignature(None, Schema([ColSpec("string")]), ParamSchema(PARAMS))

logger = logging.getLogger(__name__)


def keep_best(store: Store, study: Study, data: Data) -> None:
    """Log the best run's model and register it, unless that was done already.

    Failures are logged, not raised: the runs are stored by then, and the next session tries again.

    Args:
        store: where the study is.
        study: whose runs have ended.
        data: theirs: runs on other data do not compare.
    """
    try:
        experiment = store.experiment(study.name)
        best = experiment and best_run(store, experiment.experiment_id, study, data.digest)
        if best and is_changed(best):
            logger.warning("no model is registered: %s was changed by hand", best.info.run_name)
        elif best:
            _register(store, study, best, data)
    except (Unreachable, UserError, MlflowException, PackageNotFoundError) as error:
        logger.warning(
            "the best run's model is not registered; the next session tries again: %s", error
        )


def criterion(study: Study) -> Response:
    """The response that says which run is best: the study's primary one, or else the subject's.

    The study's is not used where it may not select, as on a test split, or neither way is better.
    """
    primary = study.response()
    if primary.selects and primary.direction is not None:
        return primary
    return study.response(study.model.primary)


def best_run(store: Store, experiment_id: str, study: Study, digest: str) -> Run | None:
    """The finished run that is best by the criterion; None where none has finished.

    Of runs of several lengths the longest count: a quick look never displaces the study.
    """
    by = criterion(study)
    query = (
        f"{CHILDREN} AND tags.data_digest = '{digest}' AND tags.version = '{study.model.version}' "
        "AND params.steps != '' AND tags.outcome = 'finished' AND attributes.status = 'FINISHED'"
    )
    higher = by.direction == "higher"
    order = [f"metrics.`{by.name}` {'DESC' if higher else 'ASC'}", "tags.run_key ASC"]
    best: list[Run] = []  # of each length: of thousands of runs these few are read
    with store.reach():
        while found := store.client.search_runs([experiment_id], query, 1, 1, order):
            best += map(Run.of, found)
            query += f" AND params.steps != '{best[-1].data.params['steps']}'"
    best = [run for run in best if by.name in run.data.metrics]
    if "steps" in study.varied:
        choose = max if higher else min
        return choose(best, key=lambda run: run.data.metrics[by.name], default=None)
    return max(best, key=lambda run: int(run.data.params["steps"]), default=None)


def model_name(name: str) -> str:
    """A name without what MLflow allows in no model's.

    >>> model_name("a/b: c.d")
    'a_b_ c_d'
    """
    return re.sub(r"[/:.%\"']", "_", name)


def registered(store: Store, study: str) -> RegisteredModel | None:
    """The model that the harness registered for the study; None where there is none."""
    with store.reach():
        found = store.client.search_registered_models(f"name = '{model_name(study)}'")
    ours = (SCHEMA, study)
    return next((m for m in found if (m.tags.get(IS_SCHEMA), m.tags.get("study")) == ours), None)


def _register(store: Store, study: Study, best: Run, data: Data) -> None:
    run_id, client, by = best.info.run_id, store.client, criterion(study).name
    with store.reach():
        writes = SAMPLES in {file.path for file in client.list_artifacts(run_id)}
        if not writes and type(study.model).predict is Subject.predict:
            logger.info(
                "no model is registered: the subject of %s writes no samples and predicts nothing",
                study.name,
            )
            return
        model = registered(store, study.name) or client.create_registered_model(
            model_name(study.name),
            {IS_SCHEMA: SCHEMA, "study": study.name},
            f"{'Writes samples' if writes else 'Computes outputs'}. The run of the study that is "
            f"best by {by} is @{ALIAS}.",
        )
        versions = client.search_model_versions(f"run_id = '{run_id}'")
        kept = next((v for v in versions if (v.name, v.status) == (model.name, "READY")), None)
        if kept is None:
            logged = log_model(store, study, best, data)
            kept = client.create_model_version(
                model.name,
                logged.artifact_location,
                run_id,
                {tag: best.data.tags.get(tag, "") for tag in ("run_key", "variant", "data_digest")}
                | {"best_by": by},
                description=f"{best.info.run_name}: {by} {best.data.metrics[by]:.4f}",
                model_id=logged.model_id,
            )
        if str(model.aliases.get(ALIAS)) != str(kept.version):
            client.set_registered_model_alias(model.name, ALIAS, str(kept.version))


def log_model(store: Store, study: Study, run: Run, data: Data) -> LoggedModel:
    """The run's logged model: the one that it has, finished where a kill left it half made."""
    info, client = run.info, store.client
    found = store.models(info.experiment_id, f"source_run_id = '{info.run_id}'")
    with store.reach(), tempfile.TemporaryDirectory(prefix="ablate-") as scratch:
        model: LoggedModel = (
            found[0]
            if found
            else client.create_logged_model(
                info.experiment_id,
                model_name(info.run_name),
                info.run_id,
                tags={IS_SCHEMA: SCHEMA, "variant": run.data.tags.get("variant", "")},
                params=run.data.params,
                model_type=study.subject,
            )
        )
        if str(model.status) == READY:
            return model
        files, code, saved = (Path(scratch) / name for name in ("run", "code", "model"))
        files.mkdir()
        code.mkdir()
        client.download_artifacts(info.run_id, "", str(files))
        for folder in DERIVED:
            shutil.rmtree(files / folder, ignore_errors=True)
        all_fields = [study.fields(cell) for cell in study.trained()]
        for name, file in study.model.code(all_fields).items():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, code / name)
        signature = SAMPLING if (files / SAMPLES).exists() else signature_of(files, study, data)
        metadata = Model(run_id=info.run_id, model_id=model.model_id)
        save_model(saved, files, code, signature, metadata)
        store.log_files(str(saved), model.artifact_location)
        outputs = client.get_run(info.run_id).outputs
        if not (outputs and outputs.model_outputs):  # MLflow takes it once only
            client.log_outputs(info.run_id, [LoggedModelOutput(model.model_id, step=0)])
        # The run's responses again, as the model's: the same points, so that none doubles.
        metrics = [
            Metric(name, value, info.start_time, 0, model_id=model.model_id, run_id=info.run_id)
            for name, value in run.data.metrics.items()
            if name in study.model.responses
        ]
        client.log_batch(info.run_id, metrics)
        return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def signature_of(files: Path, study: Study, data: Data) -> ModelSignature | None:
    """Types and shapes of what a run's model takes and gives; None where it is not to be had.

    Args:
        files: of the run.
        study: the run's.
        data: the run's; the model is tried with a few examples of them.
    """
    subject, run = read_artifacts(files, lambda _: study.subject)
    inputs = subject.example_inputs(run.fields, data)
    if inputs is None:
        return None
    try:
        return infer_signature(inputs, subject.predict(run, inputs))
    except Exception as error:  # whatever the user's model does with its first tensor alone
        logger.info("the model of %s has no signature: %s", study.name, error)
        return None


def save_model(
    path: Path, files: Path, code: Path, signature: ModelSignature | None, model: Model
) -> None:
    """Write an MLflow model to a new folder, with the harness's own code.

    Args:
        path: the folder.
        files: of the run.
        code: folder of the user's files that the subject is made of; may be empty.
        signature: what it takes and gives.
        model: MLflow's metadata.
    """
    script = "generator.py" if signature is SAMPLING else "predictor.py"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow wants an input example, but no input is read
        import mlflow.pyfunc

        mlflow.pyfunc.save_model(
            path,
            python_model=Path(__file__).with_name(script),
            code_paths=[str(Path(harness.__file__).parent), *map(str, code.glob(ABLATIONS))],
            artifacts={"run": str(files), "code": str(code)},
            signature=signature,
            pip_requirements=requirements(),  # inferring them would take 6 s
            mlflow_model=model,
        )


def requirements() -> list[str]:
    """What the harness needs, as pip takes it: the versions here, whatever build they are."""
    found = []
    for requirement in map(Requirement, requires(DISTRIBUTION) or ()):
        try:
            if not requirement.marker:  # not an optional one
                public = version(requirement.name).partition("+")[0]
                found.append(f"{requirement.name}=={public}")
        except PackageNotFoundError:  # the harness runs without it
            continue
    return found
