"""A study on a team's server, MLflow with PostgreSQL, which enforces lengths; and on its own."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.errors import UserError
from harness.store.reading import read_study
from harness.store.schema import LONGEST_NAME
from harness.store.store import Store
from tests.support.installed import STEPS, ablate, train
from tests.support.servers import PASSWORD
from tests.support.small_study import NAME, command, write_study
from tests.support.stores import children, grid, picture, result, study, tracker

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

LONG: dict[str, list[float]] = {  # factors of long names and levels
    "gain": [1.2345678901234567, 1.0],
    "output_scale": [1.2345678901234567, 1.0],
    "lr": [1.2345678901234567, 1.0],
    "lr_drop": [0.12345678901234567, 1.0],
    "lr_drop_at": [0.12345678901234567, 1.0],
    "train_words": [123456789, 987654321],
    "embedding": [511, 512],
    "width": [4095, 4096],
    "batch": [65535, 65536],
    "residual": [False, True],
}


def test_a_study_on_a_team_server_is_the_local_one_point_for_point(
    team_server: str, local: str, tmp_path: Path
) -> None:
    assert train(tmp_path, team_server) == picture(local, NAME)
    code, output = ablate(tmp_path, "--tracking-uri", team_server, *command())
    assert code == 0, output
    assert "nothing to train" in output


@pytest.mark.parametrize("through", ["team_server", "database"])
def test_lengths_that_only_postgresql_enforces_are_respected(
    through: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = request.getfixturevalue(through)
    definition = study(
        name=through[0] + 79 * "ü",
        question=500 * "<",
        note=4000 * "<",
        seeds=[1],
        factors=LONG,
        baseline={name: levels[0] for name, levels in LONG.items()},
        fixed={"steps": 50, "depth": 2},
    )
    with tracker(uri, definition) as tracked:
        for run in grid(definition)[:2]:
            tracked.deliver(result(run))
        tracked.fail(grid(definition)[2], 20_000 * "<" + "the worker died")
    stored = children(uri, definition.name)
    assert max(len(run.info.run_name) for run in stored) <= LONGEST_NAME
    assert sum("the worker died" in run.data.tags["mlflow.note.content"] for run in stored) == 1
    assert len(read_study(Store.existing(uri), definition.name).runs) == 3


def test_a_study_stored_directly_in_a_database_shows_no_password(
    database: str, tmp_path: Path
) -> None:
    write_study(tmp_path, STEPS)
    (tmp_path / f"{NAME}.toml").rename(tmp_path / "direct.toml")
    arguments = ["run", "direct.toml", "--data", "words.txt", "--workers", "2"]
    code, output = ablate(tmp_path, "--tracking-uri", database, *arguments)
    assert code == 0, output
    assert "Traceback" not in output
    assert PASSWORD not in output
    client = MlflowClient(database)
    experiment = client.get_experiment_by_name("direct")
    assert experiment is not None
    assert experiment.artifact_location == (tmp_path / "mlartifacts").as_uri()
    assert PASSWORD not in repr(picture(database, "direct")) + repr(experiment.tags)
    assert PASSWORD not in "".join(read_study(Store.existing(database), "direct").facts.values())
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in path.read_bytes() for path in kept)


def test_a_study_stored_through_a_server_is_refused_without_it(
    team_server: str, database: str
) -> None:
    definition = study(name="through-the-server")
    tracker(team_server, definition).close("finished")
    with pytest.raises(UserError, match="address of that server"):
        tracker(database, definition)


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(UserError, match="MySQLdb"):
        tracker("mysql://somebody@127.0.0.1/mlflow")
