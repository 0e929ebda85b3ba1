"""Worker processes die, are handed what is of no use, or idle: the results are the same."""

import multiprocessing
import os
import signal
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

import harness.engine.local
from harness.corpus import Corpus
from harness.engine import Ended, Task, TaskEvent
from harness.engine.local import LocalEngine, Worker
from harness.plan import expand, stack
from harness.records import Checkpoint, Result
from harness.study import Study
from harness.trainer import train
from tests.reliability.small import STUDY, WORDS
from tests.reliability.test_divergence import assert_equal

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.of("words", WORDS.split(), "words of the tests")


@pytest.fixture(scope="module")
def tasks(corpus: Corpus) -> list[Task]:
    study = Study.model_validate({**tomllib.loads(STUDY.format(steps=4000)), "name": "any"})
    cohorts = stack(expand(study, corpus.digest), 2)
    return [Task(f"task {number}", cohort) for number, cohort in enumerate(cohorts)]


@pytest.fixture(scope="module")
def expected(tasks: list[Task], corpus: Corpus) -> dict[str, Result]:
    return {
        event.key: event
        for task in tasks
        for event in train(task.cohort, corpus)
        if isinstance(event, Result)
    }


def assert_same(events: list[TaskEvent], expected: dict[str, Result]) -> None:
    found = {event.key: event for _, event in events if isinstance(event, Result)}
    assert found.keys() == expected.keys()
    for key, result in found.items():
        assert_equal(result, expected[key])


def employed() -> set[int]:
    """Process ids of the workers."""
    return {child.pid for child in multiprocessing.active_children() if child.pid}


def kill() -> None:
    """Kill one of the workers."""
    if employed():
        os.kill(min(employed()), signal.SIGKILL)


def test_workers_prepared_before_are_those_that_train(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    engine = LocalEngine(2)
    engine.prepare(1)
    prepared = employed()
    assert len(prepared) == 1
    engine.prepare(len(tasks))
    assert len(employed()) == 2
    events, seen = [], set()
    for event in engine(tasks, corpus, lambda: False):
        events.append(event)
        seen |= employed()
    assert len(seen) == 2
    assert prepared < seen
    assert not employed()
    assert_same(events, expected)


def test_workers_that_were_never_needed_end_with_the_engine() -> None:
    with closing(LocalEngine(3)) as engine:
        engine.prepare(2)
        assert len(employed()) == 2
    assert not employed()


def test_a_prepared_worker_that_dies_is_replaced(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    engine = LocalEngine(1)
    engine.prepare(1)
    kill()
    multiprocessing.active_children()[0].join()
    assert_same(list(engine(tasks, corpus, lambda: False)), expected)


def test_workers_killed_after_every_checkpoint_get_there(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deadly(LocalEngine):
        deaths = 0

        def _hear(self, worker: Worker, *arguments: Any) -> Iterator[TaskEvent]:
            for task, event in super()._hear(worker, *arguments):
                if isinstance(event, Checkpoint) and self.deaths < 6:
                    self.deaths += 1
                    worker.process.kill()
                yield task, event

    monkeypatch.setattr(harness.engine.local, "CHECKPOINT_SECONDS", 0.1)
    engine = Deadly(2)
    assert_same(list(engine(tasks, corpus, lambda: False)), expected)
    assert engine.deaths == 6  # more than a task without progress is given tries


def test_a_task_whose_workers_always_die_is_given_up_and_the_others_go_on(
    tasks: list[Task], corpus: Corpus
) -> None:
    ends = []
    for task, event in LocalEngine(1)(tasks[:2], corpus, lambda: False):
        if isinstance(event, Ended):
            ends.append((task.name, event.failure))
        elif task is tasks[0]:
            kill()
    assert ends == [("task 0", "its worker died with exit code -9"), ("task 1", None)]


def test_a_checkpoint_that_is_of_no_use_is_done_without(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    useless = Checkpoint(tuple(run.key for run in tasks[0].cohort.runs), 50, b"another layout")
    events = list(
        LocalEngine(2)([replace(tasks[0], resume=useless), *tasks[1:]], corpus, lambda: False)
    )
    assert_same(events, expected)


def test_a_worker_that_dies_before_it_was_given_a_task_is_replaced(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    class Fragile(LocalEngine):
        def _assign(self, *arguments: object) -> None:
            if not hasattr(self, "_killed"):
                self._killed = True
                kill()
                multiprocessing.active_children()[0].join()
            super()._assign(*arguments)  # type: ignore[arg-type]

    assert_same(list(Fragile(1)(tasks, corpus, lambda: False)), expected)


def test_when_it_is_to_stop_every_task_in_training_gives_a_last_checkpoint(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    events: list[TaskEvent] = []
    begun: set[str] = set()
    for event in LocalEngine(2)(tasks, corpus, lambda: len(begun) == 2):
        events.append(event)
        begun.add(event[0].name)
    last = {task.name: event for task, event in events}
    assert [event for event in last.values() if not isinstance(event, Checkpoint | Ended)] == []
    assert_same([*events, *resumed(tasks, events, corpus)], expected)


def resumed(tasks: list[Task], events: list[TaskEvent], corpus: Corpus) -> Iterator[TaskEvent]:
    """What a later session yields that has the checkpoints of the one before."""
    kept = {task.name: event for task, event in events if isinstance(event, Checkpoint)}
    ended = {event.key for _, event in events if isinstance(event, Result)}
    for task in tasks:
        runs = tuple(run for run in task.cohort.runs if run.key not in ended)
        if runs:
            cohort = replace(task.cohort, runs=runs)
            for event in train(cohort, corpus, kept.get(task.name)):
                yield task, event
