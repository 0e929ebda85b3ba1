"""Events travel in batches: a stack's results come together with its end."""

import pytest

import harness.engines.worker
from harness.engines import TaskDone
from harness.engines.worker import WorkerEvent, batches
from harness.subjects.trace import Trace
from harness.training.records import Checkpoint, Record, Result

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
