import math

import pytest
from mlflow import MlflowClient

from harness.analysis.integrity import audit
from harness.subjects.char_mlp.curves import records
from harness.errors import UserError
from harness.subjects.char_mlp.responses import responses
from harness.store.ended import ended_runs, is_new
from harness.store.reading import read_study
from harness.store.uri import sqlite_path
from tests.support.stores import FACTS, children, grid, result, study, tracker, write_live


@pytest.fixture
def filled(uri):
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run, stop=0.5 if run == grid(study())[0] else 1.0))
    return uri


def test_every_run_comes_back_with_its_labels_and_numbers(filled):
    data = read_study(filled, "small")
    assert data.study == study()
    assert len(data.runs) == len(grid(study()))
    for run in grid(study()):
        row = data.runs.set_index("run_key").loc[run.key]
        assert (row["seed"], row["norm"], row["batch"]) == (run.seed, run.fields.norm, "32")
        assert row["residual"] == ("yes" if run.fields.residual else "no")
        diverged = run == grid(study())[0]
        assert row["outcome"] == ("diverged" if diverged else "finished")
        expected = responses(result(run, stop=0.5 if diverged else 1.0).history)
        assert {name: row[name] for name in expected} == expected
        assert math.isnan(row["final/dev_loss"]) == diverged


def test_curves_come_back_to_the_last_bit(filled):
    one = study(seeds=(2,))
    data = read_study(filled, "small", seeds=(2,))
    assert data.study.seeds == (2,)
    run = grid(one)[0]
    curves = data.curves[data.curves["variant"] == run.variant]
    for record in records(run.key, result(run).history):
        at = curves[curves["step"] == record.step].set_index("metric")["mean"]
        assert {metric: at[metric] for metric in record.values} == pytest.approx(
            record.values, rel=1e-4
        )  # the tables keep five digits of curves


def test_what_was_read_passes_the_audit(filled):
    refused = [found for found in audit(read_study(filled, "small")) if found.severity == "refuse"]
    assert refused == []


def test_a_label_changed_in_the_store_does_not(filled):
    swapped = next(run for run in children(filled) if run.data.params["norm"] == "none")
    MlflowClient(filled).set_tag(swapped.info.run_id, "variant", "batch, residual no")
    refused = [found for found in audit(read_study(filled, "small")) if found.severity == "refuse"]
    assert refused


def test_runs_still_in_training_are_told_apart(uri):
    first, second = grid(study())[:2]
    with tracker(uri) as tracked:
        write_live(tracked, result(first), share=0.5)
        tracked.fail(second, "the worker died")
        outcomes = read_study(uri, "small").runs.set_index("run_key")["outcome"]
    assert dict(outcomes) == {first.key: "running", second.key: "failed"}


def test_the_facts_name_the_data_and_never_a_password(filled):
    facts = read_study(filled, "small").facts
    assert facts["digest"] == FACTS["digest"]
    assert facts["vocabulary"] == "4"
    assert facts["claims_digest"] == study().claims_digest()
    assert facts["first_seeds"] == "1-2"


def test_the_making_asked_for_is_read(filled):
    shorter = study().override(steps=20)
    with tracker(filled, shorter, "two") as tracked:
        tracked.deliver(result(grid(shorter)[0]))
    assert len(read_study(filled, "small", steps=50).runs) == 8
    assert len(read_study(filled, "small", steps=20).runs) == 1
    assert len(read_study(filled, "small").runs) == 1  # the latest
    with pytest.raises(UserError, match="steps 30"):
        read_study(filled, "small", steps=30)


def test_seeds_of_earlier_sessions_stay_part_of_the_study(filled):
    tracker(filled, study(seeds=[3]), "two").close("finished")
    assert read_study(filled, "small").study.seeds == (1, 2, 3)


def test_where_there_is_no_study_reading_says_so_and_creates_nothing(uri, tmp_path):
    nowhere = f"sqlite:///{tmp_path}/none.db"
    assert ended_runs(nowhere, "small") == ended_runs(uri, "small") == {}
    for store in (nowhere, uri):
        with pytest.raises(UserError, match="ablate run small"):
            read_study(store, "small")
    path = sqlite_path(nowhere)
    assert path is not None
    assert not path.exists()


def test_ended_runs_are_told_by_key(filled):
    ended = ended_runs(filled, "small")
    assert ended == {run.key: "finished" for run in grid(study())} | {
        grid(study())[0].key: "diverged"
    }


def test_only_a_study_that_surely_has_no_runs_is_new(filled, tmp_path):
    assert not is_new(filled, "small")
    assert is_new(filled, "another")
    assert is_new(f"sqlite:///{tmp_path}/nowhere.db", "small")
    (tmp_path / "damaged.db").write_text("no database")
    assert not is_new(f"sqlite:///{tmp_path}/damaged.db", "small")
    assert not is_new("http://localhost:9", "small")
