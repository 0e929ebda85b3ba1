"""The main flow; read this first. Runs are grouped into stacks, trained, and stored one by one.

A study (`study/`) is expanded to runs, which are grouped into stacks. An engine (`engines/`) runs
the trainer (`training/`) on each stack, whatever its subject (`subjects/`). The trainer's events go
to the store (`store/`); checkpoints and results are saved to disk first. A report (`report/`) is
made from the store alone, by way of tidy frames (`analysis/`). A study that declares looks comes
here in parts, one a look (`looks.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.engines import Engine, Task, TaskDone
from harness.store.delivery import Delivery, ResultSink
from harness.store.workspace import Workspace
from harness.study.plan import Run, Stack, make_stacks
from harness.study.request import Plan
from harness.subjects.subject import Outcome
from harness.training.records import Checkpoint, Event, Record, Result


class Tracker(ResultSink, Protocol):
    """What the flow needs of the store: the writer of one study's runs."""

    @property
    def ended(self) -> Mapping[str, Outcome]:
        """Outcome by key of every run that is complete in the store."""

    def write(self, record: Record) -> None:
        """Log a record soon, if that is possible."""

    def tick(self) -> None:
        """Log pending records if the rate limit allows it."""


class Progress(Protocol):
    """Shows people how training goes."""

    def plan(self, tasks: Sequence[Task]) -> None:
        """What will be trained."""

    def follow(self, task: Task, event: Event | TaskDone) -> None:
        """What has just happened."""


@dataclass(frozen=True)
class SessionSummary:
    """How a session ended.

    Attributes:
        trained: runs that ended in this session, diverged ones among them.
        diverged: whether any run diverged.
        failed: runs that could not be trained, each with the reason.
        undelivered: runs that have ended but are not in the store yet: their results wait on disk.
        obstacle: why the store does not take them.
        interrupted: whether it was stopped.
        seconds: worker time spent on the trained runs.
    """

    trained: tuple[Run, ...]
    diverged: bool
    failed: dict[str, str]
    undelivered: int
    obstacle: str
    interrupted: bool
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every run that was asked for is in the store."""
        return not (self.interrupted or self.failed or self.undelivered)

    def __add__(self, later: "SessionSummary") -> "SessionSummary":
        """This and what the session did next, as one."""
        return SessionSummary(
            self.trained + later.trained,
            self.diverged or later.diverged,
            self.failed | later.failed,
            later.undelivered,
            later.obstacle,
            later.interrupted,
            self.seconds + later.seconds,
        )


NOTHING_DONE = SessionSummary(
    (), diverged=False, failed={}, undelivered=0, obstacle="", interrupted=False, seconds=0.0
)


def run_study(
    plan: Plan,
    tracker: Tracker,
    workspace: Workspace,
    engine: Engine,
    watch: Progress,
    stopping: Callable[[], bool],
) -> SessionSummary:
    """Train what is missing of a study, or of a part of it, and store it.

    Args:
        plan: the study with its data and its runs; `looks` yields a study with looks in parts.
        tracker: writes the study's runs to the store.
        workspace: where checkpoints and results wait.
        engine: trains stacks.
        watch: shows how it goes.
        stopping: polled; once it is true, everything is saved and the work ends.
    """
    delivery = Delivery(tracker, workspace, plan.runs, stopping)

    def poll() -> bool:
        tracker.tick()  # also when training yields no events
        delivery.poll()
        return stopping()

    missing = [run for run in plan.runs if not delivery.has(run.key)]
    tasks = resumable_tasks(missing, workspace, delivery)
    resumed = {run.key for task in tasks for run in task.stack.runs}
    fresh = [run for run in missing if run.key not in resumed]
    for stack in make_stacks(fresh, plan.costs, engine.workers):
        tasks.append(Task(stack.name, stack))
    if tasks:
        watch.plan(tasks)
    failed: dict[str, str] = {}
    outcomes: dict[str, Outcome] = {}
    seconds = 0.0
    for task, event in engine(tasks, plan.subject, plan.data, poll) if tasks else ():
        match event:
            case Record():
                tracker.write(event)
            case Checkpoint():
                workspace.save_checkpoint(task.name, event)
            case Result():
                delivery.accept(event)
                outcomes[event.key] = event.outcome
                seconds += float(event.facts["seconds"])
            case TaskDone(failure=None):
                workspace.drop_checkpoint(task.name)
            case TaskDone(failure=str(why)):
                for run in task.stack.runs:
                    if not delivery.has(run.key):
                        delivery.give_up(run, why)
                        failed[run.key] = why
        watch.follow(task, event)
    delivery.flush()
    trained = tuple(run for run in missing if run.key in outcomes)
    diverged = "diverged" in outcomes.values()
    return SessionSummary(
        trained, diverged, failed, len(delivery.waiting), delivery.obstacle, stopping(), seconds
    )


def resumable_tasks(missing: Sequence[Run], workspace: Workspace, delivery: Delivery) -> list[Task]:
    """Tasks for missing runs that an earlier session left a checkpoint of, the furthest first.

    A checkpoint whose runs have all ended, because the session was killed before it dropped the
    checkpoint, is dropped now.
    """
    tasks = []
    wanted = {run.key: run for run in missing}
    for name, checkpoint in sorted(workspace.checkpoints(), key=lambda item: -item[1].step):
        runs = [wanted.pop(key) for key in checkpoint.keys if key in wanted]
        if all(delivery.has(key) for key in checkpoint.keys):
            workspace.drop_checkpoint(name)
        if runs:
            tasks.append(Task(name, Stack(tuple(runs)), checkpoint))
    return tasks
