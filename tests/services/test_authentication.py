"""A server that requires a password: a clear refusal, and no trace of the password."""

from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from tests.support.installed import STEPS, ablate
from tests.support.servers import PASSWORD
from tests.support.small_study import NAME, command, write_study

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

ME = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": PASSWORD}


@pytest.mark.parametrize("known", [{}, ME | {"MLFLOW_TRACKING_PASSWORD": "guess"}])
def test_an_unknown_user_is_refused_with_what_to_set(
    guarded_server: str, tmp_path: Path, known: dict[str, str]
) -> None:
    write_study(tmp_path, STEPS)
    code, output = ablate(tmp_path, "--tracking-uri", guarded_server, *command(), **known)
    assert code == 2
    assert "Traceback" not in output
    assert "the MLflow server must grant you access" in output
    assert "MLFLOW_TRACKING_USERNAME" in output
    assert "guess" not in output


def test_a_study_gets_access_with_mlflows_own_variables(
    guarded_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path, STEPS)
    code, output = ablate(tmp_path, "--tracking-uri", guarded_server, *command(), **ME)
    assert code == 0, output
    for name, value in ME.items():
        monkeypatch.setenv(name, value)
    client = MlflowClient(guarded_server)
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    stored = [run.to_dictionary() for run in client.search_runs([experiment.experiment_id])]
    assert len(stored) == 9  # runs and their parent
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for held in (output, repr(stored), repr(experiment.tags), *map(repr, written)):
        assert PASSWORD not in held


def test_who_may_only_read_gets_a_report(guarded_server: str, tmp_path: Path) -> None:
    write_study(tmp_path, STEPS)
    code, output = ablate(tmp_path, "--tracking-uri", guarded_server, *command(), **ME)
    assert code == 0, output
    done = requests.post(
        f"{guarded_server}/api/2.0/mlflow/users/create",
        json={"username": "reader", "password": PASSWORD},
        auth=("admin", PASSWORD),
        timeout=30,
    )
    assert done.ok, done.text
    reader = ME | {"MLFLOW_TRACKING_USERNAME": "reader"}
    asked = ("report", NAME, "--data", "words.txt")
    code, output = ablate(tmp_path, "--tracking-uri", guarded_server, *asked, **reader)
    assert (tmp_path / "reports" / NAME / "index.html").exists()
    assert "the store is read-only, so the report is not stored in it" in output
    assert "error" not in output
    assert code < 2


def test_a_password_in_the_address_works_and_is_never_shown(
    guarded_server: str, tmp_path: Path
) -> None:
    write_study(tmp_path, STEPS)
    address = guarded_server.replace("://", f"://admin:{PASSWORD}@")
    code, output = ablate(tmp_path, "--tracking-uri", address, *command())
    assert code == 0, output
    assert PASSWORD not in output
    code, output = ablate(tmp_path, "--tracking-uri", address, "ui", NAME, "--data", "words.txt")
    assert code == 0, output
    assert f"{guarded_server}/#/experiments/" in output
    assert PASSWORD not in output
