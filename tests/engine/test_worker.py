"""What a worker says travels in batches: a cohort's results come together with its end."""

from typing import Any

import pytest

import harness.engine.worker
from harness.engine import Ended
from harness.engine.worker import News, batches
from harness.records import Checkpoint, Record, Result

RECORD = Record("a", 1, {"train/loss": 1.0})
SAVED = Checkpoint(("a",), 1, b"")


def result(key: str) -> Result:
    nothing: Any = None
    return Result(key, "finished", nothing, {}, [], {})


def test_results_arrive_together_with_the_end_and_nothing_is_lost_or_overtaken() -> None:
    events: list[News] = [RECORD, RECORD, SAVED, RECORD, result("a"), result("b"), Ended()]
    sent = list(batches(events))
    assert [event for batch in sent for event in batch] == events
    assert [len(batch) for batch in sent] == [3, 4]


def test_nothing_waits_longer_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness.engine.worker, "HURRY", -1.0)
    events: list[News] = [RECORD, result("a"), RECORD, Ended()]
    assert list(batches(events)) == [[event] for event in events]
