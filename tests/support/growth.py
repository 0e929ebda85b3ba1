"""How much memory a study's processes hold as its runs end."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.support.small_study import start, workers


@dataclass(frozen=True)
class Sample:
    """Memory that a study's processes hold at one moment, in MB that they share with none.

    Attributes:
        ended: how many runs have ended by then.
        coordinator: of the process that was started.
        worker: of its largest worker; 0 where all have ended.
    """

    ended: int
    coordinator: float
    worker: float


def sample_memory(folder: Path, every: float = 0.3) -> list[Sample]:
    """Run the study in a folder, and sample its memory from the first worker on."""
    samples: list[Sample] = []
    process = start(folder, checkpoint_seconds=1.0)
    while process.poll() is None:
        alive = [megabytes(worker) for worker in workers(process.pid)]
        if alive or samples:
            worker = max(alive, default=0.0)
            samples.append(Sample(ended(folder), megabytes(process.pid), worker))
        time.sleep(every)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return samples


def growth(samples: list[Sample], what: str) -> float:
    """Median memory while the last third of the runs ends, over that of the second third.

    The runs are those that end while the process lives: workers are done before the coordinator.
    """
    held = [(one.ended, getattr(one, what)) for one in samples if getattr(one, what)]
    runs = held[-1][0]
    second = [memory for ended, memory in held if runs / 3 < ended <= 2 * runs / 3]
    third = [memory for ended, memory in held if ended > 2 * runs / 3]
    assert min(len(second), len(third)) >= 5
    return float(median(third) / median(second))


def ended(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        query = "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
        return int(database.execute(query).fetchone()[0])


def megabytes(pid: int) -> float:
    """Resident memory that a process shares with none; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = [line for line in lines if line.startswith("RssAnon")]
    return int(sizes[0].split()[1]) / 1024 if sizes else 0.0
