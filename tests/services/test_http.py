"""A study against a real MLflow server over HTTP is the local study."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

from harness.errors import Unreachable
from harness.store.reading import read_study
from harness.store.store import Store
from harness.store.tracker import Tracker
from tests.support.installed import ablate, train
from tests.support.proxy import Fate, Proxy, proxy
from tests.support.small_study import NAME
from tests.support.stores import children, grid, picture, result, study, tracker, write_live

pytestmark = [pytest.mark.service, pytest.mark.timeout(300)]

CREATES_A_RUN = "runs/create"
LONGEST = 12.0  # seconds: the 10 that one call may take, and what is done around it


@pytest.fixture
def network(server: str) -> Iterator[Proxy]:
    with proxy(server) as running:
        yield running


@pytest.fixture
def expected(uri: str) -> Callable[[str], dict[str, Any]]:
    """What a local store holds of an undisturbed study with made-up results."""

    def store(name: str) -> dict[str, Any]:
        definition = study(name=name)
        with tracker(uri, definition) as tracked:
            for run in grid(definition):
                tracked.deliver(result(run))
        return picture(uri, name)

    return store


def test_a_study_on_a_server_is_the_local_one_point_for_point(
    server: str, local: str, tmp_path: Path
) -> None:
    assert train(tmp_path, server) == picture(local, NAME)
    mine, theirs = (read_study(Store.existing(uri), NAME) for uri in (local, server))
    stores_own = ["run_id", "session", "seconds"]
    pd.testing.assert_frame_equal(
        mine.runs.drop(columns=stores_own).sort_values("run_key", ignore_index=True),
        theirs.runs.drop(columns=stores_own).sort_values("run_key", ignore_index=True),
    )
    code, output = ablate(tmp_path, "--tracking-uri", server, "ui", NAME, "--data", "words.txt")
    assert code == 0, output
    assert output.count(f"{server}/#/") == 5


def always(fate: Fate, where: str = "") -> Callable[[str, str], Fate]:
    """The same fate for all requests to some path."""
    return lambda _, path: fate if where in path else "pass"


def until_answered(call: Callable[[], Any]) -> Any:
    """Try again until no answer is lost."""
    for _ in range(50):
        try:
            return call()
        except Unreachable:
            continue
    raise AssertionError("no answer arrives")


def lossy(draw: Random) -> Callable[[str, str], Fate]:
    """Lose answers to requests that change something, above all to those that create runs."""

    def fate(method: str, path: str) -> Fate:
        if method == "GET" or "search" in path:
            return "pass"
        return "lose" if draw.random() < (0.5 if CREATES_A_RUN in path else 0.1) else "pass"

    return fate


def test_lost_answers_create_no_second_run(
    network: Proxy, server: str, expected: Callable[[str], dict[str, Any]]
) -> None:
    definition = study(name="lost")
    network.fate = lossy(Random(1))  # noqa: S311 - not for secrets
    tracked: Tracker = until_answered(lambda: tracker(network.address, definition))
    for run in grid(definition):
        write_live(tracked, result(run), share=0.3)
        until_answered(partial(tracked.deliver, result(run)))
    network.fate = always("pass")
    tracked.close("finished")
    assert sum(CREATES_A_RUN in path for _, path in network.seen) > 1
    assert picture(server, definition.name) == expected(definition.name)
    assert len(children(server, definition.name)) == len(grid(definition))


def test_repeated_requests_create_no_second_run(
    network: Proxy, server: str, expected: Callable[[str], dict[str, Any]]
) -> None:
    definition = study(name="repeated")
    network.fate = always("repeat", CREATES_A_RUN)
    with tracker(network.address, definition) as tracked:
        for run in grid(definition):
            tracked.deliver(result(run))
    assert len(network.seen) == len(grid(definition)) + 1  # their parent, too
    assert picture(server, definition.name) == expected(definition.name)


@pytest.mark.parametrize("where", ["log-batch", "mlflow-artifacts"])
def test_nothing_waits_long_for_a_server_that_hangs(network: Proxy, where: str) -> None:
    definition = study(name=f"hanging-{where}")
    network.fate = always("pass")
    tracked = tracker(network.address, definition)
    network.fate = always("hang", where)
    start = time.monotonic()
    with pytest.raises(Unreachable):
        tracked.deliver(result(grid(definition)[0]))
    assert time.monotonic() - start < LONGEST
    start = time.monotonic()
    tracked.close("interrupted")
    assert time.monotonic() - start < LONGEST


def test_artifacts_pass_through_the_server(server: str) -> None:
    definition = study(name="proxied")
    with tracker(server, definition) as tracked:
        tracked.deliver(result(grid(definition)[0]))
    (stored,) = children(server, definition.name)
    assert stored.info.artifact_uri.startswith("mlflow-artifacts:")
    files = MlflowClient(server).list_artifacts(stored.info.run_id)
    assert {file.path for file in files} == {
        "images", "layers", "model", "samples.txt", "trace.parquet",
    }  # fmt: skip
