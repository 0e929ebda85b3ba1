"""The whole flow, to be read first: runs become cohorts, are trained, and are tracked one by one.

A study (`study.py`) is expanded to runs and stacked to cohorts (`plan.py`); an engine (`engine/`)
has trainers (`trainer.py`) train them; what these yield (`records.py`) goes to the store
(`tracking/`), by way of the disk where it must not be lost (`workspace.py`). A report
(`report/`) is made of the store alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.corpus import Corpus
from harness.delivery import Delivery
from harness.engine import Ended, Engine, Task
from harness.plan import Cohort, Run, stack
from harness.records import Checkpoint, Event, Outcome, Record, Result
from harness.tracking.tracker import Tracker
from harness.workspace import Workspace, cohort_name


class Watch(Protocol):
    """Shows people how a study goes."""

    def plan(self, tasks: Sequence[Task]) -> None:
        """What will be trained."""

    def follow(self, task: Task, event: object) -> None:
        """What has just happened."""


@dataclass(frozen=True)
class Tally:
    """How a study's session ended.

    Attributes:
        trained: runs that ended in this session, diverged ones among them.
        diverged: whether there are such.
        failed: runs that could not be trained, each with the reason.
        undelivered: runs that have ended, but not yet in the store: their results wait on disk.
        interrupted: whether it was stopped.
        seconds: of worker time that the trained runs took.
    """

    trained: tuple[Run, ...]
    diverged: bool
    failed: dict[str, str]
    undelivered: int
    interrupted: bool
    seconds: float


def run_study(
    runs: Sequence[Run], corpus: Corpus, tracker: Tracker, workspace: Workspace,
    engine: Engine, workers: int, watch: Watch, stopping: Callable[[], bool],
) -> Tally:  # fmt: skip
    """Train what is missing of a study, and track it.

    Args:
        runs: the study's whole grid.
        corpus: what they are trained on.
        tracker: the study's side of the store.
        workspace: where checkpoints and results wait.
        engine: has cohorts trained.
        workers: how many it has, to make as many stacks.
        watch: shows how it goes.
        stopping: asked again and again; when it says so, everything is saved and the work ends.
    """

    def pulse() -> bool:
        tracker.tick()  # however seldom there is news of the training
        delivery.attempt()
        return stopping()

    delivery = Delivery(tracker, workspace, runs, stopping)
    missing = [run for run in runs if not delivery.has(run.key)]
    tasks = begun(missing, workspace, delivery)
    fresh = {run.key for run in missing} - {run.key for t in tasks for run in t.cohort.runs}
    for cohort in stack([run for run in missing if run.key in fresh], workers):
        tasks.append(Task(cohort_name(cohort.runs), cohort))
    if tasks:
        watch.plan(tasks)
    failed: dict[str, str] = {}
    outcomes: dict[str, Outcome] = {}
    seconds = 0.0
    for task, event in engine(tasks, corpus, pulse) if tasks else ():
        if isinstance(event, Result):
            outcomes[event.key] = event.outcome
            seconds += float(event.facts["seconds"])
        failed |= track(task, event, tracker, workspace, delivery)
        watch.follow(task, event)
    delivery.insist()
    return Tally(
        tuple(run for run in missing if run.key in outcomes), "diverged" in outcomes.values(),
        failed, len(delivery.waiting), stopping(), seconds,
    )  # fmt: skip


def track(
    task: Task, event: Event | Ended, tracker: Tracker, workspace: Workspace, delivery: Delivery
) -> dict[str, str]:
    """Keep one event where it belongs; returns the runs that failed by it, with the reason."""
    match event:
        case Record():
            tracker.write(event)
        case Checkpoint():
            workspace.save_checkpoint(task.name, event)
        case Result():
            delivery.accept(event)
        case Ended(failure=None):
            workspace.drop_checkpoint(task.name)
        case Ended(failure=str(why)):
            lost = [run for run in task.cohort.runs if not delivery.has(run.key)]
            for run in lost:
                delivery.give_up(run, why)
            return {run.key: why for run in lost}
    return {}


def begun(missing: Sequence[Run], workspace: Workspace, delivery: Delivery) -> list[Task]:
    """Tasks for missing runs that an earlier session left a checkpoint of, the furthest first.

    A checkpoint whose runs have all ended, because its session was killed right then, is dropped.
    """
    tasks = []
    wanted = {run.key: run for run in missing}
    for name, checkpoint in sorted(workspace.checkpoints(), key=lambda item: -item[1].step):
        runs = [wanted.pop(key) for key in checkpoint.keys if key in wanted]
        if all(delivery.has(key) for key in checkpoint.keys):
            workspace.drop_checkpoint(name)
        if runs:
            tasks.append(Task(name, Cohort(tuple(runs)), checkpoint))
    return tasks
