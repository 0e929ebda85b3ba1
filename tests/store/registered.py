"""A store with a small study whose best run is registered as a model."""

import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from mlflow import MlflowClient
from safetensors.torch import save

from harness.store import models
from harness.store.store import Store
from harness.study.plan import Run
from harness.study.study import Study
from harness.subjects.char_mlp.network import MLP
from harness.subjects.subject import Data
from harness.training.records import Result
from tests.support.stores import FACTS, Filled, experiment_id, grid, result, study, tracker

DIGEST = str(FACTS["digest"])
DATA = cast(Data, SimpleNamespace(digest=DIGEST))  # of the made-up runs nothing else is asked
ALPHABET = str(FACTS["alphabet"])


def whole(run: Run, stop: float = 1.0) -> Result:
    """A made-up result with the weights of a network that can be built."""
    network = MLP.initial(run.fields, run.seed, int(FACTS["vocabulary"]))
    made = result(run, stop)
    return replace(made, files=made.files | {"model/weights.safetensors": save(network.state())})


def fill(uri: str, asked: Study | None = None) -> None:
    asked = asked or study()
    with tracker(uri, asked) as tracked:
        for run in grid(asked):
            tracked.deliver(whole(run, stop=0.5 if run == grid(asked)[0] else 1.0))


def keep_best(uri: str, asked: Study | None = None) -> None:
    models.keep_best(Store.open(uri), asked or study(), DATA)


@pytest.fixture
def filled(stored: Filled) -> str:
    return stored(fill)


def versions(uri: str, name: str = "small") -> list[Any]:
    return list(MlflowClient(uri).search_model_versions(f"name = '{name}'"))


def logged(uri: str) -> list[Any]:
    return list(MlflowClient(uri).search_logged_models([experiment_id(uri)]))


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
