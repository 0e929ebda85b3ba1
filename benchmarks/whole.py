"""Whole studies: how long they take and how much memory, in a directory of their own."""

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import torch

from benchmarks import ways
from benchmarks.command import Bench
from benchmarks.rows import Row
from benchmarks.timing import Measured, side_by_side
from harness.study.files import load_study
from harness.study.plan import Costs, Run, Stack, expand, make_stacks
from harness.study.study import Study
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus
from harness.training.trainer import Training

SHORT = 300  # steps of a run that is trained for what is measured of it

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


def whole_rows(corpus: Corpus, say: Callable[[str], None]) -> Iterator[Row]:
    """What people wait for: `core`, its repetition, many short runs, plans and help.

    Args:
        corpus: what is trained on.
        say: prints what is being done.
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
    workers = os.cpu_count() or 1
    runs = expand(load_study("core"), bench.corpus.digest)
    stacks = make_stacks(runs, Costs(SUBJECT, bench.corpus), workers)
    say("core's measuring alone, and the textbook loop's steps")
    before = _alone(stacks, bench.corpus)
    say("a first study, for which the store is made")
    (bench.folder / "first.toml").write_text(GRID.format(seeds=1, steps=20))
    first = bench.run("run", "first.toml")
    say("core, in full")
    trained = bench.run("run", "core")
    say("the same alone once more")
    after = _alone(stacks, bench.corpus)
    # The machine may be faster before than after the commands.
    measuring, loop = (mean(pair) for pair in zip(before, after, strict=True))
    bench.run("report", "core")
    say("core, once more")
    again = bench.run("run", "core", "--report")
    idle = bench.run("run", "core")
    compute = trained.seconds - idle.seconds
    tracking = trained.busy - idle.busy
    available = workers * trained.seconds
    yield Row("four runs of 20 steps, and the store made for them", _once(first.seconds), "s")
    yield Row("core in a store that is there: wall time", _once(trained.seconds), "s")
    yield Row("core: the textbook loop on one core over its compute part",
              _once(loop / compute), "×", 14, 22, at_least=True)  # fmt: skip
    yield Row("core: evaluation, probes and records of its time",
              _once(100 * measuring / available), "%")  # fmt: skip
    yield Row("core: tracking of its time", _once(100 * tracking / available), "%")
    yield Row("core: evaluation, probes, records and tracking together",
              _once(100 * (measuring + tracking) / available), "%", 8, 4)  # fmt: skip
    yield Row("core, nothing to train, report unchanged", _once(again.seconds), "s", 8)


def _alone(stacks: list[Stack], corpus: Corpus) -> tuple[float, float]:
    """Seconds on one core for all that is measured of these, and for the lecture's loop's steps.

    A run is measured equally often however many its steps are, so short ones suffice: measuring
    costs what they take longer than the same steps without it.
    """
    torch.set_num_threads(1)
    measuring = loop = 0.0
    known: dict[tuple[object, ...], tuple[float, float]] = {}
    for stack in stacks:
        fields, members = stack.fields, len(stack.runs)
        if (fields.shape, members) not in known:
            short = [_shortened(run) for run in stack.runs]
            _seconds(short, corpus, measuring=True)  # loads the kernels
            extra = [
                _seconds(short, corpus, measuring=True) - _seconds(short, corpus, measuring=False)
                for _ in range(3)
            ]
            (textbook,) = side_by_side([ways.textbook(fields)], 3)
            known[fields.shape, members] = median(extra), textbook.median
        extra_seconds, slow = known[fields.shape, members]
        measuring += extra_seconds
        loop += slow * fields.steps * members
    return measuring, loop


def _seconds(runs: Sequence[Run], corpus: Corpus, *, measuring: bool) -> float:
    """What the steps of these take, with all that is measured on them or without."""
    training = Training(runs, SUBJECT, corpus)
    if not measuring:
        never = replace(training.schedule, probes=frozenset(), evaluations=frozenset())
        training.schedule = never
    began = time.perf_counter()
    while training.step < SHORT:
        deque(training.advance(), maxlen=0)
    return time.perf_counter() - began


def _shortened(run: Run) -> Run:
    fields = run.fields.model_copy(update={"steps": SHORT})
    return replace(run, fields=fields)


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
    """What a step costs late in a long run over what it costs early on, two runs taking turns."""
    study = Study.model_validate(
        {"question": "?", "seeds": 2, "factors": {"depth": [1]}, "baseline": {"depth": 1},
         "fixed": {"steps": 102_000, "width": 20}}
    )  # fmt: skip
    torch.set_num_threads(1)
    early, late = (Training(expand(study, corpus.digest), SUBJECT, corpus) for _ in range(2))
    _advance(early, 500)
    _advance(late, 99_500)
    turns = [(_advance(early, 100), _advance(late, 100)) for _ in range(10)]
    return Measured(tuple(slow / quick for quick, slow in turns))


def _advance(training: Training, steps: int) -> float:
    """Train so many steps more; returns the seconds that they took."""
    began, end = time.perf_counter(), training.step + steps
    while training.step < end:
        deque(training.advance(), maxlen=0)
    return time.perf_counter() - began


def _once(value: float) -> Measured:
    return Measured((value,))
