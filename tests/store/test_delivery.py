"""Results reach the store each once, however slow it is, and training does not wait for it."""

import time
from pathlib import Path
from typing import Any

import pytest

import harness.store.delivery
from harness.store.delivery import Delivery
from harness.store.workspace import Workspace
from harness.study.files import load_study
from harness.training.records import Result
from tests.support.stores import grid, result

RUNS = grid(load_study("core"))[:5]


class Slow:
    """Stands for a tracker where the time of a delivery must be known."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.ended = seconds, dict[str, str]()

    def deliver(self, ended: Result) -> None:
        time.sleep(self.seconds)
        self.ended[ended.key] = ended.outcome


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def accepting(tracker: Any, workspace: Workspace) -> Delivery:
    delivery = Delivery(tracker, workspace, RUNS, lambda: False)
    for run in RUNS:
        delivery.accept(result(run))
    return delivery


def test_a_result_is_kept_before_the_store_is_asked_for_anything(workspace: Workspace) -> None:
    delivery = accepting(None, workspace)
    assert set(workspace.pending_results()) == delivery.waiting == {run.key for run in RUNS}


def test_a_poll_takes_a_moment_and_the_rest_waits(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.store.delivery, "SLICE", 0.9)
    tracker = Slow(0.6)
    delivery = accepting(tracker, workspace)
    delivery.poll()
    assert len(tracker.ended) == 2
    assert len(delivery.waiting) == len(workspace.pending_results()) == 3
    assert all(delivery.has(run.key) for run in RUNS)


def test_at_the_end_a_slow_store_is_given_the_time_that_it_takes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness.store.delivery, "GIVE_UP", 0.3)
    tracker = Slow(0.2)
    delivery = accepting(tracker, workspace)
    delivery.flush()
    assert tracker.ended.keys() == {run.key for run in RUNS}
    assert not delivery.waiting
    assert not workspace.pending_results()
