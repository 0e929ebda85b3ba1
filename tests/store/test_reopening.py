"""What a session makes of what others left in the store."""

import subprocess
import sys
from contextlib import suppress

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, RunTag

from harness.errors import UserError
from harness.store.reading import read_study
from harness.store.store import Store
from harness.store.tracker import Tracker
from tests.store.conftest import Stored
from tests.store.killed import Fragile, Killed
from tests.support.stores import (
    FACTS,
    children,
    grid,
    picture,
    result,
    study,
    tracker,
    undisturbed,
    write_live,
)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_a_study_ends_like_one_undisturbed(
    uri: str, expected: Stored, after: bool
) -> None:
    runs = grid(study())
    for calls in range(1, 15):
        killed = tracker(uri, session=f"killed {calls}")
        client = Fragile(killed._store.client, calls, after)
        killed._store.client = client  # type: ignore[assignment]
        with suppress(Killed):
            for run in runs:
                killed._throttle.next = 0.0
                write_live(killed, result(run), share=0.7)
                killed.deliver(result(run))
        assert client.left <= 0
    undisturbed(uri)
    assert picture(uri) == expected


def test_an_interrupted_session_leaves_nothing_running(uri: str) -> None:
    tracked = tracker(uri)
    write_live(tracked, result(grid(study())[0]), share=0.5)
    tracked.close("interrupted")
    (stored,) = children(uri)
    assert (stored.info.status, stored.data.tags["outcome"]) == ("KILLED", "interrupted")
    assert MlflowClient(uri).get_run(tracked.parent_id).info.status == "KILLED"
    assert read_study(Store.open(uri), "small").runs["outcome"].tolist() == ["interrupted"]


def test_what_a_killed_session_left_running_is_ended_at_the_next(uri: str) -> None:
    killed = tracker(uri)
    write_live(killed, result(grid(study())[0]), share=0.5)
    with tracker(uri, session="two") as tracked:
        (stored,) = children(uri)
        assert stored.info.status == "KILLED"
        assert tracked.parent_id == killed.parent_id


def test_a_crashed_run_is_failed_and_tried_again(uri: str, expected: Stored) -> None:
    runs = grid(study())
    with tracker(uri) as tracked:
        tracked.fail(runs[0], "the worker died")
    (stored,) = children(uri)
    assert stored.info.status == "FAILED"
    assert "the worker died" in stored.data.tags["mlflow.note.content"]
    undisturbed(uri)
    assert picture(uri) == expected


def test_more_seeds_join_and_other_steps_stand_apart(uri: str) -> None:
    with tracker(uri) as first:
        first.deliver(result(grid(study())[0]))
    with tracker(uri, study(seeds=3), "two") as more:
        assert (more.parent_id, len(more.ended)) == (first.parent_id, 1)
    shorter = study().override(steps=20)
    with tracker(uri, shorter, "three") as other:
        assert other.parent_id != first.parent_id
        assert other.experiment_id == first.experiment_id


def test_runs_logged_by_others_never_count(uri: str) -> None:
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


def test_of_duplicates_the_oldest_counts(uri: str) -> None:
    run = grid(study())[0]
    with tracker(uri) as tracked:
        tracked.deliver(result(run, stop=0.5))
        twin = tracker(uri, session="twin")
        twin.ended.clear()
        twin._runs._runs.clear()
        twin.deliver(result(run))
        twin.close("finished")
    assert len(children(uri)) == 2
    with tracker(uri, session="two") as again:
        assert again.ended == {run.key: "diverged"}


def test_a_second_writer_is_refused_and_the_first_is_named(uri: str) -> None:
    script = (
        "import sys; from tests.support.stores import tracker\n"
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


def test_a_deleted_experiment_is_met_with_the_remedy(uri: str) -> None:
    with tracker(uri) as tracked:
        pass
    MlflowClient(uri).delete_experiment(tracked.experiment_id)
    with pytest.raises(UserError, match="ablate prune small"):
        tracker(uri, session="two")


def test_colours_stay_with_variants_when_levels_are_added(uri: str) -> None:
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


def test_studies_on_other_data_stand_apart(uri: str) -> None:
    other = {**FACTS, "digest": "e" * 64, "name": "other"}
    store = Store.open(uri)
    with tracker(uri) as one, Tracker.open(store, study(), other, grid(study()), "two") as two:
        assert one.parent_id != two.parent_id


def test_runs_that_ended_on_other_data_are_counted(uri: str) -> None:
    other = {**FACTS, "digest": "e" * 64, "name": "other"}
    with tracker(uri) as tracked:
        tracked.deliver(result(grid(study())[0]))
        assert not tracked.elsewhere
    with Tracker.open(Store.open(uri), study(), other, grid(study()), "two") as tracked:
        assert tracked.elsewhere == {"tiny": 1}
