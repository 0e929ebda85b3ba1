"""One session of a study: from the words of the command line to an exit code."""

import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console

from harness.corpus import Corpus, load_corpus
from harness.corpus.facts import corpus_facts
from harness.engine.local import LocalEngine
from harness.errors import UserError
from harness.flow import Tally, run_study
from harness.plan import Run, expand
from harness.progress import Bars, Lines
from harness.speed import remember
from harness.study import LARGEST_GRID, Study, load_study
from harness.tracking import Tracker, Unreachable, redacted, tracking_uri
from harness.workspace import Workspace

DONE, FAILED, INTERRUPTED = 0, 1, 130  # exit codes


def resolve(
    study: str, steps: int | None, seeds: tuple[int, ...] | None, data: str | None
) -> tuple[Study, Corpus, list[Run]]:
    """The study with what the command line changes of it, its data, and its whole grid.

    Raises:
        UserError: one of them cannot be used.
    """
    resolved = load_study(study).override(steps=steps, seeds=seeds)
    corpus = load_corpus(data)
    return resolved, corpus, expand(resolved, corpus.digest)


def run_session(
    uri: str | None, name: str, *, workers: int, yes: bool, steps: int | None,
    seeds: tuple[int, ...] | None, data: str | None,
) -> int:  # fmt: skip
    """Train what is missing of a study; returns the exit code.

    Raises:
        UserError: a mistake that the user can mend; nothing was trained then.
    """
    console = Console(stderr=False, highlight=False)
    study, corpus, runs = resolve(name, steps, seeds, data)
    if len(runs) > LARGEST_GRID and not yes:
        raise UserError(
            f"a grid of more than {LARGEST_GRID:,} runs needs --yes", f"{len(runs):,} runs",
            "Take out levels or seeds, or add --yes.",
        )  # fmt: skip
    store = tracking_uri(uri)
    workspace = Workspace.of(study.name, store)
    console.print(f"{study.name}: {study.question}", markup=False, soft_wrap=True)
    console.print(f"data: {corpus.name}, {len(corpus.words):,} items; store: {redacted(store)}",
                  markup=False)  # fmt: skip
    with workspace.locked(), stop_signals() as stopping:
        facts = corpus_facts(corpus, runs[0].fields.context)
        try:
            tracker = Tracker.open(uri, study, facts, runs=runs, session=uuid.uuid4().hex[:8])
        except Unreachable as error:
            raise UserError(
                "the tracking server must answer before a study begins", str(error),
                "Start it, or leave --tracking-uri out to use a local store.",
            ) from None  # fmt: skip
        with tracker, (Bars if console.is_terminal else Lines)(console, workers) as watch:
            tally = run_study(
                runs, corpus, tracker, workspace, LocalEngine(workers), workers, watch, stopping
            )
            tracker.close("interrupted" if tally.interrupted else
                          "failed" if tally.failed else "finished")  # fmt: skip
    if tally.trained:
        remember(tally.seconds, tally.trained)
    return conclude(tally, len(runs), console)


def conclude(tally: Tally, runs: int, console: Console) -> int:
    """Say how a session ended; returns the exit code."""
    for why in sorted(set(tally.failed.values())):
        count = list(tally.failed.values()).count(why)
        console.print(f"{count} runs failed: {why.strip().splitlines()[-1]}", markup=False)
    if tally.undelivered:
        console.print(
            f"{tally.undelivered} results wait on disk for the tracking server; "
            "the same command delivers them."
        )
    if tally.interrupted:
        console.print("interrupted; all is saved, and the same command goes on from here.")
        return INTERRUPTED
    if tally.failed or tally.undelivered:
        return FAILED
    console.print(
        f"all {runs} runs have ended" + (f", {len(tally.trained)} of them now." if tally.trained
        else " already; nothing to train.")
    )  # fmt: skip
    return DONE


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """While this is held, Ctrl-C and SIGTERM only set what the yielded function tells."""
    stopped = []

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signals' form
        stopped.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(stopped)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
