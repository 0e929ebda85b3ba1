"""What the harness adds to a plain loop over the same model: `python -m benchmarks.overhead`.

Whole commands in turn: `ablate run` of examples/digits_cnn.toml, and a script that trains the same
models with the same settings in as many processes, without checks, probes, evaluations on the way,
checkpoints or tracking.
"""

import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[1] / "examples"
NAME = "digits_cnn"
SEEDS = 10


def main(pairs: int = 3, steps: int = 5000) -> None:
    """Print the time of each pair, and the median overhead."""
    plain = [sys.executable, "-m", "benchmarks.overhead", "plain", str(steps)]
    program = "from harness.cli import main; main()"
    ours = [sys.executable, "-c", program, "run", f"{NAME}.toml", "--steps", str(steps),
            "--seeds", str(SEEDS)]  # fmt: skip
    found = []
    for number in range(1, pairs + 1):
        (loop, loop_cpu), (harness, harness_cpu) = _seconds(plain), _seconds(ours)
        found.append(harness / loop - 1)
        print(
            f"pair {number}: loop {loop:.1f} s, harness {harness:.1f} s, {found[-1]:+.1%}; "
            f"of processors {loop_cpu:.1f} s and {harness_cpu:.1f} s, "
            f"{harness_cpu / loop_cpu - 1:+.1%}",
            flush=True,
        )
    print(f"median {statistics.median(found):+.1%} at {steps:,} steps")


def _seconds(command: list[str]) -> tuple[float, float]:
    """Wall and processor time of a command in a new folder that holds the example."""
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("py", "toml"):
            shutil.copy(EXAMPLES / f"{NAME}.{ending}", folder)
        environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
        began, used = time.perf_counter(), _used()
        subprocess.run(  # noqa: S603 - its own arguments
            command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - began, _used() - used


def _used() -> float:
    """Processor time of all commands that have ended, with their processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plain_loop(variant: dict[str, Any], seed: int, steps: int) -> float:
    """The dev loss of one model after a loop as people write it."""
    import torch
    from torch.nn.functional import cross_entropy

    sys.path.insert(0, ".")
    import digits_cnn  # type: ignore[import-not-found]  # in the working directory

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    fields = digits_cnn.Fields(**variant)
    splits = digits_cnn.data(fields)
    x, y = splits["train"]
    model = digits_cnn.build(fields)
    model(x[:2])  # lazy layers take their shape
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(steps):
        rows = torch.randint(len(x), (32,))
        if step == steps * 3 // 4:
            optimizer.param_groups[0]["lr"] *= 0.1
        optimizer.zero_grad()
        cross_entropy(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]  # torch
        optimizer.step()
    model.eval()
    with torch.no_grad():
        x, y = splits["dev"]
        return float(cross_entropy(model(x), y))


def plain(steps: int) -> None:
    """Train all runs of the study in plain loops, in a process a core."""
    variants = [{"norm": norm, "dropout": p} for norm, p in product(("none", "batch"), (0.0, 0.3))]
    runs = [(variant, seed, steps) for variant in variants for seed in range(1, SEEDS + 1)]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for loss in pool.starmap(plain_loop, runs, chunksize=1):
            print(loss)


if __name__ == "__main__":
    if sys.argv[1:2] == ["plain"]:
        plain(int(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
