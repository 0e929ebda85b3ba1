"""A store with a small study whose best run is registered as a model."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.network import MLP
from harness.plan import Run
from harness.records import Result
from harness.study import Study
from tests.tracking.small import CORPUS, grid, result, study, tracker

DIGEST = str(CORPUS["digest"])
ALPHABET = str(CORPUS["alphabet"])


def whole(run: Run, stop: float = 1.0) -> Result:
    """A made-up result with the weights of a network that can be built."""
    network = MLP.initial(run.fields, run.seed, int(CORPUS["vocabulary"]))
    weights = {name: tensor.numpy() for name, tensor in network.state().items()}
    made = result(run, stop)
    return Result(made.key, made.outcome, made.history, weights, made.samples, made.facts)


def fill(uri: str, asked: Study | None = None) -> None:
    asked = asked or study()
    with tracker(uri, asked) as tracked:
        for run in grid(asked):
            tracked.deliver(whole(run, stop=0.5 if run == grid(asked)[0] else 1.0))


@pytest.fixture
def filled(uri: str) -> str:
    fill(uri)
    return uri


def versions(uri: str, name: str = "small") -> list[Any]:
    return list(MlflowClient(uri).search_model_versions(f"name = '{name}'"))


def logged(uri: str) -> list[Any]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    return list(client.search_logged_models([experiment.experiment_id]))


def best(uri: str) -> Any:
    return MlflowClient(uri).get_model_version_by_alias("small", "best")


def folder_of(uri: str) -> Path:
    (model,) = logged(uri)
    return Path(model.artifact_location.removeprefix("file://"))


def load(uri: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about its own types when it is imported
        import mlflow.pyfunc

        return mlflow.pyfunc.load_model(str(folder_of(uri)))


def best_experiment(uri: str) -> str:
    found = MlflowClient(uri).get_experiment_by_name("small")
    assert found is not None
    return str(found.experiment_id)
