"""A worker trains the code that the coordinator read; its events travel in batches."""

import sys
from pathlib import Path

import pytest

import harness.engines.worker
from harness import subjects
from harness.engines import Task, TaskDone
from harness.engines.worker import WorkerEvent, batches, run_task
from harness.errors import UserError
from harness.study.plan import Run, Stack, run_key
from harness.subjects import find_subject
from harness.subjects.trace import Trace
from harness.training.records import Checkpoint, Record, Result
from tests.support.loops import LOOP

RECORD = Record("a", 1, {"train/loss": 1.0})
CHECKPOINT = Checkpoint(("a",), 1, b"")


def result(key: str) -> Result:
    return Result(key, "finished", Trace(1), {}, {})


def test_results_arrive_together_with_the_end_and_every_event_in_order() -> None:
    events: list[WorkerEvent] = [
        *(RECORD, RECORD, CHECKPOINT),
        *(RECORD, result("a"), result("b"), TaskDone()),
    ]
    sent = list(batches(events))
    assert [event for batch in sent for event in batch] == events
    assert [len(batch) for batch in sent] == [3, 4]


def test_no_event_waits_longer_than_the_longest_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.engines.worker, "LONGEST_DELAY", -1.0)
    events: list[WorkerEvent] = [RECORD, result("a"), RECORD, TaskDone()]
    assert list(batches(events)) == [[event] for event in events]


def test_code_that_was_changed_since_the_start_trains_nothing(tmp_path: Path) -> None:
    path = tmp_path / "loop.py"
    path.write_text(LOOP)
    before = find_subject(str(path))
    fields, data = before.Fields(steps=2), before.load(None, tmp_path)
    run = Run(run_key(before, fields, 1, data.digest), {}, fields, 1)
    path.write_text(LOOP.replace("1.0, -2.0", "1.0, -3.0"))
    subjects._find_subject.cache_clear()  # as in a process of its own
    task = Task("task", Stack((run,)))
    (event,) = run_task(task, find_subject(str(path)), data, 60.0, lambda: False)
    assert isinstance(event, UserError)
    assert str(event).startswith("the code of a study must stay as it is while it is trained; ")


def test_libraries_that_cannot_be_loaded_fail_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "loop.py"
    path.write_text(LOOP)
    subject = find_subject(str(path))
    fields, data = subject.Fields(steps=2), subject.load(None, tmp_path)
    run = Run(run_key(subject, fields, 1, data.digest), {}, fields, 1)
    monkeypatch.setitem(sys.modules, "harness.training.trainer", None)
    (event,) = run_task(Task("task", Stack((run,))), subject, data, 60.0, lambda: False)
    assert isinstance(event, TaskDone)
    assert "harness.training.trainer" in str(event.failure)
