"""Workers die, get unusable checkpoints, or stay idle: the results are the same."""

import multiprocessing
import os
import signal
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import harness.engines.local
from harness.engines import Task, TaskDone, TaskEvent
from harness.engines.local import LocalEngine, Worker
from harness.study.plan import Costs, Stack, expand, make_stacks
from harness.study.study import Study
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus
from harness.training.records import Checkpoint, Result
from harness.training.trainer import train
from tests.support.commands import start
from tests.support.loops import LOOP, LOOP_STUDY
from tests.support.results import assert_equal
from tests.support.small_study import STUDY, WORDS

pytestmark = [pytest.mark.service, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.of("words", WORDS.split(), "words of the tests")


@pytest.fixture(scope="module")
def tasks(corpus: Corpus) -> list[Task]:
    study = Study.model_validate({**tomllib.loads(STUDY.format(steps=4000)), "name": "any"})
    stacks = make_stacks(expand(study, corpus.digest), Costs(SUBJECT, corpus), 2)
    return [Task(f"task {number}", stack) for number, stack in enumerate(stacks)]


@pytest.fixture(scope="module")
def expected(tasks: list[Task], corpus: Corpus) -> dict[str, Result]:
    return {
        event.key: event
        for task in tasks
        for event in train(task.stack, SUBJECT, corpus)
        if isinstance(event, Result)
    }


def run(
    engine: LocalEngine,
    tasks: list[Task],
    corpus: Corpus,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[TaskEvent]:
    return engine(tasks, SUBJECT, corpus, stopping)


def assert_same(events: list[TaskEvent], expected: dict[str, Result]) -> None:
    found = {event.key: event for _, event in events if isinstance(event, Result)}
    assert found.keys() == expected.keys()
    for key, result in found.items():
        assert_equal(result, expected[key])


def worker_ids() -> set[int]:
    """Process ids of the workers."""
    return {child.pid for child in multiprocessing.active_children() if child.pid}


def kill() -> None:
    """Kill one of the workers."""
    if worker_ids():
        os.kill(min(worker_ids()), signal.SIGKILL)


def test_prepared_workers_are_those_that_train(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    engine = LocalEngine(2)
    engine.prepare(1, SUBJECT)
    prepared = worker_ids()
    assert len(prepared) == 1
    engine.prepare(len(tasks), SUBJECT)
    assert len(worker_ids()) == 2
    events, seen = [], set()
    for event in run(engine, tasks, corpus):
        events.append(event)
        seen |= worker_ids()
    assert len(seen) == 2
    assert prepared < seen
    assert not worker_ids()
    assert_same(events, expected)


def test_workers_that_were_never_needed_end_with_the_engine() -> None:
    with closing(LocalEngine(3)) as engine:
        engine.prepare(2, SUBJECT)
        assert len(worker_ids()) == 2
    assert not worker_ids()


def test_a_prepared_worker_that_dies_is_replaced(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    engine = LocalEngine(1)
    engine.prepare(1, SUBJECT)
    kill()
    multiprocessing.active_children()[0].join()
    assert_same(list(run(engine, tasks, corpus)), expected)


def test_workers_killed_after_every_checkpoint_finish_their_tasks(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deadly(LocalEngine):
        deaths = 0

        def _receive(self, worker: Worker, *arguments: Any) -> Iterator[TaskEvent]:
            for task, event in super()._receive(worker, *arguments):
                if isinstance(event, Checkpoint) and self.deaths < 6:
                    self.deaths += 1
                    worker.process.kill()
                yield task, event

    monkeypatch.setattr(harness.engines.local, "CHECKPOINT_SECONDS", 0.1)
    engine = Deadly(2)
    assert_same(list(run(engine, tasks, corpus)), expected)
    assert engine.deaths == 6  # more than the tries of a task that makes no progress


def test_a_task_whose_workers_always_die_fails_and_the_others_are_trained(
    tasks: list[Task], corpus: Corpus
) -> None:
    ends = []
    for task, event in run(LocalEngine(1), tasks[:2], corpus):
        if isinstance(event, TaskDone):
            ends.append((task.name, event.failure))
        elif task is tasks[0]:
            kill()
    assert ends == [("task 0", "its worker died with exit code -9"), ("task 1", None)]


def test_a_task_with_an_unusable_checkpoint_starts_anew(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    useless = Checkpoint(tuple(run.key for run in tasks[0].stack.runs), 50, b"another layout")
    resumed = [replace(tasks[0], resume=useless), *tasks[1:]]
    assert_same(list(run(LocalEngine(2), resumed, corpus)), expected)


def test_a_worker_that_dies_before_its_first_task_is_replaced(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    class Fragile(LocalEngine):
        def _assign(self, *arguments: Any) -> None:
            if not hasattr(self, "_killed"):
                self._killed = True
                kill()
                multiprocessing.active_children()[0].join()
            super()._assign(*arguments)

    assert_same(list(run(Fragile(1), tasks, corpus)), expected)


def test_when_it_stops_every_task_in_training_gives_a_last_checkpoint(
    tasks: list[Task], corpus: Corpus, expected: dict[str, Result]
) -> None:
    events: list[TaskEvent] = []
    started: set[str] = set()
    for event in run(LocalEngine(2), tasks, corpus, lambda: len(started) == 2):
        events.append(event)
        started.add(event[0].name)
    last = {task.name: event for task, event in events}
    assert [event for event in last.values() if not isinstance(event, Checkpoint | TaskDone)] == []
    assert_same([*events, *resumed(tasks, events, corpus)], expected)


def resumed(tasks: list[Task], events: list[TaskEvent], corpus: Corpus) -> Iterator[TaskEvent]:
    """What a later session yields that has the checkpoints of the one before."""
    kept = {task.name: event for task, event in events if isinstance(event, Checkpoint)}
    ended = {event.key for _, event in events if isinstance(event, Result)}
    for task in tasks:
        runs = tuple(run for run in task.stack.runs if run.key not in ended)
        if runs:
            for event in train(Stack(runs), SUBJECT, corpus, kept.get(task.name)):
                yield task, event


STUCK = """
    import multiprocessing, pathlib, time
    if multiprocessing.parent_process():
        pathlib.Path("stuck").touch()
        time.sleep(600)
"""


def test_a_worker_in_code_that_never_comes_back_ends_with_its_coordinator(tmp_path: Path) -> None:
    first = "    x, y = points()\n"
    (tmp_path / "loop.py").write_text(LOOP.replace(first, STUCK + first))
    (tmp_path / "s.toml").write_text(LOOP_STUDY.format(steps=10))
    coordinator = start(tmp_path, "run", "s.toml", "--workers", "1")
    while coordinator.poll() is None and not (tmp_path / "stuck").exists():
        time.sleep(0.1)
    coordinator.kill()
    coordinator.communicate(timeout=30)  # returns once no process has the output open
