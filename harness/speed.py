"""How long a study will take on this machine: from what was measured on it last."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from harness.files import write_atomically
from harness.plan import Cohort, Run, cohort_cost, step_cost

TYPICAL = 3.5e-5  # worker-seconds per million multiplications, where nothing is measured yet
LEAST = 1e6  # millions of multiplications; less says more of loading and compiling than of training
WARM_UP, TIMED = 20, 200  # steps of a calibration


def _file(root: Path) -> Path:
    return root / ".ablate" / "speed.json"


def work(runs: Sequence[Run]) -> float:
    """Multiplications of the runs' matrix products, in millions."""
    return sum(step_cost(run.fields) * run.fields.steps for run in runs)


def tells(runs: Sequence[Run]) -> bool:
    """Whether these runs were work enough to tell this machine's speed."""
    return work(runs) >= LEAST


def remember(seconds: float, runs: Sequence[Run], root: Path | None = None) -> None:
    """Keep what training these runs took, for the next estimate.

    Args:
        seconds: of worker time, summed over the runs.
        runs: which were trained from start to end.
        root: the working directory, if it is another.
    """
    payload = json.dumps({"seconds_per_million": seconds / work(runs)})
    write_atomically(_file(root or Path.cwd()), payload.encode())


def expected_seconds(
    cohorts: Sequence[Cohort], workers: int, root: Path | None = None
) -> tuple[float, bool]:
    """How long training these cohorts takes, and whether this machine was ever measured.

    The costliest cohort goes first to the idlest worker, as the engine has it.
    """
    try:
        rate = float(json.loads(_file(root or Path.cwd()).read_text())["seconds_per_million"])
        measured = True
    except (OSError, ValueError, KeyError):
        rate, measured = TYPICAL, False
    loads = [0.0] * workers
    for cohort in cohorts:
        loads[loads.index(min(loads))] += cohort_cost(cohort)
    return max(loads) * rate, measured


def calibrate(runs: Sequence[Run], vocabulary: int) -> float:
    """What training these runs will take, from a few hundred steps of them stacked.

    Returns:
        Worker-seconds for the runs' whole length.
    """
    import numpy as np
    import torch

    from harness.network import MLP
    from harness.stack import Stack

    torch.set_num_threads(1)
    fields = runs[0].fields
    networks = [MLP.initial(run.fields, run.seed, vocabulary) for run in runs]
    with torch.no_grad():
        stack = Stack(networks, fields)
        numbers = np.random.default_rng(0)
        x = numbers.integers(0, vocabulary, (len(runs), fields.batch, fields.context))
        y = numbers.integers(0, vocabulary, (len(runs), fields.batch))
        lr = np.full(len(runs), 1e-3)
        for step in range(WARM_UP + TIMED):
            if step == WARM_UP:
                began = time.perf_counter()
            stack.gradient(x, y, lr)
            stack.sound()
            stack.update()
    return (time.perf_counter() - began) / TIMED * fields.steps


def duration(seconds: float) -> str:
    """A time span for people: "40 s", "3 min", "2.5 h".

    >>> duration(200)
    '3 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
