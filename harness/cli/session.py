"""One session of `ablate run`: from a request to an exit code."""

import gc
import os
import shlex
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from harness.cli.events import Events
from harness.cli.progress import Bars, Lines, Together
from harness.cli.signals import CONTINUE, INTERRUPTED, stop_signals
from harness.engines import Engine
from harness.engines.local import LocalEngine
from harness.errors import Locked, Unreachable, UserError, counted
from harness.flow import NOTHING_DONE, SessionSummary, run_study
from harness.store.peek import surely_new
from harness.store.uri import redacted, tracking_uri, without_credentials
from harness.store.workspace import Workspace
from harness.study.plan import Run, one_of_each_level
from harness.study.request import Plan, Request
from harness.study.speed import record_speed
from harness.study.study import Study
from harness.subjects.subject import Subject

if TYPE_CHECKING:
    from harness.cli.documents import Emit
    from harness.store.store import Store
    from harness.store.tracker import Tracker

DONE, FAILED = 0, 1  # exit codes; `signals` has another


@dataclass(frozen=True)
class EngineOptions:
    """Where to train.

    Attributes:
        kind: "local" or "ray".
        address: of a Ray cluster.
        workers: how many; None for what the machine or the cluster has.
    """

    kind: str = "local"
    address: str | None = None
    workers: int | None = None

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """The engine: worker processes of this machine, or a Ray cluster.

        Raises:
            UserError: there is no such cluster.
        """
        if self.kind == "ray":
            from harness.engines.ray import cluster

            with cluster(self.address, self.workers) as engine:
                yield engine
            return
        if self.address:
            raise UserError("--address needs --engine ray", self.address, "Add --engine ray.")
        with closing(LocalEngine(self.workers or os.cpu_count() or 1)) as local:
            yield local


def run_session(
    uri: str | None,
    request: Request,
    options: EngineOptions,
    *,
    any_size: bool = False,
    repair: bool = False,
    emit: "Emit | None" = None,
    typed: Sequence[str] | None = None,
) -> int:
    """Train what is missing of a study; returns the exit code.

    Args:
        uri: the tracking URI, as given by the user.
        request: which study.
        options: where to train.
        any_size: whether a very large grid is trained without asking.
        repair: whether runs whose files are gone or damaged, or that were changed, are missing.
        emit: prints the session's events for programs; None if nobody asked for them.
        typed: the arguments that ask for this session again; default: this command's own.

    Raises:
        UserError: a mistake that the user can fix; nothing was trained then.
    """
    console = Console(stderr=False, highlight=False)
    typed = sys.argv[1:] if typed is None else typed
    plan = request.resolve(any_size=any_size)
    study = plan.study
    with stop_signals() as stopping, options.open() as engine:
        new = surely_new(uri, study.name)
        if new:  # load libraries there while the store is opened here
            engine.prepare(len(plan.runs), plan.subject)
            check_subject(plan, plan.runs)
        store = tracking_uri(uri)
        workspace = Workspace.of(study.name, store)
        for run in {run.fields.shape: run for run in plan.runs}.values():
            plan.data.examples(run.fields, run.seed)  # refuses what the data are too few for
        say(console, f"{study.name}: {study.question}")
        say(console, f"data: {plan.data.name}, {plan.data.size}; store: {redacted(store)}")
        for note in plan.data.notes:
            say(console, note)
        events = Events(emit, plan, engine)
        events.start(redacted(store))
        with workspace.locked():
            done = train_missing(
                uri,
                plan,
                workspace,
                engine,
                console,
                events,
                stopping,
                typed,
                checked=new,
                repair=repair,
            )
    if done is None:
        say(console, CONTINUE)
        events.finish(INTERRUPTED, None, NOTHING_DONE)
        return INTERRUPTED
    tally, needed = done
    if options.kind == "local" and not tally.diverged:
        record_speed(plan.subject.name, tally.seconds, plan.costs.of_runs(tally.trained))
    code = report_outcome(tally, needed, console, typed)
    events.finish(code, needed, tally)
    return code


def train_missing(
    uri: str | None,
    plan: Plan,
    workspace: Workspace,
    engine: Engine,
    console: Console,
    events: Events,
    stopping: Callable[[], bool],
    typed: Sequence[str],
    *,
    checked: bool,
    repair: bool,
) -> tuple[SessionSummary, int] | None:
    """Open the store, and train what it lacks of a study, look by look.

    Before that, a subject that was not `checked` yet is tried. With `repair`, runs that lost files
    or were changed are missing as well.

    Returns:
        How it went, and how many runs the study needs as far as is known; None if it was stopped
        before any training.

    Raises:
        UserError: the store cannot be used, or does not answer.
    """
    from harness.looks import look_by_look
    from harness.store.models import keep_best  # loads MLflow, in the time that workers start

    opened = open_tracker(uri, plan, console, stopping, typed, checked=checked, repair=repair)
    if opened is None:
        return None
    store, tracker = opened
    with tracker:
        introduce(plan.study, store, tracker, engine, console)
        show, tally = Bars if console.is_terminal else Lines, NOTHING_DONE
        for part in look_by_look(plan, store, tracker, partial(say, console)):
            take_over(store, part, tracker, console, events, stopping)
            compiling = plan.subject.preparation()
            with show(console, plan.costs, engine.workers, compiling) as watch:
                watcher = Together(watch, events)
                tally += run_study(part, tracker, workspace, engine, watcher, stopping)
            if not tally.complete:
                break
        if tally.complete:
            keep_best(store, plan.study, plan.data)
        if tally.interrupted:
            tracker.close("interrupted")
        else:
            tracker.close("failed" if tally.failed else "finished")
    return tally, len(tracker.expected)


def open_tracker(
    uri: str | None,
    plan: Plan,
    console: Console,
    stopping: Callable[[], bool],
    typed: Sequence[str],
    *,
    checked: bool,
    repair: bool,
) -> "tuple[Store, Tracker] | None":
    """The store and the writer of a study's runs, after the subject is tried; None if stopped.

    Arguments and errors are those of `train_missing`.
    """
    from harness.store.selection import ended_runs
    from harness.store.store import Store
    from harness.store.tracker import Tracker

    facts = plan.data.facts(plan.runs[0].fields)
    if stopping():  # while MLflow was loading: nothing is stored yet
        return None
    try:
        store = Store.open(uri)
        look_after(store, plan, console, typed, repair=repair)
        if not checked and type(plan.subject).check is not Subject.check:
            ended = ended_runs(store, plan.study.name)
            check_subject(plan, [run for run in plan.runs if run.key not in ended])
        session = uuid.uuid4().hex[:8]
        tracker = Tracker.open(store, plan.study, facts, plan.runs, session=session)
    except Locked:
        raise
    except Unreachable as error:
        if stopping():
            return None
        raise UserError(
            "the tracking server must answer when a study begins",
            str(error),
            "Start it, or leave --tracking-uri out to use a local store.",
        ) from None
    gc.freeze()  # what is loaded stays; not examining it again saves 4 % of the tracking
    return store, tracker


def introduce(
    study: Study, store: "Store", tracker: "Tracker", engine: Engine, console: Console
) -> None:
    """Say what people want to know of the store and the engine before training."""
    from harness.store.remarks import on_changes, other_data

    if store.settle(tracker.experiment_id):
        place = store.artifact_root()
        say(console, f"the store now records {place} for the artifacts of {study.name}")
    for data, count in sorted(tracker.elsewhere.items()):
        say(console, other_data(study, data, count))
    if tracker.changed:
        say(console, on_changes(study.name, tracker.changed))
    if introduction := engine.introduction():
        say(console, introduction)


def take_over(
    store: "Store",
    part: Plan,
    tracker: "Tracker",
    console: Console,
    events: Events,
    stopping: Callable[[], bool],
) -> None:
    """Take over the missing runs that other studies of the store have finished, and say so."""
    from harness.store.takeover import about_taken, finished_elsewhere

    missing = {run.key for run in part.runs} - tracker.ended.keys()
    found = finished_elsewhere(store, part.study.name, part.data.digest, missing)
    for key, other in found.items():
        if stopping():
            break
        with suppress(Unreachable, UserError):  # it is trained then
            tracker.take_over(key, other)
    if taken := {key: run for key, run in found.items() if key in tracker.ended}:
        say(console, about_taken(taken))
        events.take_over(taken)


def look_after(
    store: "Store", plan: Plan, console: Console, typed: Sequence[str], *, repair: bool
) -> None:
    """Have runs that lost files or were changed trained again, or say that there are some."""
    from harness.store.doctor import doubtful, reopen
    from harness.store.remarks import on_doubtful

    name, keys = plan.study.name, {run.key for run in plan.runs}
    if repair:
        for what in reopen(store, name, keys):
            say(console, f"to be retrained: {what}")
    elif found := doubtful(store, name, keys):
        say(console, on_doubtful(found, rerun_command([*typed, "--repair"])))


def check_subject(plan: Plan, runs: Sequence[Run]) -> None:
    """Try a run of each level before a grid is trained.

    Raises:
        UserError: something does not hold.
    """
    for run in one_of_each_level(runs):
        for _ in plan.subject.check(run.fields, plan.data):
            pass


def say(console: Console, text: str) -> None:
    """Print a line as it is."""
    console.print(text, markup=False, soft_wrap=True)


def report_outcome(tally: SessionSummary, runs: int, console: Console, typed: Sequence[str]) -> int:
    """Say how a session ended; returns the exit code."""
    for why in sorted(set(tally.failed.values())):
        count = list(tally.failed.values()).count(why)
        say(console, f"{counted(count, 'run')} failed: {last_of(why)}")
    if tally.interrupted:
        say(console, CONTINUE)
        return INTERRUPTED
    if tally.undelivered:
        waiting = counted(tally.undelivered, "result waits", "results wait")
        why = f" ({tally.obstacle})" if tally.obstacle else ""
        say(
            console,
            f"{waiting} on disk for the store{why}. When it takes results again, deliver with: "
            f"{rerun_command(typed)}",
        )
    if tally.failed or tally.undelivered:
        return FAILED
    trained = len(tally.trained)
    how = f", {trained} of them now." if trained else " already; nothing to train."
    said = f"all {runs:,} runs have ended" if runs > 1 else "the run has ended"
    say(console, f"{said}{how}")
    return DONE


def last_of(why: str) -> str:
    """The end of a traceback in one line: the error, and where it was raised."""
    lines = [line.strip() for line in why.strip().splitlines()]
    places = [line for line in lines if line.startswith("File ")]
    return f"{lines[-1]} ({places[-1]})" if places else lines[-1]


def rerun_command(arguments: Sequence[str]) -> str:
    """The command that continues where this one stopped, without credentials."""
    return shlex.join(["ablate", *map(without_credentials, arguments)])
