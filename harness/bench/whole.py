"""Whole commands: how long they take and how much memory, in a directory of their own."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.bench import ways
from harness.bench.rows import Row
from harness.bench.timing import Measured, side_by_side
from harness.corpus import Corpus
from harness.errors import UserError
from harness.plan import Cohort, expand, stack
from harness.study import Study, load_study
from harness.trainer import Training

ABLATE = Path(sys.executable).parent / "ablate"
POLL = 0.2  # seconds between two looks at the memory of a command and its workers

GRID = """
question = "How fast are many short runs?"
seeds = {seeds}
[fixed]
steps = {steps}
[factors]
norm = ["none", "batch"]
init = ["naive", "kaiming"]
[baseline]
norm = "batch"
init = "kaiming"
"""


@dataclass(frozen=True)
class Command:
    """A command that has run.

    Attributes:
        seconds: from start to end.
        coordinator, worker: the most memory that it, and the largest of its workers, held, MB;
            0 where the system does not tell.
    """

    seconds: float
    coordinator: float
    worker: float


class Bench:
    """A directory in which commands are run on some data."""

    def __init__(self, folder: Path, corpus: Corpus) -> None:
        self.folder, self.corpus = folder, corpus
        self.data = folder / "words.txt"
        self.data.write_text("\n".join(corpus.words), encoding="utf-8")

    def run(self, *words: str) -> Command:
        """Run `ablate` with these words.

        Raises:
            UserError: it fails.
        """
        environment = {**os.environ, "ABLATE_DATA": str(self.data)}
        environment.pop("MLFLOW_TRACKING_URI", None)
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own command
            [ABLATE, *words], cwd=self.folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            peaks: dict[int, float] = {}
            watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
            watcher.start()
            output, _ = process.communicate()
            watcher.join()
        if process.returncode:
            raise UserError(
                "every command of the benchmark must succeed",
                f"ablate {' '.join(words)}: {output}",
                "Mend what it says, and start again.",
            )  # fmt: skip
        workers = [peak for pid, peak in peaks.items() if pid != process.pid]
        return Command(
            time.perf_counter() - began, peaks.get(process.pid, 0.0), max(workers, default=0.0)
        )


def _watch(process: "subprocess.Popen[str]", peaks: dict[int, float]) -> None:
    """Keep the highest memory of a process and its children, as Linux tells it."""
    while process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        pids = [process.pid, *map(int, children.read_text().split())] if children.exists() else []
        for pid in pids:
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except OSError:
                continue
            for line in lines:
                if line.startswith("VmHWM:"):
                    peaks[pid] = max(peaks.get(pid, 0.0), int(line.split()[1]) / 1024)
        time.sleep(POLL)


def whole_rows(corpus: Corpus, say: Callable[[str], None]) -> Iterator[Row]:
    """What people wait for: `core`, its repetition, many short runs, plans and help.

    Args:
        corpus: what is trained on.
        say: told what is being done.
    """
    with tempfile.TemporaryDirectory(prefix="ablate-bench-") as folder:
        bench = Bench(Path(folder), corpus)
        yield from _core_rows(bench, say)
        yield from _many_rows(bench, say)
    say("steps late in a long run")
    yield Row("a step at 100,000 over one at 1,000", late_over_early(corpus), "×", 1.1)


def _core_rows(bench: Bench, say: Callable[[str], None]) -> Iterator[Row]:
    say("ablate --help")
    times = tuple(bench.run("--help").seconds for _ in range(5))
    yield Row("ablate --help", Measured(times), "s", 0.3)
    say("core, in full")
    trained = bench.run("run", "core")
    bench.run("report", "core")
    say("core, once more")
    again = bench.run("run", "core").seconds + bench.run("report", "core").seconds
    say("core's steps alone, and the textbook loop's")
    workers = os.cpu_count() or 1
    runs = expand(load_study("core"), bench.corpus.digest)
    pure, loop = _steps_alone(stack(runs, workers))
    yield Row("core: wall time", _once(trained.seconds), "s")
    yield Row("core: the textbook loop on one core over its wall time",
              _once(loop / trained.seconds), "×", 14, 22, at_least=True)  # fmt: skip
    yield Row("core: share of all but steps (start, evaluation, probes, records, tracking)",
              _once(100 * (1 - pure / workers / trained.seconds)), "%", 8, 4)  # fmt: skip
    yield Row("core, nothing to train, report unchanged", _once(again), "s", 8)


def _steps_alone(cohorts: list[Cohort]) -> tuple[float, float]:
    """Seconds on one core that the steps take: stacked, and by the lecture's loop."""
    torch.set_num_threads(1)
    pure = loop = 0.0
    known: dict[tuple[object, ...], tuple[float, float]] = {}
    for cohort in cohorts:
        fields, members = cohort.fields, len(cohort.runs)
        if (fields.shape, members) not in known:
            stacked, textbook = side_by_side(
                [ways.stacked(fields, members), ways.textbook(fields)], 3
            )
            known[fields.shape, members] = stacked.median, textbook.median
        step, slow = known[fields.shape, members]
        pure += step * fields.steps
        loop += slow * fields.steps * members
    return pure, loop


def _many_rows(bench: Bench, say: Callable[[str], None]) -> Iterator[Row]:
    say("a thousand short runs")
    (bench.folder / "many.toml").write_text(GRID.format(seeds=250, steps=200))
    (bench.folder / "plan.toml").write_text(GRID.format(seeds=2500, steps=200))
    trained = bench.run("run", "many.toml")
    reported = bench.run("report", "many.toml")
    yield Row("1,000 runs of 200 steps with their report",
              _once(trained.seconds + reported.seconds), "s", 240)  # fmt: skip
    for who, peak in (("coordinator", trained.coordinator), ("worker", trained.worker)):
        if peak:
            yield Row(f"peak memory of a {who} at 1,000 runs", _once(peak), "MB", 700)
    say("a plan of 10,000 runs")
    times = tuple(bench.run("plan", "plan.toml").seconds for _ in range(3))
    yield Row("ablate plan for 10,000 runs", Measured(times), "s", 3)


def late_over_early(corpus: Corpus) -> Measured:
    """What a step costs late in a long run over what it costs early on."""
    study = Study.model_validate(
        {"question": "?", "seeds": 2, "factors": {"depth": [1]}, "baseline": {"depth": 1},
         "fixed": {"steps": 102_000, "width": 20}}
    )  # fmt: skip
    torch.set_num_threads(1)
    with torch.no_grad():
        training = Training(expand(study, corpus.digest), corpus)
        _advance(training, 500)
        early = _advance(training, 1_500)
        _advance(training, 99_500)
        return _once(_advance(training, 100_500) / early)


def _advance(training: Training, step: int) -> float:
    """Train up to a step; returns the seconds a step."""
    began, first = time.perf_counter(), training.step
    while training.step < step:
        for _ in training.advance():
            pass
    return (time.perf_counter() - began) / (step - first)


def _once(value: float) -> Measured:
    return Measured((value,))
