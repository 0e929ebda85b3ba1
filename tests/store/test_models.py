"""Which run of a study is the best, and that it is registered once as an MLflow model."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from harness.store import models
from harness.store.models import best_run, criterion, keep_best, model_name
from harness.store.server import HOST
from harness.store.store import Store
from tests.store.killed import Fragile, Killed
from tests.store.registered import (
    DIGEST,
    best,
    best_experiment,
    fill,
    load,
    logged,
    versions,
)
from tests.support.stores import children, picture, study
from tests.store.test_server import free_port


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


def test_where_the_length_is_a_factor_all_lengths_compete(uri: str) -> None:
    lengths = [60, 20]
    asked = study(
        fixed={"depth": 2, "width": 8}, factors={"norm": ["none", "batch"], "steps": lengths},
        baseline={"norm": "batch", "steps": 60},
    )  # fmt: skip
    fill(uri, asked)
    found = [best_run(Store(uri), best_experiment(uri), one, DIGEST) for one in (asked, study())]
    finished = [run for run in children(uri) if run.data.tags["outcome"] == "finished"]
    for run, among in zip(found, (lengths, [60]), strict=True):
        losses = [other.data.metrics["final/dev_loss"] for other in finished
                  if int(other.data.params["steps"]) in among]  # fmt: skip
        assert run is not None
        assert run.data.metrics["final/dev_loss"] == min(losses)
    assert found[0].info.run_id != found[1].info.run_id  # type: ignore[union-attr]  # as just seen


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


def test_names_fit_for_mlflow() -> None:
    assert model_name("a/b:c.d%e'f\"") == "a_b_c_d_e_f_"
