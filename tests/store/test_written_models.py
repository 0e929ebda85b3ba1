"""A logged model writes names, with the harness and without it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from safetensors.torch import load as load_weights

from harness.errors import UserError
from harness.store import models
from harness.store.artifacts import read_artifacts
from harness.store.server import HOST
from harness.store.store import Store
from harness.store.stored import find_run
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.char_mlp.saved import saved_network
from harness.subjects.subject import WEIGHTS, SampleRequest
from tests.store.registered import DATA, best, folder_of, keep_best, load
from tests.store.test_server import free_port
from tests.support.stores import experiment_id, study


def test_names_are_those_that_the_network_writes(filled: str) -> None:
    keep_best(filled)
    model = load(filled)
    asked = {"n": 5, "seed": 3, "prefix": "ab", "temperature": 0.5}
    found = find_run(Store.open(filled), best(filled).run_id)
    written = SUBJECT.sample(found.trained, SampleRequest(5, 3, "ab", 0.5))
    assert model.predict(None, params=asked) == written
    assert all(name.startswith("ab") for name in written)
    assert len(model.predict(None)) == 20
    assert model.predict(None) == model.predict(None, params={"seed": 1})
    for wrong in ({"n": 0}, {"temperature": 0.0}, {"prefix": "A"}):
        with pytest.raises(UserError, match="received"):
            model.predict(None, params=wrong)


def test_the_plain_network_comes_back_too(filled: str) -> None:
    keep_best(filled)
    _, trained = read_artifacts(folder_of(filled) / "artifacts" / "run", str)
    kept = find_run(Store.open(filled), best(filled).run_id).trained
    assert (trained.fields, trained.files) == (kept.fields, kept.files)
    state, expected = saved_network(trained).state(), load_weights(kept.files[WEIGHTS])
    assert state.keys() == expected.keys()
    assert all(bool((state[name] == expected[name]).all()) for name in state)


def test_the_files_are_few_and_hold_no_pickle(filled: str) -> None:
    keep_best(filled)
    folder = folder_of(filled)
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {"", ".txt", ".yaml", ".py", ".json", ".safetensors", ".parquet", ".typed",
                     ".toml", ".jinja", ".css", ".js", ".LICENSE"}  # fmt: skip
    required = (folder / "requirements.txt").read_text().split()
    assert {line.partition("==")[0] for line in required} >= {"torch", "mlflow", "safetensors"}
    assert not any("+" in line for line in required)  # no build that an index does not have
    import mlflow.pyfunc

    for form in ("pip", "conda"):
        needed = Path(mlflow.pyfunc.get_model_dependencies(str(folder), format=form)).read_text()
        assert required[0] in needed


def test_the_model_works_where_there_is_no_harness(filled: str, tmp_path: Path) -> None:
    keep_best(filled)
    shutil.move(folder_of(filled), tmp_path / "alone")
    says = (
        "import sys; sys.meta_path = [f for f in sys.meta_path if 'ditable' not in str(f)]\n"
        "sys.path = [p for p in sys.path if 'site-packages' in p or 'lib/python' in p]\n"
        "from importlib.util import find_spec; assert find_spec('harness') is None\n"
        "import mlflow.pyfunc; model = mlflow.pyfunc.load_model('alone')\n"
        "import pkgutil\n"
        "from harness.subjects.char_mlp.layers import activations as a, norms as n\n"
        "for kind in (a, n):\n"
        "    for part in pkgutil.iter_modules(kind.__path__, kind.__name__ + '.'):\n"
        "        __import__(part.name)\n"
        "print(len(model.predict(None, params={'n': 4})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", says], cwd=tmp_path, capture_output=True, text=True, timeout=200
    )
    assert done.stdout.strip().endswith("4"), done.stderr


def test_logging_takes_about_half_a_second(filled: str) -> None:
    keep_best(filled)  # what is imported is imported now
    store = Store.open(filled)
    other = next(
        run
        for run in store.runs(experiment_id(filled), "tags.outcome = 'finished'")
        if run.info.run_id != best(filled).run_id
    )
    began = time.process_time()
    models.log_model(store, study(), other, DATA)
    assert time.process_time() - began < 1.5


@pytest.mark.service
def test_mlflow_serves_names_on_loopback(filled: str) -> None:
    keep_best(filled)
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
