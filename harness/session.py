"""One session of a study: from the words of the command line to an exit code."""

import gc
import os
import re
import shlex
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

from harness.corpus import Corpus
from harness.corpus.facts import corpus_facts
from harness.engine import Engine
from harness.engine.local import LocalEngine
from harness.errors import Unreachable, UserError
from harness.interrupt import GO_ON, INTERRUPTED, stop_signals
from harness.plan import Run
from harness.progress import Bars, Lines
from harness.request import resolve
from harness.speed import remember, tells
from harness.study import Study
from harness.tracking.ended import is_new
from harness.tracking.uri import redacted, tracking_uri
from harness.workspace import Workspace

if TYPE_CHECKING:  # they load MLflow
    from harness.flow import Tally
    from harness.tracking.tracker import Tracker

DONE, FAILED = 0, 1  # exit codes; `interrupt` has another
CREDENTIALS = r"(?<=://)[^/]*@|(?<=password=)[^&]*"  # in a URI


def run_session(
    uri: str | None, name: str, *, workers: int | None, yes: bool, steps: int | None,
    seeds: tuple[int, ...] | None, data: str | None, engine: str, address: str | None,
) -> int:  # fmt: skip
    """Train what is missing of a study; returns the exit code.

    Raises:
        UserError: a mistake that the user can mend; nothing was trained then.
    """
    console = Console(stderr=False, highlight=False)
    store = tracking_uri(uri)
    study, corpus, runs = resolve(name, steps, seeds, data, yes)
    workspace = Workspace.of(study.name, store)
    with stop_signals() as stopping, engine_of(engine, address, workers) as team:
        if is_new(uri, study.name):
            team.prepare(len(runs))  # while libraries are loaded and the store is opened here
        for context, words in {(run.fields.context, run.fields.train_words) for run in runs}:
            corpus.splits(context, words)  # refuses what the data are too few for
        console.print(f"{study.name}: {study.question}", markup=False, soft_wrap=True)
        console.print(f"data: {corpus.name}, {len(corpus.words):,} items; store: {redacted(store)}",
                      markup=False)  # fmt: skip
        for note in corpus.notes:
            console.print(note, markup=False, soft_wrap=True)
        with workspace.locked():
            tally = track_missing(uri, study, corpus, runs, workspace, team, console, stopping)
    if tally is None:
        console.print(GO_ON)
        return INTERRUPTED
    if engine == "local" and tells(tally.trained) and not tally.diverged:
        remember(tally.seconds, tally.trained)
    return conclude(tally, len(runs), console)


def track_missing(
    uri: str | None, study: Study, corpus: Corpus, runs: Sequence[Run], workspace: Workspace,
    team: Engine, console: Console, stopping: Callable[[], bool],
) -> "Tally | None":  # fmt: skip
    """Open the store, and train what it lacks of a study; None if it was stopped before that.

    Raises:
        UserError: the store cannot be used, or does not answer.
    """
    from harness.flow import run_study  # these load MLflow, which takes as long as workers to start
    from harness.tracking.models import keep_best
    from harness.tracking.tracker import Tracker

    facts = corpus_facts(corpus, runs[0].fields.context)
    try:
        tracker = Tracker.open(uri, study, facts, runs=runs, session=uuid.uuid4().hex[:8])
    except Unreachable as error:
        if stopping():
            return None
        raise UserError(
            "the tracking server must answer before a study begins", str(error),
            "Start it, or leave --tracking-uri out to use a local store.",
        ) from None  # fmt: skip
    gc.freeze()  # what is loaded stays: not looking it over again saves 4 % of the tracking
    with tracker:
        introduce(console, study, tracker, team)
        workers = team.workers
        with (Bars if console.is_terminal else Lines)(console, workers) as watch:
            tally = run_study(runs, corpus, tracker, workspace, team, workers, watch, stopping)
        if not (tally.interrupted or tally.failed or tally.undelivered):
            keep_best(uri, study, corpus.digest)
        tracker.close("interrupted" if tally.interrupted else
                      "failed" if tally.failed else "finished")  # fmt: skip
    return tally


@contextmanager
def engine_of(kind: str, address: str | None, workers: int | None) -> Iterator[Engine]:
    """The engine asked for: worker processes of this machine, or a Ray cluster.

    Raises:
        UserError: there is no such cluster.
    """
    if kind == "local":
        if address:
            raise UserError("--address names a Ray cluster", address, "Add --engine ray.")
        with closing(LocalEngine(workers or os.cpu_count() or 1)) as engine:
            yield engine
        return
    from harness.engine.ray import cluster

    with cluster(address, workers) as engine:
        yield engine


def introduce(console: Console, study: Study, tracker: "Tracker", team: Engine) -> None:
    """Say what people want to know before training begins."""
    for data, count in sorted(tracker.elsewhere.items()):
        console.print(f"the store holds {count} runs of {study.name} on {data}; they are other "
                      "runs, and reports keep them apart",
                      markup=False, soft_wrap=True)  # fmt: skip
    if introduction := team.introduction():
        console.print(introduction, markup=False, soft_wrap=True)


def conclude(tally: "Tally", runs: int, console: Console) -> int:
    """Say how a session ended; returns the exit code."""
    for why in sorted(set(tally.failed.values())):
        count = list(tally.failed.values()).count(why)
        console.print(f"{count} runs failed: {why.strip().splitlines()[-1]}", markup=False)
    if tally.interrupted:
        console.print(GO_ON)
        return INTERRUPTED
    if tally.undelivered:
        console.print(
            f"{tally.undelivered} results wait on disk for the store; when it answers again, "
            f"this delivers them: {again(sys.argv[1:])}", markup=False, soft_wrap=True,
        )  # fmt: skip
    if tally.failed or tally.undelivered:
        return FAILED
    console.print(
        f"all {runs} runs have ended" + (f", {len(tally.trained)} of them now." if tally.trained
        else " already; nothing to train.")
    )  # fmt: skip
    return DONE


def again(arguments: Sequence[str]) -> str:
    """The command that goes on where this one stopped, without credentials."""
    return shlex.join(["ablate", *(re.sub(CREDENTIALS, "", argument) for argument in arguments)])
