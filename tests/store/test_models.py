"""Which run of a study is the best, and that it is registered once as an MLflow model."""

from dataclasses import replace

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from harness.store import models
from harness.store.models import best_run, criterion, model_name
from harness.store.server import HOST
from harness.store.store import Store
from tests.store.killed import Fragile, Killed
from tests.store.registered import DATA, DIGEST, best, fill, keep_best, load, logged, versions
from tests.store.test_server import free_port
from tests.support.stores import children, experiment_id, grid, picture, result, study, tracker


def test_the_run_with_the_lowest_dev_loss_is_registered_under_an_alias(filled: str) -> None:
    keep_best(filled)
    client = MlflowClient(filled)
    finished = [
        run
        for run in client.search_runs([experiment_id(filled)], "tags.`ablate.kind` = 'run'")
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
    keep_best(filled)
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
    assert criterion(study(primary=primary)).name == by


def test_keeping_the_best_again_adds_nothing(filled: str) -> None:
    for _ in range(2):
        keep_best(filled)
    assert (len(versions(filled)), len(logged(filled))) == (1, 1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_one_model_results(filled: str, after: bool) -> None:
    calls = 0
    while True:
        calls += 1
        store = Store.open(filled)
        store.client = Fragile(store.client, calls, after)  # type: ignore[assignment]
        try:
            models.keep_best(store, study(), DATA)
        except Killed:
            continue
        break
    assert calls > 8
    assert (len(versions(filled)), len(logged(filled))) == (1, 1)
    assert best(filled).version == versions(filled)[0].version
    assert len(load(filled).predict(None, params={"n": 3})) == 3


def test_a_better_run_takes_the_alias_and_a_quick_look_does_not(filled: str) -> None:
    keep_best(filled)
    quick = study().override(steps=20)
    fill(filled, quick)
    keep_best(filled, quick)
    assert len(versions(filled)) == 1
    longer = study().override(steps=60)
    fill(filled, longer)
    keep_best(filled, longer)
    assert best(filled).version in (2, "2")
    keep_best(filled)
    assert best(filled).version in (2, "2")


def test_where_the_length_is_a_factor_all_lengths_compete(uri: str) -> None:
    lengths = [60, 20]
    asked = study(
        fixed={"depth": 2, "width": 8}, factors={"norm": ["none", "batch"], "steps": lengths},
        baseline={"norm": "batch", "steps": 60},
    )  # fmt: skip
    fill(uri, asked)
    store = Store.open(uri)
    found = [best_run(store, experiment_id(uri), one, DIGEST) for one in (asked, study())]
    finished = [run for run in children(uri) if run.data.tags["outcome"] == "finished"]
    for run, among in zip(found, (lengths, [60]), strict=True):
        losses = [other.data.metrics["final/dev_loss"] for other in finished
                  if int(other.data.params["steps"]) in among]  # fmt: skip
        assert run is not None
        assert run.data.metrics["final/dev_loss"] == min(losses)
    assert found[0].info.run_id != found[1].info.run_id  # type: ignore[union-attr]  # as just seen


def test_losses_on_other_data_do_not_compare(filled: str) -> None:
    store = Store.open(filled)
    assert best_run(store, experiment_id(filled), study(), DIGEST) is not None
    assert best_run(store, experiment_id(filled), study(), "e" * 64) is None


def test_a_model_of_that_name_that_is_not_ours_is_left_alone(
    filled: str, caplog: pytest.LogCaptureFixture
) -> None:
    MlflowClient(filled).create_registered_model("small")
    keep_best(filled)
    assert versions(filled) == []
    assert "name=small" in caplog.text


def test_a_store_that_goes_away_spoils_nothing(
    filled: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store.open(filled)
    store.client = MlflowClient(f"http://{HOST}:{free_port()}")
    models.keep_best(store, study(), DATA)
    assert "the next session" in caplog.text
    assert versions(filled) == []


def test_names_fit_for_mlflow() -> None:
    assert model_name("a/b:c.d%e'f\"") == "a_b_c_d_e_f_"


def test_where_more_is_better_the_highest_is_best(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = study().model
    higher = replace(subject.responses["final/dev_loss"], direction="higher")
    responses = {**subject.responses, "final/dev_loss": higher}
    monkeypatch.setattr(type(subject), "responses", responses)
    losses = [run.data.metrics.get("final/dev_loss", 0.0) for run in children(filled)]
    best = best_run(Store.open(filled), experiment_id(filled), study(), DIGEST)
    assert best is not None
    assert best.data.metrics["final/dev_loss"] == max(losses)


def test_runs_that_write_no_samples_get_no_model(
    uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with tracker(uri) as tracked:
        for run in grid(study()):
            made = result(run)
            del made.files["samples.txt"]
            tracked.deliver(made)
    keep_best(uri)
    assert (versions(uri), logged(uri), caplog.text) == ([], [], "")
