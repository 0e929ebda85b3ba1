import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from harness.errors import Unreachable, UserError
from harness.records import Record
from harness.responses import RESPONSES
from harness.tables import CURVES
from harness.tracking.tracker import Tracker
from harness.tracking.uri import sqlite_path
from tests.tracking.small import (
    CORPUS,
    children,
    grid,
    picture,
    result,
    study,
    tracker,
    write_live,
)


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of the tracker runs after it."""


class Fragile:
    """MLflow's client, killed before or after its n-th call."""

    def __init__(self, client, calls, after):
        self._client, self.left, self._after = client, calls, after

    def __getattr__(self, name):
        method = getattr(self._client, name)

        def call(*args, **kwargs):
            self.left -= 1
            if self.left == 0 and not self._after:
                raise Killed
            answer = method(*args, **kwargs)
            if self.left == 0:
                raise Killed
            return answer

        return call


def undisturbed(uri):
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run))


@pytest.fixture
def expected(template, tmp_path):
    (tmp_path / "expected").mkdir()
    path = tmp_path / "expected" / "mlflow.db"
    shutil.copy(template, path)
    undisturbed(f"sqlite:///{path}")
    return picture(f"sqlite:///{path}")


def test_a_run_is_stored_with_all_that_belongs_to_it(uri):
    run = grid(study())[3]  # none, residual, seed 2
    with tracker(uri) as tracked:
        tracked.deliver(result(run))
    (stored,) = children(uri)
    assert stored.info.status == "FINISHED"
    assert stored.info.run_name == "none, residual yes · seed 2"
    assert stored.data.params["residual"] == "1"
    assert stored.data.params["lr"] == "0.1"
    assert stored.data.params["seed"] == "2"
    assert set(stored.data.metrics) == set(CURVES) | set(RESPONSES)
    tags = stored.data.tags
    assert (tags["outcome"], tags["run_key"], tags["variant"]) == ("finished", run.key, run.variant)
    assert tags["mlflow.parentRunId"] == tracked.parent_id
    assert tags["mlflow.runColor"].startswith("#")
    (data,) = stored.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("tiny", "d" * 36)
    files = picture(uri)[run.key]["artifacts"]
    assert set(files) == {
        "trace.parquet", "model/weights.safetensors", "model/config.json", "samples.txt"
    }  # fmt: skip


def test_curves_grow_while_a_run_trains(uri):
    run = grid(study())[0]
    with tracker(uri) as tracked:
        write_live(tracked, result(run), share=0.5)
        (live,) = children(uri)
        assert live.info.status == "RUNNING"
        assert live.data.metrics["train/loss"] > 0
        assert live.data.params["norm"] == "none"


def test_live_logging_takes_a_small_share_of_the_time(uri):
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
    assert spent < 0.15 * 4  # 5 % and a first and a last go


def test_runs_written_live_end_like_runs_delivered_at_once(uri, expected):
    with tracker(uri) as tracked:
        for run in grid(study()):
            write_live(tracked, result(run))
            tracked.deliver(result(run))
    assert picture(uri) == expected


def test_delivering_again_changes_nothing(uri, expected):
    undisturbed(uri)
    with tracker(uri, session="two") as tracked:
        assert set(tracked.ended) == {run.key for run in grid(study())}
        for run in grid(study()):
            tracked.deliver(result(run))
    assert picture(uri) == expected


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_a_study_ends_like_one_undisturbed(uri, expected, after):
    runs = grid(study())
    for calls in range(1, 15):
        killed = tracker(uri, session=f"killed {calls}")
        client = Fragile(killed._store.client, calls, after)
        killed._store.client = client
        with suppress(Killed):
            for run in runs:
                killed._throttle._next = 0.0
                write_live(killed, result(run), share=0.7)
                killed.deliver(result(run))
        assert client.left <= 0
    undisturbed(uri)
    assert picture(uri) == expected


def test_a_run_half_written_with_other_values_is_made_anew(uri, expected):
    first = grid(study())[0]
    tracked = tracker(uri)
    tracked.write(Record(first.key, 0, {"train/loss": 123.0}))  # as another machine computed it
    tracked.close("interrupted")
    undisturbed(uri)
    assert picture(uri) == expected


def test_a_run_deleted_while_it_trains_is_made_anew(uri, expected):
    with tracker(uri) as tracked:
        for run in grid(study()):
            write_live(tracked, result(run), share=0.1)
            for stored in children(uri):
                if stored.info.status == "RUNNING":
                    MlflowClient(uri).delete_run(stored.info.run_id)
            tracked.deliver(result(run))
    assert picture(uri) == expected


def test_an_interrupted_session_leaves_nothing_running(uri):
    tracked = tracker(uri)
    write_live(tracked, result(grid(study())[0]), share=0.5)
    tracked.close("interrupted")
    (stored,) = children(uri)
    assert (stored.info.status, stored.data.tags["outcome"]) == ("KILLED", "interrupted")
    assert MlflowClient(uri).get_run(tracked.parent_id).info.status == "KILLED"


def test_what_a_killed_session_left_running_is_mended_at_the_next(uri):
    killed = tracker(uri)
    write_live(killed, result(grid(study())[0]), share=0.5)
    with tracker(uri, session="two") as tracked:
        (stored,) = children(uri)
        assert stored.info.status == "KILLED"
        assert tracked.parent_id == killed.parent_id


def test_a_diverged_run_is_complete_and_says_so(uri):
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


def test_a_crashed_run_is_failed_and_tried_again(uri, expected):
    runs = grid(study())
    with tracker(uri) as tracked:
        tracked.fail(runs[0], "the worker died")
    (stored,) = children(uri)
    assert stored.info.status == "FAILED"
    assert "the worker died" in stored.data.tags["mlflow.note.content"]
    undisturbed(uri)
    assert picture(uri) == expected


def test_progress_and_the_study_stand_on_the_parent(uri):
    with tracker(uri) as tracked:
        tracked.deliver(result(grid(study())[0]))
        tracked.deliver(result(grid(study())[1], stop=0.5))
    parent = MlflowClient(uri).get_run(tracked.parent_id)
    assert parent.data.tags["progress"] == "2 of 8 runs, 1 of them diverged"
    assert parent.info.run_name == "small · 50 steps · tiny"
    assert "&lt;b&gt;this" in parent.data.tags["mlflow.note.content"]
    assert parent.info.status == "FINISHED"


def test_more_seeds_join_and_other_steps_stand_apart(uri):
    with tracker(uri) as first:
        first.deliver(result(grid(study())[0]))
    with tracker(uri, study(seeds=3), "two") as more:
        assert (more.parent_id, len(more.ended)) == (first.parent_id, 1)
    shorter = study().override(steps=20)
    with tracker(uri, shorter, "three") as other:
        assert other.parent_id != first.parent_id
        assert other.experiment_id == first.experiment_id


def test_runs_logged_by_others_never_count(uri):
    run = grid(study())[0]
    with tracker(uri) as tracked:
        client = MlflowClient(uri)
        foreign = client.create_run(tracked.experiment_id, tags={"run_key": run.key})
        client.log_batch(
            foreign.info.run_id, [Metric("final/dev_loss", 1.0, 1, 0)],
            tags=[RunTag("outcome", "finished")],
        )  # fmt: skip
        client.set_terminated(foreign.info.run_id)
    with tracker(uri, session="two") as again:
        assert again.ended == {}


def test_of_duplicates_the_oldest_counts(uri):
    run = grid(study())[0]
    with tracker(uri) as tracked:
        tracked.deliver(result(run, stop=0.5))
        twin = tracker(uri, session="twin")
        twin.ended.clear()
        twin._ledger._runs.clear()
        twin.deliver(result(run))
        twin.close("finished")
    assert len(children(uri)) == 2
    with tracker(uri, session="two") as again:
        assert again.ended == {run.key: "diverged"}


def test_a_second_writer_is_refused_and_told_of_the_first(uri):
    script = (
        "import sys; from tests.tracking.small import tracker\n"
        f"tracker({uri!r}); print('open', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(UserError, match=f"process {first.pid}"):
            tracker(uri, session="two")
    finally:
        first.kill()
        first.communicate()
    tracker(uri, session="two").close("finished")


def test_a_deleted_experiment_is_met_with_the_remedy(uri):
    with tracker(uri) as tracked:
        pass
    MlflowClient(uri).delete_experiment(tracked.experiment_id)
    with pytest.raises(UserError, match="ablate prune small"):
        tracker(uri, session="two")


def test_a_server_that_does_not_answer_is_unreachable_at_once():
    start = time.monotonic()
    with pytest.raises(Unreachable, match="no MLflow server answers"):
        tracker("http://127.0.0.1:9")
    assert time.monotonic() - start < 5


def test_colours_stay_with_variants_when_levels_are_added(uri):
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run))
    wider = study(factors={"norm": ["layer", "none", "batch"], "residual": [False, True]})
    tracker(uri, wider, "two").close("finished")
    by_variant: dict[str, set[str]] = {}
    for stored in children(uri):
        tags = stored.data.tags
        by_variant.setdefault(tags["variant"], set()).add(tags["mlflow.runColor"])
    assert all(len(colours) == 1 for colours in by_variant.values())
    assert len(set.union(*by_variant.values())) == len(by_variant) == 4


def test_a_full_disk_for_artifacts_leaves_the_result_undelivered(uri):
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


def test_opening_names_the_corpus_it_was_given(uri):
    other = {**CORPUS, "digest": "e" * 64, "corpus": "other"}
    with tracker(uri) as one, Tracker.open(
        uri, study(), other, runs=grid(study()), session="two"
    ) as two:  # fmt: skip
        assert one.parent_id != two.parent_id
