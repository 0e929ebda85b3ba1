"""How long a study will take on this machine: from what was measured on it last."""

import json
from collections.abc import Sequence
from pathlib import Path

from harness.files import read_json, write_atomically
from harness.study.plan import Costs, Stack

DEFAULT_RATE = 3.5e-5  # worker-seconds per million multiplications, where nothing is measured yet
LEAST_SECONDS = 20.0  # of worker time, as measured and as guessed; less is loading and compiling


def _file(root: Path) -> Path:
    return root / ".ablate" / "speed.json"


def record_speed(subject: str, seconds: float, work: float, root: Path | None = None) -> None:
    """Keep what some work took, for the next estimate; too little is not kept.

    Args:
        subject: whose runs were trained: each has a rate of its own.
        seconds: of worker time.
        work: in millions of multiplications.
        root: the working directory, if it is another.
    """
    if min(seconds, work * DEFAULT_RATE) >= LEAST_SECONDS:
        file = _file(root or Path.cwd())
        payload = json.dumps({**_rates(file), subject: seconds / work})
        write_atomically(file, payload.encode())


def _rates(file: Path) -> dict[str, float]:
    """Worker-seconds per million multiplications by subject, as far as they were measured."""
    try:
        return {str(name): float(rate) for name, rate in read_json(file).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def expected_seconds(
    stacks: Sequence[Stack], costs: Costs, workers: int, root: Path | None = None
) -> tuple[float, bool]:
    """How long training these stacks takes, and whether their subject was ever measured here.

    The costliest stack goes first to the idlest worker, as the engine does it.
    """
    rate = _rates(_file(root or Path.cwd())).get(costs.subject)
    loads = [0.0] * workers
    for stack in stacks:
        loads[loads.index(min(loads))] += costs.of_runs(stack.runs)
    return max(loads) * (DEFAULT_RATE if rate is None else rate), rate is not None


def format_duration(seconds: float) -> str:
    """A time span for people: "40 s", "3 min", "2.5 h".

    >>> format_duration(200)
    '3 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
