"""How much memory a study's processes hold as time goes by."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.small_study import start, workers


@dataclass
class Growth:
    """Resident memory of a study's processes, sampled while its workers train.

    Attributes:
        coordinator: MB, one a sample.
        workers: MB of the largest worker, one a sample.
    """

    coordinator: list[float] = field(default_factory=list)
    workers: list[float] = field(default_factory=list)

    def ratio(self, samples: list[float]) -> float:
        """The largest of the last third of the samples over the largest of the second."""
        third = len(samples) // 3
        return max(samples[-third:]) / max(samples[third:-third])


def sample_memory(folder: Path, every: float = 0.5) -> Growth:
    """Run the study in a folder, and sample its memory."""
    growth, process = Growth(), start(folder, checkpoint_seconds=1.0)
    while process.poll() is None:
        alive = [megabytes(worker) for worker in workers(process.pid)]
        if alive:
            growth.coordinator.append(megabytes(process.pid))
            growth.workers.append(max(alive))
        time.sleep(every)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return growth


def megabytes(pid: int) -> float:
    """Resident memory that a process shares with none; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    sizes = [line for line in lines if line.startswith("RssAnon")]
    return int(sizes[0].split()[1]) / 1024 if sizes else 0.0
