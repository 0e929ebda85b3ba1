"""The examples, each a user's own file, go through everything: to the bit, whatever happens."""

import os
import shutil
import signal
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import harness.cli.session
from harness.store.store import Store
from harness.store.stored import find_run
from harness.subjects import find_subject
from harness.subjects.corpus import use_corpus
from tests.conftest import TINY
from tests.support import inprocess
from tests.support.commands import HURRIED, ROOT, ablate, exported, start
from tests.support.inprocess import InlineEngine
from tests.support.small_study import wait_for_checkpoint

pytestmark = pytest.mark.usefixtures("few_figures")

EXAMPLES = ROOT / "examples"
SHORT = {"digits_cnn": "20", "lecture_mlp": "20", "numpy_loop": "60", "regression": "20"}  # steps
LONG = {"digits_cnn": "400", "numpy_loop": "20000", "regression": "1000"}


def copied(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "words.txt").write_text("\n".join(TINY.split()))
    use_corpus(str(folder / "words.txt"), folder / "data")  # for lecture_mlp, without a network
    for ending in ("py", "toml"):
        shutil.copy(EXAMPLES / f"{name}.{ending}", folder)
    return folder


def test_every_example_is_tested_here() -> None:
    named = {path.stem for path in EXAMPLES.glob("*.toml")}
    assert named == set(SHORT) == {*LONG, "lecture_mlp"}  # one PyTorch model is enough


@pytest.mark.parametrize("name", SHORT)
def test_an_example_is_checked_run_verified_and_reported(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(copied(tmp_path, name))
    monkeypatch.setenv("ABLATE_DATA", "no/such/file")  # a subject with data of its own ignores it
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())

    def call(*arguments: str) -> str:
        code, output, errors = inprocess.ablate(capsys, *arguments)
        assert code == 0, errors
        return output

    size = ("--steps", SHORT[name], "--seeds", "2")
    assert "  ok  " in call("check", f"{name}.py")
    planned = call("plan", f"{name}.toml", *size)
    assert f"runs the code of {name}.py\ndata: data of {name}.py" in planned
    assert "runs have ended" in call("run", f"{name}.toml", *size)
    assert "nothing to train" in call("run", f"{name}.toml", *size)
    verified = call("verify", f"{name}.toml", *size)
    assert "bit-equal alone, restacked and in the store where it has them" in verified
    call("report", f"{name}.toml", *size)
    own = f"{name}-steps-{SHORT[name]}-seeds-1-2"  # of other runs than the file's
    page = (tmp_path / "reports" / own / "report.md").read_text()
    assert "Refused" not in page
    for word in ("tanh saturation", "names.txt", "character"):
        assert word not in page, word


def test_the_best_model_computes_outputs_wherever_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(copied(tmp_path, "digits_cnn"))
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    code, _, errors = inprocess.ablate(
        capsys, "run", "digits_cnn.toml", "--steps", "5", "--seeds", "1"
    )
    assert code == 0, errors
    subject = find_subject("digits_cnn.py")
    store = Store.open(None)
    version = store.client.get_model_version_by_alias("digits_cnn", "best")
    trained = find_run(store, str(version.run_id)).trained
    x = np.random.default_rng(1).normal(size=(3, 1, 8, 8)).astype(np.float32)
    expected = subject.predict(trained, x)
    assert expected is not None
    assert expected.shape == (3, 10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about its own types when it is imported
        import mlflow.pyfunc

        experiment = store.experiment("digits_cnn")
        assert experiment is not None
        (logged,) = store.models(experiment.experiment_id)
        shutil.move(logged.artifact_location.removeprefix("file://"), tmp_path / "elsewhere")
        (tmp_path / "digits_cnn.py").unlink()
        model = mlflow.pyfunc.load_model(str(tmp_path / "elsewhere"))
        assert np.array_equal(model.predict(x), expected)
    signature = model.metadata.signature
    for found, shape in ((signature.inputs, (-1, 1, 8, 8)), (signature.outputs, (-1, 10))):
        (tensor,) = found
        assert (tensor.type, tensor.shape) == (np.float32, shape)


@pytest.mark.service
@pytest.mark.parametrize("name", LONG)
def test_an_example_that_is_interrupted_and_killed_ends_with_the_same_bits(
    name: str, tmp_path: Path
) -> None:
    size = ("run", f"{name}.toml", "--steps", LONG[name], "--seeds", "1")
    whole, disturbed = (copied(tmp_path / word, name) for word in ("whole", "disturbed"))
    inprocess.run_undisturbed(whole, *size)
    for number in (signal.SIGINT, signal.SIGKILL):
        process = start(disturbed, *size, program=HURRIED)
        wait_for_checkpoint(process, disturbed)
        os.killpg(process.pid, number)
        process.communicate()
        assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "runs have ended" in ablate(disturbed, *size)
    assert exported(disturbed, f"{name}.toml") == exported(whole, f"{name}.toml")


@pytest.mark.service
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.parametrize("name", ["digits_cnn", "numpy_loop"])
def test_on_ray_an_example_has_the_same_bits(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    size = ("run", f"{name}.toml", "--steps", SHORT[name], "--seeds", "1")
    inprocess.run_undisturbed(copied(tmp_path / "local", name), *size)
    ablate(copied(tmp_path / "ray", name), *size, "--engine", "ray", "--workers", "2")
    ours, theirs = (exported(tmp_path / word, f"{name}.toml") for word in ("local", "ray"))
    assert ours == theirs
