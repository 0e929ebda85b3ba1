"""A tracking server that stops: training continues, and every result arrives exactly once."""

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.support.inprocess import run_undisturbed
from tests.support.kills import store, workspace
from tests.support.servers import Server
from tests.support.small_study import NAME, command, run, start, workers, write_study
from tests.support.stores import picture

pytestmark = [pytest.mark.service, pytest.mark.timeout(900)]

STEPS = 2000


@pytest.fixture(scope="module")
def expected(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The runs of an undisturbed study in a local store."""
    place = write_study(tmp_path_factory.mktemp("undisturbed"), STEPS)
    shutil.copy(template, place / "mlflow.db")
    run_undisturbed(place, *command())
    return comparable(store(place))


@pytest.fixture
def server(template: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    shutil.copy(template, tmp_path / "server" / "mlflow.db")
    running = Server(tmp_path / "server", store(tmp_path / "server"))
    running.start()
    yield running
    running.stop()


def comparable(uri: str) -> dict[str, Any]:
    """The picture of a store without artifacts, which a server keeps elsewhere."""
    return {
        key: {part: value for part, value in run.items() if part != "artifacts"}
        for key, run in picture(uri, NAME).items()
    }


def waiting(place: Path, server: Server) -> int:
    """How many results wait on disk."""
    return len(list(workspace(place, server.uri).glob("results/[!.]*")))


def arguments(server: Server) -> list[str]:
    return ["--tracking-uri", server.uri, *command()]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["refuses", "hangs"])
def test_a_server_that_comes_back_gets_every_result_once(
    server: Server, tmp_path: Path, expected: dict[str, Any], how: signal.Signals
) -> None:
    place = write_study(tmp_path / "place", STEPS)
    process = start(place, arguments(server), give_up_after=200.0)
    wait(lambda: bool(workers(process.pid)))
    time.sleep(1)
    server.send(how)
    wait(lambda: waiting(place, server) == 8)
    server.start() if how == signal.SIGKILL else server.resume()
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert output.endswith("all 8 runs have ended, 8 of them now.\n")
    assert comparable(server.uri) == expected
    assert deleted(server) == []


def test_a_server_that_stays_away_gets_every_result_later(
    server: Server, tmp_path: Path, expected: dict[str, Any]
) -> None:
    place = write_study(tmp_path / "place", STEPS)
    process = start(place, arguments(server), give_up_after=3.0)
    wait(lambda: bool(workers(process.pid)))
    server.send(signal.SIGKILL)
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 1
    assert output.endswith(
        f"8 results wait on disk for the store (no MLflow server answers at {server.uri}). When it "
        f"takes results again, deliver with: ablate {' '.join(arguments(server))}\n"
    )
    server.start()
    code, output = run(place, arguments(server))
    assert code == 0, output
    assert output.endswith("all 8 runs have ended already; nothing to train.\n")
    assert comparable(server.uri) == expected
    assert deleted(server) == []


def test_two_coordinators_in_two_places_cannot_write_one_study(
    server: Server, tmp_path: Path
) -> None:
    one, two = write_study(tmp_path / "one", 10**6), write_study(tmp_path / "two", 10**6)
    first = start(one, arguments(server))
    try:
        wait(lambda: bool(workers(first.pid)))
        code, output = run(two, arguments(server))
    finally:
        first.kill()
        first.communicate()
    assert code == 2
    assert "only one process at a time may write a study" in output
    assert f"which process {first.pid} on " in output
    assert " has been writing since 20" in output


def deleted(server: Server) -> list[str]:
    """Deleted runs: a retried request would leave one, or one more among the runs."""
    client = MlflowClient(server.uri)
    (experiment,) = client.search_experiments(filter_string=f"name = '{NAME}'")
    found = client.search_runs([experiment.experiment_id], run_view_type=2)
    return [run.info.run_name for run in found]


def wait(until: Any) -> None:
    end = time.monotonic() + 200
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)
