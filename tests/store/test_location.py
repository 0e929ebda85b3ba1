"""A store's artifacts are beside its database, wherever it was moved, copied or mounted to."""

import shutil
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from mlflow import MlflowClient

from harness.store.afterwards import keep_report
from harness.store.database import artifact_root, create
from harness.store.location import beside, folder_of, settle
from harness.store.prune import plan_prune, prune
from harness.store.reading import StoredStudy, read_study
from harness.store.server import serving
from harness.store.store import Store
from harness.store.stored import find_key
from harness.store.uri import for_mlflow, sqlite_uri, tracking_uri
from harness.store.workspace import Workspace
from tests.store.registered import best, fill, keep_best, versions
from tests.store.test_server import free_port
from tests.store.test_uri import ANY_NAME
from tests.support.inprocess import contents
from tests.support.stores import children, experiment_id, grid, result, study, tracker

pytestmark = pytest.mark.usefixtures("few_figures")

HERE = Path("/here/mlflow.db")
RUN, MODEL = "0a1b" * 8, "models/m-0a1b"
ODD = "x%20y?z=1#f 'q' \"d\" ü;[é]\\"


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a store with a study and its best model."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copy(template, folder / "mlflow.db")
    fill(at(folder))
    keep_best(at(folder))
    return folder


@pytest.fixture
def original(made: Path, tmp_path: Path) -> Path:
    """The same in a directory of the test's own, which its database names."""
    folder = tmp_path / "original"
    shutil.copytree(made, folder)
    settle(folder / "mlflow.db", "1")
    return folder


def at(folder: Path) -> str:
    return sqlite_uri(folder / "mlflow.db")


def read(folder: Path) -> StoredStudy:
    return read_study(Store.existing(at(folder)), "small")


def recorded(folder: Path) -> set[str]:
    """Every folder of artifacts that the database names, as it stands there."""
    columns = [("experiments", "artifact_location"), ("runs", "artifact_uri"),
               ("logged_models", "artifact_location"), ("model_versions", "source"),
               ("model_versions", "storage_location")]  # fmt: skip
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        database.execute("DELETE FROM experiments WHERE experiment_id = 0")  # MLflow's own
        found = [a for t, c in columns for (a,) in database.execute(f"SELECT {c} FROM {t}")]  # noqa: S608
    return {str(folder_of(address)).partition("/mlartifacts")[0] for address in found}


@pytest.mark.parametrize("before", ["/there", "file:///there", "/mlartifacts/x", "file:///a%3Fb"])
@pytest.mark.parametrize("below", ["", f"/{RUN}/artifacts", f"/{MODEL}/artifacts", "/0",
                                   f"/0/{RUN}/artifacts", f"/0/{MODEL}/artifacts"])  # fmt: skip
def test_an_address_in_a_store_is_read_beside_the_database(before: str, below: str) -> None:
    assert beside(f"{before}/mlartifacts{below}", HERE) == f"file:///here/mlartifacts{below}"


@pytest.mark.parametrize(
    "address",
    ["/there", "/there/mlruns/0", f"/there/mlruns/0/{RUN}/artifacts", "s3://b/mlartifacts",
     "mlflow-artifacts:/1/mlartifacts", "models:/m-0a1b", "/there/mlartifacts/team",
     f"/there/mlartifacts/team/{RUN}/artifacts", "/there/mlartifacts/../elsewhere/artifacts",
     "/here/mlartifacts",
     f"/here/mlartifacts/{RUN}/artifacts", f"file:///here/mlartifacts/{RUN}/artifacts"],
)  # fmt: skip
def test_any_other_address_and_one_that_is_right_stay(address: str) -> None:
    assert beside(address, HERE) == address


@given(ANY_NAME, ANY_NAME)
def test_any_name_of_a_directory_is_followed(before: str, after: str) -> None:
    old, new = (Path("/stores") / name / "mlflow.db" for name in (before, after))
    run = artifact_root(old) / RUN / "artifacts"
    assert folder_of(run.as_uri()) == run
    assert folder_of(beside(run.as_uri(), new)) == artifact_root(new) / RUN / "artifacts"


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_a_store_reads_the_same_elsewhere(original: Path, tmp_path: Path, how: str) -> None:
    before, there = read(original), tmp_path / "there"
    traces = pd.concat(before.traces())
    first = next(before.trained())
    original.rename(there) if how == "moved" else shutil.copytree(original, there)
    shutil.rmtree(original, ignore_errors=True)
    after = read(there)
    pd.testing.assert_frame_equal(after.runs, before.runs)
    pd.testing.assert_frame_equal(pd.concat(after.traces()), traces)
    assert next(after.trained())[1].files == first[1].files
    found = find_key(Store.existing(at(there)), study(), first[0])
    assert found is not None
    assert found.trained.files == first[1].files
    assert not original.exists()


def test_a_copy_never_touches_its_original(original: Path, tmp_path: Path) -> None:
    copy, before = tmp_path / "copy", contents(original)
    shutil.copytree(original, copy)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("as the copy has it")
    more = study(seeds=[1, 2, 3])
    with tracker(at(copy), more) as tracked:
        for run in grid(more):
            tracked.deliver(result(run))
    store = Store.open(at(copy))
    keep_report(store, tracked.parent_id, tmp_path / "report", ["index.html"])
    keep_best(at(copy), study().override(steps=60))
    store.settle(tracked.experiment_id)
    assert len(read(copy).runs) == 12
    assert (copy / "mlartifacts" / tracked.parent_id / "artifacts/report/index.html").exists()
    prune(plan_prune(Store.existing(at(copy)), "small", Workspace.of("small", at(copy))))
    assert not [path for path in (copy / "mlartifacts").rglob("*") if path.is_file()]
    assert contents(original) == before
    assert len(pd.concat(read(original).traces())["run_key"].unique()) == 8


def test_who_writes_the_study_records_where_it_is_now(original: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    fill(at(original), study(name="other"))
    original.rename(there)
    assert recorded(there) == {str(original)}
    store = Store.open(at(there))
    assert store.settle(experiment_id(at(there)))
    assert recorded(there) == {str(original), str(there)}  # the other study's stay
    assert not store.settle(experiment_id(at(there)))
    assert store.settle(experiment_id(at(there), "other"))
    assert recorded(there) == {str(there)}


def test_then_mlflow_alone_finds_everything(original: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    original.rename(there)
    Store.open(at(there)).settle(experiment_id(at(there)))
    script = (
        "import mlflow, sys\n"
        f"mlflow.set_tracking_uri({at(there)!r})\n"
        f"print(mlflow.artifacts.download_artifacts(run_id={best(at(there)).run_id!r}))\n"
        "print(mlflow.artifacts.download_artifacts('models:/small@best'))\n"
        "assert 'harness' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(f"{there}/mlartifacts/") for line in done.stdout.splitlines())


def test_a_store_made_before_addresses_were_uris_is_read_and_stays(
    original: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(original / "mlflow.db")) as database, database:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            database.execute(f"UPDATE {table} SET {column} = replace({column}, 'file://', '')")  # noqa: S608
    assert not Store.open(at(original)).settle(experiment_id(at(original)))
    original.rename(tmp_path / "there")
    assert len(pd.concat(read(tmp_path / "there").traces())["run_key"].unique()) == 8


def test_a_store_lives_in_a_directory_of_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    monkeypatch.chdir(folder)
    uri = tracking_uri(None)
    create(folder / "mlflow.db")
    fill(uri)
    keep_best(uri)
    assert len(pd.concat(read(folder).traces())["run_key"].unique()) == 8
    assert len(versions(for_mlflow(uri))) == 1
    assert {path.name for path in folder.iterdir()} == {"mlflow.db", "mlartifacts"}
    assert [path.name for path in tmp_path.iterdir()] == [ODD]
    moved = tmp_path / ODD[::-1]
    folder.rename(moved)
    assert len(pd.concat(read(moved).traces())["run_key"].unique()) == 8
    prune(plan_prune(Store.existing(at(moved)), "small", Workspace.of("small", at(moved))))
    assert not [path for path in (moved / "mlartifacts").rglob("*") if path.is_file()]
    assert [path.name for path in tmp_path.iterdir()] == [moved.name]


@pytest.mark.service
@pytest.mark.parametrize("name", ["there", ODD])
def test_the_ui_shows_the_artifacts_of_a_moved_store(
    original: Path, tmp_path: Path, name: str
) -> None:
    there = tmp_path / name
    original.rename(there)
    client = for_mlflow(at(there))
    run = children(client)[0].info.run_id
    with serving(at(there), free_port()) as address:
        listed = f"{address}/ajax-api/2.0/mlflow/artifacts/list?run_id={run}"
        sent = f"{address}/get-artifact?run_uuid={run}&path=samples.txt"
        with urllib.request.urlopen(listed) as answer:  # noqa: S310 - loopback
            assert b"trace.parquet" in answer.read()
        with urllib.request.urlopen(sent) as answer:  # noqa: S310 - loopback
            kept = (there / "mlartifacts" / run / "artifacts" / "samples.txt").read_bytes()
            assert answer.read() == kept
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert MlflowClient(client).get_run(run).info.artifact_uri.startswith(there.as_uri())
