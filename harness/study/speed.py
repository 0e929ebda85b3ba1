"""How long a study will take on this machine: from what was measured on it last."""

import json
from collections.abc import Sequence
from pathlib import Path

from harness.files import write_atomically
from harness.study.plan import Costs, Stack

DEFAULT_RATE = 3.5e-5  # worker-seconds per million multiplications, where nothing is measured yet
LEAST_WORK = 1e6  # millions of multiplications; less is loading and compiling rather than training


def _file(root: Path) -> Path:
    return root / ".ablate" / "speed.json"


def record_speed(seconds: float, work: float, root: Path | None = None) -> None:
    """Keep what some work took, for the next estimate; too little work is not kept.

    Args:
        seconds: of worker time.
        work: in millions of multiplications.
        root: the working directory, if it is another.
    """
    if work >= LEAST_WORK:
        payload = json.dumps({"seconds_per_million": seconds / work})
        write_atomically(_file(root or Path.cwd()), payload.encode())


def expected_seconds(
    stacks: Sequence[Stack], costs: Costs, workers: int, root: Path | None = None
) -> tuple[float, bool]:
    """How long training these stacks takes, and whether this machine was ever measured.

    The costliest stack goes first to the idlest worker, as the engine does it.
    """
    try:
        rate = float(json.loads(_file(root or Path.cwd()).read_text())["seconds_per_million"])
        measured = True
    except (OSError, ValueError, KeyError, TypeError):
        rate, measured = DEFAULT_RATE, False
    loads = [0.0] * workers
    for stack in stacks:
        loads[loads.index(min(loads))] += costs.of_runs(stack.runs)
    return max(loads) * rate, measured


def format_duration(seconds: float) -> str:
    """A time span for people: "40 s", "3 min", "2.5 h".

    >>> format_duration(200)
    '3 min'
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
