"""What a session writes of its runs, whatever happens meanwhile."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.errors import Unreachable, UserError
from harness.store.store import Store
from harness.store.uri import sqlite_path
from harness.subjects.char_mlp.responses import CURVES, RESPONSES
from harness.training.records import Record
from tests.store.conftest import Stored
from tests.support.stores import (
    children,
    grid,
    mlflow_experiments,
    picture,
    records,
    result,
    study,
    tracker,
    undisturbed,
    write_live,
)


def test_a_run_is_stored_with_all_that_belongs_to_it(uri: str) -> None:
    run = grid(study())[3]  # none, residual, seed 2
    with tracker(uri) as tracked:
        tracked.deliver(result(run))
    (stored,) = children(uri)
    assert stored.info.status == "FINISHED"
    assert stored.info.run_name == "none, residual true · seed 2"
    assert stored.data.params["residual"] == "1"
    assert stored.data.params["lr"] == "0.1"
    assert stored.data.params["seed"] == "2"
    # two layers have no third to fifth, and no gradient growth from the fifth on
    deep = {f"init/saturation_layer_{n}" for n in (3, 4, 5)} | {"init/gradient_growth_deep"}
    assert set(stored.data.metrics) == set(CURVES) | (set(RESPONSES) - deep)
    tags = stored.data.tags
    assert (tags["outcome"], tags["run_key"], tags["variant"]) == ("finished", run.key, run.variant)
    assert tags["mlflow.parentRunId"] == tracked.parent_id
    assert tags["mlflow.runColor"].startswith("#")
    (data,) = stored.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("tiny", "d" * 36)
    files = picture(uri)[run.key]["artifacts"]
    assert set(files) == {
        "trace.parquet", "model/weights.safetensors", "model/config.json", "samples.txt",
        "layers/saturation.png",
    }  # fmt: skip


def test_curves_grow_while_a_run_trains_and_go_on_after_an_interruption(uri: str) -> None:
    run = grid(study())[0]
    with tracker(uri) as tracked:
        write_live(tracked, result(run), share=0.5)
        (live,) = children(uri)
        assert live.info.status == "RUNNING"
        assert live.data.metrics["train/loss"] > 0
        assert live.data.params["norm"] == "none"
    (left,) = children(uri)
    assert (left.info.status, left.data.tags["outcome"]) == ("KILLED", "interrupted")
    with tracker(uri, session="two") as tracked:
        tracked.deliver(result(run))
    (ended,) = children(uri)
    assert (ended.info.run_id, ended.info.status) == (live.info.run_id, "FINISHED")


def test_a_run_that_just_began_is_not_logged_live(uri: str) -> None:
    ended = result(grid(study())[0])
    with tracker(uri) as tracked:
        for record in records(ended):
            tracked.write(record)
        assert children(uri) == []
        tracked.deliver(ended)
    (stored,) = children(uri)
    assert stored.info.status == "FINISHED"


def test_files_in_a_place_without_its_package_here_are_refused_with_what_to_do(uri: str) -> None:
    store = Store.open(uri)
    with pytest.raises(UserError) as refused, store.reach():
        store.log_files(".", "s3://bucket/runs")
    assert str(refused.value) == (
        "the Python package of the place where files are stored must be installed; received "
        "No module named 'boto3'. Install it, for s3:// .venv/bin/pip install boto3; then run the "
        "same command again."
    )


def test_live_logging_takes_a_small_share_of_the_time(uri: str) -> None:
    ended = result(grid(study())[0])
    with tracker(uri) as tracked:
        write_live(tracked, ended)  # also warms MLflow up
        start, spent = time.monotonic(), 0.0
        step = 0
        while time.monotonic() - start < 4:
            step += 1
            before = time.monotonic()
            tracked.write(Record(ended.key, step, {"train/loss": 1.0}))
            spent += time.monotonic() - before
            time.sleep(0.005)
    assert spent < 0.15 * 4  # 3 % and a first and a last go


def test_runs_written_live_end_like_runs_delivered_at_once(uri: str, expected: Stored) -> None:
    with tracker(uri) as tracked:
        for run in grid(study()):
            write_live(tracked, result(run))
            tracked.deliver(result(run))
    assert picture(uri) == expected


def test_delivering_again_changes_nothing(uri: str, expected: Stored) -> None:
    undisturbed(uri)
    with tracker(uri, session="two") as tracked:
        assert set(tracked.ended) == {run.key for run in grid(study())}
        for run in grid(study()):
            write_live(tracked, result(run))
            tracked.deliver(result(run))
    assert picture(uri) == expected


def test_a_run_half_written_with_other_values_is_made_anew(uri: str, expected: Stored) -> None:
    first = grid(study())[0]
    tracked = tracker(uri)
    tracked.write(Record(first.key, 0, {"train/loss": 123.0}))  # as another machine computed it
    tracked.close("interrupted")
    undisturbed(uri)
    assert picture(uri) == expected


def test_a_run_deleted_while_it_trains_is_made_anew(uri: str, expected: Stored) -> None:
    with tracker(uri) as tracked:
        for run in grid(study()):
            write_live(tracked, result(run), share=0.1)
            for stored in children(uri):
                if stored.info.status == "RUNNING":
                    MlflowClient(uri).delete_run(stored.info.run_id)
            tracked.deliver(result(run))
    assert picture(uri) == expected


def test_a_diverged_run_is_complete_and_says_so(uri: str) -> None:
    run = grid(study())[0]
    with tracker(uri) as tracked:
        tracked.deliver(result(run, stop=0.5))
        assert tracked.ended == {run.key: "diverged"}
    (stored,) = children(uri)
    assert stored.info.status == "FINISHED"
    tags = stored.data.tags
    assert (tags["outcome"], tags["diverged_step"], tags["diverged_cause"]) == (
        "diverged", "25", "loss"
    )  # fmt: skip
    assert "diverged at step 25" in tags["mlflow.note.content"]
    assert "final/dev_loss" not in stored.data.metrics
    with tracker(uri, session="two") as again:
        assert again.ended == {run.key: "diverged"}
    MlflowClient(uri).set_terminated(stored.info.run_id, "KILLED")  # before the very last call
    with tracker(uri, session="three") as again:
        assert again.ended == {}


def test_progress_and_the_study_stand_on_the_parent(uri: str) -> None:
    with tracker(uri) as tracked:
        tracked.deliver(result(grid(study())[0]))
        tracked.deliver(result(grid(study())[1], stop=0.5))
    parent = MlflowClient(uri).get_run(tracked.parent_id)
    assert parent.data.tags["progress"] == "2 of 8 runs, 1 of them diverged"
    assert parent.info.run_name == "small · 50 steps · tiny"
    assert "&lt;b&gt;this" in parent.data.tags["mlflow.note.content"]
    assert parent.info.status == "FINISHED"


@pytest.mark.parametrize(
    ("raised", "status"),
    [(KeyboardInterrupt, "KILLED"), (SystemExit, "KILLED"), (ValueError, "FAILED")],
)
def test_the_parent_ends_as_the_session_does(
    uri: str, raised: type[BaseException], status: str
) -> None:
    with pytest.raises(raised), tracker(uri) as tracked:
        raise raised
    assert MlflowClient(uri).get_run(tracked.parent_id).info.status == status


def test_a_server_that_does_not_answer_is_unreachable_at_once() -> None:
    start = time.monotonic()
    with pytest.raises(Unreachable, match="no MLflow server answers"):
        tracker("http://127.0.0.1:9")
    assert time.monotonic() - start < 5


def test_a_full_disk_for_artifacts_leaves_the_result_undelivered(uri: str) -> None:
    run = grid(study())[0]
    with tracker(uri) as tracked:
        artifacts = Path(sqlite_path(uri) or "").parent / "mlartifacts"
        shutil.rmtree(artifacts)
        artifacts.write_text("in the way")
        with pytest.raises(Unreachable):
            tracked.deliver(result(run))
        assert tracked.ended == {}
        artifacts.unlink()
        tracked.deliver(result(run))
    assert children(uri)[0].info.status == "FINISHED"


def test_a_run_starts_and_ends_in_mlflow_when_its_training_did(uri: str) -> None:
    first, second, third, *_ = grid(study())
    began, ended = 1_700_000_000_000, 1_700_000_004_500
    with tracker(uri) as tracked:
        tracked.deliver(replace(result(first), began=began, ended=ended))
        live = result(second)
        for record in records(live)[:3]:
            tracked._live[live.key] = 0.0
            tracked.write(replace(record, began=began))
    with tracker(uri, session="two") as tracked:  # which starts it anew
        tracked.deliver(replace(live, began=ended, ended=ended + 1000))
        # another machine, whose clock is behind, ended it
        tracked.deliver(replace(result(third), began=ended, ended=began))
    found = {run.data.tags["run_key"]: run for run in children(uri)}
    times = {key: (run.info.start_time, run.info.end_time) for key, run in found.items()}
    assert times == {
        first.key: (began, ended), second.key: (began, ended + 1000), third.key: (ended, ended),
    }  # fmt: skip
    for run in found.values():
        began = run.info.start_time
        points = MlflowClient(uri).get_metric_history(run.info.run_id, "train/loss")
        assert [point.timestamp - began for point in points] == [point.step for point in points]
        assert len({point.step for point in points}) == len(points)


def test_an_experiment_that_others_use_is_refused_and_left_as_it_is(uri: str) -> None:
    client = MlflowClient(uri)
    experiment = client.create_experiment("small")
    client.create_run(experiment)
    before = client.get_experiment(experiment).tags
    with pytest.raises(UserError) as refused:
        tracker(uri)
    assert str(refused.value) == (
        "the experiment of a study must be one that `ablate run` created, or empty; received "
        f"'small' in {uri}, with 1 run that others logged. Rename the study's file, or that "
        f"experiment (mlflow experiments rename -x {experiment} --new-name NAME), or name another "
        "store with --tracking-uri."
    )
    assert client.get_experiment(experiment).tags == before
    mlflow_experiments(uri, "rename", "-x", experiment, "--new-name", "theirs")
    tracker(uri).close("finished")


def test_an_empty_experiment_is_used(uri: str) -> None:
    experiment = MlflowClient(uri).create_experiment("small")
    with tracker(uri) as tracked:
        assert tracked.experiment_id == experiment


def test_an_experiment_of_ours_that_lost_its_mark_gets_it_back(uri: str) -> None:
    with tracker(uri) as tracked:
        tracked.deliver(result(grid(study())[0]))
    client = MlflowClient(uri)
    client.delete_experiment_tag(tracked.experiment_id, "ablate.schema")
    with tracker(uri, session="two") as again:
        assert (again.experiment_id, len(again.ended)) == (tracked.experiment_id, 1)
    assert client.get_experiment(tracked.experiment_id).tags["ablate.schema"] == "2"
