"""Removing a study for good, and nothing else."""

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from harness.cli import ablate
from harness.errors import UserError
from harness.store import prune as module
from harness.store.prune import Prunable, plan_prune
from harness.store.schema import IS_KIND, IS_SCHEMA, SCHEMA
from harness.store.server import serving
from harness.store.session import SESSION, Session
from harness.store.store import Store
from harness.store.workspace import Workspace
from tests.store.killed import Fragile, Killed
from tests.store.registered import fill, keep_best
from tests.store.test_server import free_port
from tests.support.stores import (
    Filled,
    children,
    experiment_id,
    mlflow_experiments,
    picture,
    study,
    tracker,
)

LEFT_BY_MLFLOW = {"inputs", "input_tags"}  # `mlflow gc` leaves these rows behind as well


@pytest.fixture
def place(stored: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the study "small", its model, and another study beside it."""
    monkeypatch.chdir(tmp_path)
    keep_best(stored(fill))
    return tmp_path


def planned(uri: str, name: str = "small") -> Prunable:
    return plan_prune(Store.existing(uri), name, Workspace.of(name, uri))


def prune(uri: str, name: str = "small") -> list[str]:
    return module.prune(planned(uri, name))


def rows(uri: str) -> dict[str, int]:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
        names = [
            n for (n,) in database.execute("SELECT name FROM sqlite_schema WHERE type='table'")
        ]
        return {
            name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for name in names
            if name not in LEFT_BY_MLFLOW
        }


def collect_garbage(uri: str, sentence: str) -> None:
    """Run the command that a sentence ends with, as the administrator of the database."""
    command = sentence.partition(": mlflow ")[2].replace(
        "--backend-store-uri …", f"--backend-store-uri {uri}"
    )
    subprocess.run([sys.executable, "-m", "mlflow", *shlex.split(command)], check=True)


def test_nothing_is_left_of_a_study(uri: str, place: Path) -> None:
    empty = place / "empty.db"
    with tracker(f"sqlite:///{empty}"):
        pass
    workspace = Workspace.of("small", uri)
    (workspace.folder / "checkpoints").mkdir(parents=True)
    (workspace.folder / "checkpoints" / "a.safetensors").write_bytes(b"x")
    MlflowClient(uri).delete_run(MlflowClient(uri).search_runs(["1"])[0].info.run_id)
    assert prune(uri) == []
    assert {p.name for p in (place / "mlartifacts").rglob("*") if p.is_file()} <= {"study.json"}
    assert not (place / ".ablate").exists()
    assert MlflowClient(uri).search_registered_models() == []
    prune(f"sqlite:///{empty}")
    assert rows(uri) == rows(f"sqlite:///{empty}")
    fill(uri)  # the name is free again


def test_other_studies_stay_untouched(uri: str, place: Path) -> None:
    fill(uri, study(name="other"))
    keep_best(uri, study(name="other"))
    client, before = MlflowClient(uri), picture(uri, "other")
    experiment, gone = experiment_id(uri, "other"), client.create_experiment("gone")
    run = client.create_run(experiment).info.run_id
    model = client.create_logged_model(experiment).model_id
    client.delete_run(run)
    client.delete_logged_model(model)
    client.delete_experiment(gone)
    models = rows(uri)["logged_models"]
    prune(uri)
    assert picture(uri, "other") == before
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert client.get_experiment(gone).lifecycle_stage == "deleted"
    assert rows(uri)["logged_models"] == models - 1
    assert client.get_model_version_by_alias("other", "best")
    assert client.get_experiment_by_name("small") is None
    assert place.joinpath("mlartifacts").is_dir()


@pytest.mark.usefixtures("place")
def test_a_deleted_experiment_is_removed_as_its_message_says(uri: str) -> None:
    client = MlflowClient(uri)
    client.delete_experiment(experiment_id(uri))
    with pytest.raises(UserError, match="ablate prune small"):
        tracker(uri)
    prune(uri)
    assert client.get_experiment_by_name("small") is None
    tracker(uri).close("finished")


@pytest.mark.parametrize("how", ["../outside", "link"])
def test_artifacts_elsewhere_are_left_alone(uri: str, place: Path, how: str) -> None:
    outside = place / "outside"
    run = next(path for path in (place / "mlartifacts").iterdir() if path.name != "models")
    if how == "link":
        run.rename(outside)
        run.symlink_to(outside)
    else:
        (outside / "artifacts").mkdir(parents=True)
        (outside / "artifacts" / "precious").write_text("x")
        with closing(sqlite3.connect(place / "mlflow.db")) as database, database:
            lies = f"{place}/mlartifacts/../outside/artifacts"
            database.execute(
                "UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (lies, run.name)
            )
    alone, rest = prune(uri)
    assert "left alone" in alone
    assert "marked as deleted" in rest
    assert any(path.is_file() for path in outside.rglob("*"))
    assert MlflowClient(uri).get_experiment_by_name("small") is None
    assert {path.name for path in (place / "mlartifacts").iterdir()} <= {"models", run.name}
    collect_garbage(uri, rest)
    assert rows(uri)["runs"] == 0
    fill(uri)  # the name is free again


def test_killed_on_the_way_the_same_command_goes_on(
    uri: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, real = [0], shutil.rmtree

    def dying(path: Path) -> None:
        calls[0] += 1
        if calls[0] == 4:
            raise KeyboardInterrupt
        real(path)

    monkeypatch.setattr(shutil, "rmtree", dying)
    with pytest.raises(KeyboardInterrupt):
        prune(uri)
    monkeypatch.undo()
    monkeypatch.chdir(place)
    assert prune(uri) == []
    assert_gone(uri, place)


def test_killed_at_any_call_the_same_command_continues(
    uri: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def killed_by(*_: str) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(module, "_collect_garbage", killed_by)  # it is slow, and comes last
        while calls < 12:
            calls += 1
            what = planned(uri)
            what.store.client = Fragile(what.store.client, calls, after=bool(calls % 2))  # type: ignore[assignment]
            with pytest.raises(Killed):
                module.prune(what)
    assert prune(uri) == []
    assert_gone(uri, place)


def assert_gone(uri: str, place: Path) -> None:
    assert not [path for path in (place / "mlartifacts").rglob("*") if path.is_file()]
    assert MlflowClient(uri).get_experiment_by_name("small") is None
    left = rows(uri)
    assert {left[name] for name in ("runs", "logged_models", "registered_models")} == {0}


@pytest.mark.parametrize("outside", [False, True])
def test_what_others_logged_to_the_experiment_stays_and_so_does_it(
    uri: str, place: Path, outside: bool
) -> None:
    client, experiment = MlflowClient(uri), experiment_id(uri)
    theirs = client.create_run(experiment, tags={"run_key": "theirs"})
    client.log_metric(theirs.info.run_id, "final/dev_loss", 1.0)
    client.log_text(theirs.info.run_id, "mine", "notes.txt")
    gone = client.create_run(experiment)
    client.delete_run(gone.info.run_id)
    model = client.create_logged_model(experiment, "theirs")
    trash = client.create_experiment("trash")
    client.delete_experiment(trash)
    if outside:
        run = place / "mlartifacts" / children(uri)[0].info.run_id
        run.rename(place / "outside")
        run.symlink_to(place / "outside")
    what = planned(uri)
    assert str(what).endswith("; 3 runs or models of others not removed")
    left = module.prune(what)
    assert [run.info.run_id for run in client.search_runs([experiment])] == [theirs.info.run_id]
    assert client.get_run(theirs.info.run_id).data.metrics == {"final/dev_loss": 1.0}
    files = {p.name for p in (place / "mlartifacts").rglob("*") if p.is_file()}
    assert files == {"notes.txt"}
    assert client.get_run(gone.info.run_id).info.lifecycle_stage == "deleted"
    assert client.get_logged_model(model.model_id)
    assert client.get_experiment(trash).lifecycle_stage == "deleted"
    assert MlflowClient(uri).search_registered_models() == []
    if outside:
        assert len(left) == 2
        assert " --run-ids " in left[1]
        collect_garbage(uri, left[1])
        assert rows(uri)["runs"] == 2
    else:
        assert left == []
        assert rows(uri)["runs"] == 2
    fill(uri)  # it is a study's experiment still
    assert len(children(uri)) == 8


@pytest.mark.parametrize("who", ["others", "the study"])
@pytest.mark.usefixtures("place")
def test_what_was_logged_while_a_person_confirmed_is_not_removed(uri: str, who: str) -> None:
    client, what = MlflowClient(uri), planned(uri)
    tags = {IS_SCHEMA: SCHEMA, IS_KIND: "run"} if who == "the study" else {}
    client.create_run(experiment_id(uri), tags=tags)
    before = rows(uri)
    with pytest.raises(UserError, match="give the same command again"):
        module.prune(what)
    assert rows(uri) == before
    assert prune(uri) == []


def test_an_experiment_with_runs_of_others_is_not_restored_to_be_pruned(
    uri: str, place: Path
) -> None:
    client, experiment = MlflowClient(uri), experiment_id(uri)
    client.create_run(experiment)
    client.delete_experiment(experiment)
    before = rows(uri)
    with pytest.raises(UserError) as refused:
        planned(uri)
    assert str(refused.value) == (
        "prune must not touch what others have logged; received 'small', deleted in "
        "MLflow, with 1 run or model of others in it. Restore it (mlflow experiments restore "
        f"-x {experiment}); then the same command removes the study's part."
    )
    assert rows(uri) == before
    mlflow_experiments(uri, "restore", "-x", experiment)
    assert prune(uri) == []
    assert len(client.search_runs([experiment])) == 1
    assert place.joinpath("mlartifacts").is_dir()


@pytest.mark.usefixtures("place")
def test_what_is_not_there_or_not_ours_or_in_use_is_refused(uri: str) -> None:
    with pytest.raises(UserError, match="no experiment 'none'"):
        planned(uri, "none")
    with pytest.raises(UserError, match="no store"):
        planned(uri.replace("mlflow.db", "no.db"))
    MlflowClient(uri).create_experiment("theirs")
    with pytest.raises(UserError, match="`ablate run` created"):
        planned(uri, "theirs")
    with (
        Workspace.of("small", uri).locked(),
        pytest.raises(UserError, match="only one process at a time"),
    ):
        prune(uri)
    assert MlflowClient(uri).get_model_version_by_alias("small", "best")


@pytest.mark.usefixtures("place")
def test_a_study_that_a_process_elsewhere_writes_is_refused(uri: str) -> None:
    """Its lock on the workspace is another machine's: only its mark in the store shows."""
    (parent,) = MlflowClient(uri).search_runs([experiment_id(uri)], f"tags.`{IS_KIND}` = 'study'")
    writer = Session("x", "elsewhere", 1, "noon", Session.here("x").renewed)
    MlflowClient(uri).set_tag(parent.info.run_id, SESSION, writer.to_tag())
    MlflowClient(uri).update_run(parent.info.run_id, "RUNNING")
    with pytest.raises(
        UserError, match=r"only one process at a time may write a study; .*on elsewhere"
    ):
        planned(uri)


@pytest.mark.usefixtures("place")
def test_the_command_asks_first(uri: str) -> None:
    client = MlflowClient(uri)
    command = [sys.executable, "-c", "from harness.cli import main; main()",
               "--tracking-uri", uri, "prune", "small"]  # fmt: skip
    done = subprocess.run(command, input="y\n", capture_output=True, text=True, timeout=100)
    assert (done.returncode, "--yes" in done.stderr) == (2, True)
    assert client.get_experiment_by_name("small")
    answer = CliRunner().invoke(
        ablate, ["--tracking-uri", uri, "prune", "small.toml", "--yes"], catch_exceptions=False
    )
    assert answer.exit_code == 0
    assert "9 runs with artifacts, 1 model" in answer.output
    assert "the registered model 'small'" in answer.output
    assert client.get_experiment_by_name("small") is None


@pytest.mark.service
def test_on_a_server_the_name_is_free_again_and_the_rest_is_said(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", os.environ.get("NO_PROXY", "127.0.0.1"))
    with serving(uri, free_port()) as server:
        fill(server)
        keep_best(server)
        (says,) = prune(server)
        collect_garbage(uri, says)
        assert rows(uri)["runs"] == 0
        assert not [path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()]
        assert MlflowClient(server).search_registered_models() == []
        fill(server)
        client = MlflowClient(server)
        client.delete_experiment(experiment_id(server))
        prune(server)
        assert client.get_experiment_by_name("small") is None
