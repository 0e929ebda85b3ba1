"""The best run of a study as an MLflow model."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from harness.network import MLP
from harness.plan import Run
from harness.records import Result
from harness.sampling import sample
from harness.saved import load_network
from harness.streams import stream
from harness.study import Study
from harness.tracking import models
from harness.tracking.models import best_run, criterion, keep_best, model_name
from harness.tracking.server import HOST
from harness.tracking.store import Store
from harness.tracking.stored import find_run
from tests.tracking.small import CORPUS, grid, picture, result, study, tracker
from tests.tracking.test_server import free_port
from tests.tracking.test_tracker import Fragile, Killed

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


def test_the_run_with_the_lowest_dev_loss_is_registered_under_an_alias(filled: str) -> None:
    keep_best(filled, study(), DIGEST)
    client = MlflowClient(filled)
    finished = [
        run
        for run in client.search_runs([best_experiment(filled)], "tags.`ablate.kind` = 'run'")
        if run.data.tags["outcome"] == "finished"
    ]
    expected = min(finished, key=lambda run: run.data.metrics["final/dev_loss"])
    assert best(filled).run_id == expected.info.run_id
    assert best(filled).tags["best_by"] == "final/dev_loss"
    (model,) = logged(filled)
    assert model.status == LoggedModelStatus.READY
    assert {m.key: m.value for m in model.metrics}["final/dev_loss"] == (
        expected.data.metrics["final/dev_loss"]
    )


def best_experiment(uri: str) -> str:
    found = MlflowClient(uri).get_experiment_by_name("small")
    assert found is not None
    return str(found.experiment_id)


def test_runs_look_as_before(filled: str) -> None:
    before = picture(filled)
    keep_best(filled, study(), DIGEST)
    assert picture(filled) == before


@pytest.mark.parametrize(
    ("primary", "by"),
    [
        ("final/train_loss", "final/train_loss"),
        ("final/test_loss", "final/dev_loss"),
        ("last/update_data", "final/dev_loss"),
    ],
)
def test_the_test_split_never_chooses(primary: str, by: str) -> None:
    assert criterion(study(primary=primary)) == by


def test_keeping_the_best_again_adds_nothing(filled: str) -> None:
    for _ in range(2):
        keep_best(filled, study(), DIGEST)
    assert (len(versions(filled)), len(logged(filled))) == (1, 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_one_model_results(
    filled: str, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    real, calls = Store, 0
    while True:
        calls += 1

        def fragile(uri: str, calls: int = calls) -> Store:
            store = real(uri)
            store.client = Fragile(store.client, calls, after)  # type: ignore[assignment]
            return store

        monkeypatch.setattr(models, "Store", fragile)
        try:
            keep_best(filled, study(), DIGEST)
        except Killed:
            continue
        break
    assert calls > 8
    assert (len(versions(filled)), len(logged(filled))) == (1, 1)
    assert best(filled).version == versions(filled)[0].version
    assert len(load(filled).predict(None, params={"n": 3})) == 3


def test_a_better_run_takes_the_alias_and_a_quick_look_does_not(filled: str) -> None:
    keep_best(filled, study(), DIGEST)
    quick = study().override(steps=20)
    fill(filled, quick)
    keep_best(filled, quick, DIGEST)
    assert len(versions(filled)) == 1
    longer = study().override(steps=60)
    fill(filled, longer)
    keep_best(filled, longer, DIGEST)
    assert best(filled).version in (2, "2")
    keep_best(filled, study(), DIGEST)
    assert best(filled).version in (2, "2")


def test_losses_on_other_data_do_not_compare(filled: str) -> None:
    store = Store(filled)
    assert best_run(store, best_experiment(filled), study(), DIGEST) is not None
    assert best_run(store, best_experiment(filled), study(), "e" * 64) is None


def test_a_model_of_that_name_that_is_not_ours_is_left_alone(
    filled: str, caplog: pytest.LogCaptureFixture
) -> None:
    MlflowClient(filled).create_registered_model("small")
    keep_best(filled, study(), DIGEST)
    assert versions(filled) == []
    assert "name=small" in caplog.text


def test_a_store_that_is_away_spoils_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep_best(f"http://{HOST}:{free_port()}", study(), DIGEST)
    assert "the next session" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_names_are_those_that_the_network_writes(filled: str) -> None:
    keep_best(filled, study(), DIGEST)
    model = load(filled)
    asked = {"n": 5, "seed": 3, "prefix": "ab", "temperature": 0.5}
    found = find_run(filled, best(filled).run_id)
    written = sample(found.network, ALPHABET, 3, 5, stream(3, "samples"), "ab", 0.5)
    assert model.predict(None, params=asked) == written
    assert all(name.startswith("ab") for name in written)
    assert len(model.predict(None)) == 20
    assert model.predict(None) == model.predict(None, params={"seed": 1})
    for wrong in ({"n": 0}, {"temperature": 0.0}, {"prefix": "A"}):
        with pytest.raises(ValueError, match="received"):
            model.predict(None, params=wrong)


def test_the_plain_network_comes_back_too(filled: str) -> None:
    keep_best(filled, study(), DIGEST)
    network = load_network(folder_of(filled) / "artifacts" / "network")
    state, kept = network.state(), find_run(filled, best(filled).run_id).network.state()
    assert state.keys() == kept.keys()
    assert all(bool((state[name] == kept[name]).all()) for name in state)


def test_the_files_are_few_and_hold_no_pickle(filled: str) -> None:
    keep_best(filled, study(), DIGEST)
    folder = folder_of(filled)
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {"", ".txt", ".yaml", ".py", ".json", ".safetensors", ".typed"}
    required = (folder / "requirements.txt").read_text().split()
    assert {line.partition("==")[0] for line in required} >= {"torch", "mlflow", "safetensors"}
    assert not any("+" in line for line in required)  # no build that an index does not have


def test_the_model_works_where_there_is_no_harness(filled: str, tmp_path: Path) -> None:
    keep_best(filled, study(), DIGEST)
    shutil.move(folder_of(filled), tmp_path / "alone")
    says = (
        "import sys; sys.meta_path = [f for f in sys.meta_path if 'ditable' not in str(f)]\n"
        "sys.path = [p for p in sys.path if 'site-packages' in p or 'lib/python' in p]\n"
        "from importlib.util import find_spec; assert find_spec('harness') is None\n"
        "import mlflow.pyfunc; model = mlflow.pyfunc.load_model('alone')\n"
        "import pkgutil, harness.layers.activations as a, harness.layers.norms as n\n"
        "for kind in (a, n):\n"
        "    for part in pkgutil.iter_modules(kind.__path__, kind.__name__ + '.'):\n"
        "        __import__(part.name)\n"
        "print(len(model.predict(None, params={'n': 4})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", says], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.stdout.strip().endswith("4"), done.stderr


def test_names_fit_for_mlflow() -> None:
    assert model_name("a/b:c.d%e'f\"") == "a_b_c_d_e_f_"


def test_logging_takes_well_under_a_second(filled: str) -> None:
    keep_best(filled, study(), DIGEST)  # what is imported is imported now
    store = Store(filled)
    other = next(
        run
        for run in store.runs(best_experiment(filled), "tags.outcome = 'finished'")
        if run.info.run_id != best(filled).run_id
    )
    began = time.process_time()
    models.log_model(store, other)
    assert time.process_time() - began < 0.5


@pytest.mark.service
def test_mlflow_serves_names_on_loopback(filled: str) -> None:
    keep_best(filled, study(), DIGEST)
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/small@best",
         "--env-manager", "local", "--host", HOST, "--port", str(port), "--workers", "1"],
        env={**os.environ, "MLFLOW_TRACKING_URI": filled,
             "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            _wait(process, f"http://{HOST}:{port}/ping")
            body = {"inputs": [], "params": {"n": 3, "prefix": "ab"}}
            request = urllib.request.Request(
                f"http://{HOST}:{port}/invocations", json.dumps(body).encode(),
                {"Content-Type": "application/json"},
            )  # fmt: skip
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
                names = json.load(answer)["predictions"]
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert len(names) == 3
    assert all(name.startswith("ab") for name in names)


def _wait(process: subprocess.Popen[str], address: str) -> None:
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=2).close()  # noqa: S310 - loopback
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the model's server does not answer")
