"""A study with looks on the command line: trained look by look, and only as far as needed."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

import harness.cli.session
from harness.cli import ablate
from harness.cli.signals import CONTINUE
from harness.engines import Task, TaskDone, TaskEvent
from harness.errors import UserError
from harness.store.uri import sqlite_uri
from harness.subjects.subject import Data, Subject
from tests.store.conftest import template
from tests.support import commands
from tests.support.inprocess import InlineEngine
from tests.support.stores import children

pytestmark = pytest.mark.usefixtures("few_figures")

__all__ = ["template"]

STUDY = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = { looks = [2, 3, 5] }
[fixed]
steps = 300
batch = 8
[factors]
intercept = [false, true]
lr = [0.1, 0.3]
[baseline]
intercept = true
lr = 0.1
[[claims]]
id = "intercept-helps"
says = "An intercept lowers the error"
kind = "difference"
factor = "intercept"
level = true
versus = false
over = "every"
"""
OPEN = """
[[claims]]
id = "order-matters"
says = "The order of the minibatches costs more than a thousandth"
kind = "threshold"
above = {bound}
where = {{ intercept = true, lr = 0.3 }}
"""
LATER = "intercept true, lr 0.3"


class Engine(InlineEngine):
    """Counts what it trains, and does something before and after each call.

    Args:
        before, after: told the number of the call, from 1.
    """

    def __init__(
        self,
        trained: list[tuple[str, int]],
        before: Callable[[int], None] = lambda _: None,
        after: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._trained, self._before, self._after, self._calls = trained, before, after, 0

    def __call__(
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
    ) -> Iterator[TaskEvent]:
        self._calls += 1
        self._before(self._calls)
        for task, event in super().__call__(tasks, subject, data, stopping):
            if isinstance(event, TaskDone):
                self._trained += [(run.variant, run.seed) for run in task.stack.runs]
            yield task, event
        self._after(self._calls)


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an empty store."""
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "ABLATE_DATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Variant and seed of every run that a session of the test trains."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: Engine(found))
    return found


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(ablate, arguments, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def lines(output: str) -> list[str]:
    """What was said of looks and runs."""
    begins = ("look", "next", "all", "training")
    return [
        line.split(" in ")[0] for line in output.splitlines()
        if line.startswith(begins) or "not needed" in line or "seeds have ended" in line
    ]  # fmt: skip


def write(folder: Path, bound: float | None = None) -> None:
    claims = "" if bound is None else OPEN.format(bound=bound)
    (folder / "lines.toml").write_text(STUDY + claims)


def progress(folder: Path) -> str:
    client = MlflowClient(sqlite_uri(folder / "mlflow.db"))
    (experiment,) = client.search_experiments(filter_string="name = 'lines'")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.`ablate.kind` = 'study'")
    return str(parent.data.tags["progress"])


@pytest.fixture
def undecided(
    place: Path, trained: list[tuple[str, int]], template: Path, monkeypatch: pytest.MonkeyPatch
) -> float:
    """A bound that the error of one variant is neither shown to be above nor below."""
    other = place / "other"
    other.mkdir()
    shutil.copy(template, other / "mlflow.db")
    write(other)
    with monkeypatch.context() as patched:
        patched.chdir(other)
        call("run", "lines.toml", "--seeds", "2")
    values = [
        float(run.data.metrics["final/error"])
        for run in children(sqlite_uri(other / "mlflow.db"), "lines")
        if run.data.tags["variant"] == LATER
    ]
    assert len(values) == 2
    trained.clear()
    return sum(values) / 2


def test_a_study_whose_claims_are_settled_stops_at_the_first_look(
    place: Path, trained: list[tuple[str, int]]
) -> None:
    write(place)
    planned = call("plan", "lines.toml")
    assert "4 variants × 5 seeds = at most 20 runs, 0 of them ended" in planned
    assert "looks at 2, 3, 5 seeds: 8 runs until the first look, at most 20 in total" in planned
    assert "to train until the next look: 8 runs" in planned
    output = call("run", "lines.toml", "--report")
    assert lines(output) == [
        "next: seeds 1-2 of all 4 variants",
        "training 8 runs",
        "look at 2 seeds: 1 of 1 claims is settled",
        "12 of 20 runs were not needed",
        "all 8 runs have ended, 8 of them now.",
    ]
    assert {seed for _, seed in trained} == {1, 2}
    assert progress(place) == "8 of 8 runs"
    page = (place / "reports" / "lines" / "report.md").read_text()
    assert "8 of 8 runs ended: 4 variants, 2 seeds." in page
    assert "Seeds 3-5: not needed, because all claims were settled with 2 seeds." in page
    assert "SUPPORTED" in page
    assert "Audit passed" in page
    assert "exploratory: seeds" not in page
    again = call("run", "lines.toml")
    assert lines(again) == [
        "look at 2 seeds: 1 of 1 claims is settled",
        "12 of 20 runs were not needed",
        "all 8 runs have ended already; nothing to train.",
    ]
    assert len(trained) == 8
    planned = call("plan", "lines.toml")
    assert "not needed, because all claims were settled with 2 seeds" in planned
    assert planned.endswith("nothing to train\n")


def test_only_the_cells_of_unsettled_claims_are_trained_on(
    place: Path, trained: list[tuple[str, int]], undecided: float
) -> None:
    write(place, undecided)
    output = call("run", "lines.toml", "--report")
    assert lines(output) == [
        "next: seeds 1-2 of all 4 variants",
        "training 8 runs",
        "look at 2 seeds: 1 of 2 claims is settled; not settled: order-matters",
        "next: seed 3 of 1 of 4 variants, those that unsettled claims need",
        "training 1 run",
        "look at 3 seeds: 1 of 2 claims is settled; not settled: order-matters",
        "next: seeds 4-5 of 1 of 4 variants, those that unsettled claims need",
        "training 2 runs",
        "look at 5 seeds: 1 of 2 claims is settled; not settled: order-matters",
        "9 of 20 runs were not needed",
        "all 11 runs have ended, 11 of them now.",
    ]
    assert sorted(trained[8:]) == [(LATER, 3), (LATER, 4), (LATER, 5)]
    page = (place / "reports" / "lines" / "report.md").read_text()
    assert "11 of 11 runs ended: 4 variants, 5 seeds." in page
    assert "Seed 3: trained only for 1 of 4 variants, those that unsettled claims need." in page
    assert "4 variants × at most 5 seeds" in page
    assert "| not needed so far | 9 |" in page
    assert "| missing | 0 |" in page
    assert "missing or without" not in page


def test_seeds_on_the_command_line_end_at_a_look_or_between_two(
    place: Path, trained: list[tuple[str, int]], undecided: float
) -> None:
    write(place, undecided)
    assert lines(call("run", "lines.toml", "--seeds", "2"))[-2:] == [
        "look at 2 seeds: 1 of 2 claims is settled; not settled: order-matters",
        "all 8 runs have ended, 8 of them now.",
    ]
    assert lines(call("run", "lines.toml", "--seeds", "4"))[-3:] == [
        "4 seeds have ended; the study looks at 2, 3, 5 seeds only",
        "6 of 16 runs were not needed",
        "all 10 runs have ended, 2 of them now.",
    ]
    call("report", "lines.toml", "--seeds", "4")
    page = (place / "reports" / "lines-seeds-1-4" / "report.md").read_text()
    assert "10 of 10 runs ended: 4 variants, 4 seeds." in page
    assert "All verdicts are exploratory" not in page
    assert lines(call("run", "lines.toml"))[-1] == "all 11 runs have ended, 1 of them now."
    assert len(trained) == len(set(trained)) == 11
    call("report", "lines.toml")
    page = (place / "reports" / "lines" / "report.md").read_text()
    assert "All verdicts are exploratory" not in page


def test_a_study_that_is_interrupted_in_a_look_goes_on_there(
    place: Path, trained: list[tuple[str, int]], undecided: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, undecided)
    with monkeypatch.context() as patched:
        stopped = Engine(trained, before=lambda call: interrupt() if call == 2 else None)
        patched.setattr(harness.cli.session, "LocalEngine", lambda _: stopped)
        output = call("run", "lines.toml", code=130)
    assert output.endswith(f"{CONTINUE}\n")
    assert "next: seed 3" in output
    assert len(trained) == 8
    planned = call("plan", "lines.toml")
    assert "to train until the next look: 1 run in 1 stack" in planned
    assert "8 of them ended" in planned
    call("report", "lines.toml")
    page = (place / "reports" / "lines" / "report.md").read_text()
    assert "8 of 9 runs ended: 4 variants, 3 seeds." in page
    assert "1 of 9 planned runs have not ended: not testable." in page
    output = call("run", "lines.toml")
    assert lines(output)[:2] == [
        "look at 2 seeds: 1 of 2 claims is settled; not settled: order-matters",
        "next: seed 3 of 1 of 4 variants, those that unsettled claims need",
    ]
    assert lines(output)[-1] == "all 11 runs have ended, 3 of them now."
    assert len(trained) == len(set(trained)) == 11
    assert not (place / ".ablate").exists()


def test_a_look_whose_results_still_wait_is_judged_when_they_are_delivered(
    place: Path, trained: list[tuple[str, int]], undecided: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(place, undecided)
    with monkeypatch.context() as patched:
        stopped = Engine(trained, after=lambda _: interrupt())
        patched.setattr(harness.cli.session, "LocalEngine", lambda _: stopped)
        output = call("run", "lines.toml", code=130)
    assert "look at" not in output
    assert len(trained) == 8
    output = call("run", "lines.toml")
    assert "look at 2 seeds: 1 of 2 claims is settled" in output
    assert lines(output)[-1] == "all 11 runs have ended, 3 of them now."
    assert len(trained) == len(set(trained)) == 11
    assert not (place / ".ablate").exists()


def test_a_look_with_failed_runs_is_not_judged(
    place: Path, trained: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(InlineEngine):
        def __call__(
            self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Callable[[], bool]
        ) -> Iterator[TaskEvent]:
            yield tasks[0], TaskDone("its worker died")
            yield from super().__call__(tasks[1:], subject, data, stopping)

    write(place)
    with monkeypatch.context() as patched:
        patched.setattr(harness.cli.session, "LocalEngine", lambda _: Failing())
        output = call("run", "lines.toml", code=1)
    assert output.endswith("2 runs failed: its worker died\n")
    assert "look at" not in output
    assert progress(place) == "6 of 8 runs"
    assert lines(call("run", "lines.toml"))[-3:] == [
        "look at 2 seeds: 1 of 1 claims is settled",
        "12 of 20 runs were not needed",
        "all 8 runs have ended, 2 of them now.",
    ]
    assert len(trained) == 2


def test_a_study_without_claims_or_with_looks_at_any_time_trains_all_seeds(
    place: Path, trained: list[tuple[str, int]]
) -> None:
    (place / "lines.toml").write_text(STUDY[: STUDY.index("[[claims]]")])
    assert lines(call("run", "lines.toml")) == [
        "training 20 runs",
        "all 20 runs have ended, 20 of them now.",
    ]
    looks = 'seeds = { count = 3, looks = "any" }'
    other = STUDY.replace("steps = 300", "steps = 310")  # or its runs would be taken over
    (place / "any.toml").write_text(other.replace("seeds = { looks = [2, 3, 5] }", looks))
    assert lines(call("run", "any.toml"))[-1] == "all 12 runs have ended, 12 of them now."
    call("run", "any.toml", "--seeds", "5")
    assert len(trained) == 40
    call("report", "any.toml", "--seeds", "5")
    page = (place / "reports" / "any-seeds-1-5" / "report.md").read_text()
    assert "20 of 20 runs ended: 4 variants, 5 seeds." in page
    assert "All verdicts are exploratory" not in page


@pytest.mark.service
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_a_ray_cluster_trains_one_look_after_the_other(
    place: Path, undecided: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    write(place, undecided)
    output = commands.ablate(place, "run", "lines.toml", "--engine", "ray", "--workers", "2")
    assert lines(output)[-1] == "all 11 runs have ended, 11 of them now."


def test_no_look_decides_by_a_number_that_was_changed(
    place: Path, trained: list[tuple[str, int]]
) -> None:
    write(place)
    call("run", "lines.toml")
    uri, before = sqlite_uri(place / "mlflow.db"), len(trained)
    run = children(uri, "lines")[0]
    MlflowClient(uri).log_metric(run.info.run_id, "final/error", 9.0, step=1)
    for command in ("plan", "run"):
        with pytest.raises(UserError) as refused:
            call(command, "lines.toml")
        assert str(refused.value) == (
            "claims need runs that have not changed since they ended; received 1 changed run: "
            f"{run.info.run_name}. Train these again: ablate run lines.toml --repair."
        )
    assert len(trained) == before
    call("run", "lines.toml", "--repair")
    assert len(trained) == before + 1
    call("plan", "lines.toml")
