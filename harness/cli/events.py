"""How a session of `ablate run` goes, for programs: a document an event, if they are asked for."""

import time
from collections.abc import Collection, Sequence
from math import inf, nan

from harness.cli.documents import (
    DataFacts,
    Document,
    Emit,
    RunEnded,
    RunTakenOver,
    SessionEnded,
    SessionStarted,
    TrainingProgress,
    TrainingStarted,
)
from harness.cli.progress import EVERY, LOSS, session_seconds, title
from harness.cli.signals import INTERRUPTED
from harness.engines import Engine, Task, TaskDone
from harness.flow import SessionSummary
from harness.study.request import Plan
from harness.training.records import Event, Record, Result


class Events:
    """A session as documents, told to it as it goes.

    Args:
        emit: prints a document; None if nobody asked for them.
        plan: the whole study.
        engine: what trains.
    """

    def __init__(self, emit: Emit | None, plan: Plan, engine: Engine) -> None:
        self._emit, self._plan, self._engine = emit, plan, engine
        self._runs = {run.key: run for run in plan.runs}

    def start(self, store: str) -> None:
        """The session begins; its store's URI."""
        study, data = self._plan.study, DataFacts.of(self._plan.data)
        self._print(SessionStarted(study=study.name, question=study.question, data=data,
                                   store=store, runs=len(self._runs)))  # fmt: skip

    def take_over(self, keys: Collection[str]) -> None:
        """Runs are not trained, since other studies have finished them."""
        for run in (self._runs[key] for key in keys):
            self._print(RunTakenOver(run_key=run.key, variant=run.variant, seed=run.seed))

    def plan(self, tasks: Sequence[Task]) -> None:
        """What will be trained."""
        self._began, self._printed = time.monotonic(), -inf
        self._ended: set[str] = set()
        self._count = sum(len(task.stack.runs) for task in tasks)
        seconds = session_seconds(
            tasks, self._plan.costs, self._engine.workers, self._plan.subject.preparation()
        )
        self._print(TrainingStarted(runs=self._count, stacks=len(tasks), seconds=seconds))

    def follow(self, task: Task, event: Event | TaskDone) -> None:
        """What has just happened."""
        match event:
            case Result() if self._emit:
                self._end(event)
            case TaskDone(failure=str(why)):
                for run in task.stack.runs:
                    if run.key not in self._ended:
                        self._fail(run.key, why)
            case Record() if LOSS in event.values:
                self._show(task, event)

    def finish(self, code: int, runs: int | None, tally: SessionSummary) -> None:
        """The session is over: its exit code, and how many runs the study needs."""
        outcome = {0: "done", INTERRUPTED: "interrupted"}.get(code, "failed")
        self._print(SessionEnded.model_validate({
            "outcome": outcome, "exit_code": code, "runs": runs, "trained": len(tally.trained),
            "failed": len(tally.failed), "undelivered": tally.undelivered,
            "seconds": tally.seconds,
        }))  # fmt: skip

    def _end(self, result: Result) -> None:
        self._ended.add(result.key)
        run, facts = self._runs[result.key], result.facts
        responses = self._plan.subject.responses.values()
        self._print(RunEnded.model_validate({
            "run_key": run.key, "variant": run.variant, "levels": run.cell, "seed": run.seed,
            "outcome": result.outcome,
            "responses": {response.name: response.of(result.trace) for response in responses},
            "seconds": facts["seconds"], "diverged_step": facts.get("diverged_step"),
            "cause": facts.get("diverged_cause", ""),
        }))  # fmt: skip

    def _fail(self, key: str, why: str) -> None:
        run = self._runs[key]
        self._print(RunEnded(run_key=key, variant=run.variant, levels=run.cell, seed=run.seed,
                             outcome="failed", responses={}, seconds=nan, diverged_step=None,
                             cause=why.strip()))  # fmt: skip

    def _show(self, task: Task, record: Record) -> None:
        now = time.monotonic()
        if now - self._printed > EVERY:
            self._printed = now
            self._print(TrainingProgress(
                seconds=now - self._began, ended=len(self._ended), runs=self._count,
                stack=title(task.stack), step=record.step + 1, steps=task.stack.fields.steps,
                loss=record.values[LOSS],
            ))  # fmt: skip

    def _print(self, document: Document) -> None:
        if self._emit:
            self._emit(document)
