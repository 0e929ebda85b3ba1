"""A study of seconds, and the command that runs it, as processes that tests can kill."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.processes import command_line, descendants

ROOT = Path(__file__).parents[2]
NAME = "kept"
STUDY = """
question = "Is anything lost?"
seeds = 2
[fixed]
steps = {steps}
width = 12
depth = 2
batch = 8
[factors]
norm = ["none", "batch"]
lr = [0.1, 100000.0]
[baseline]
norm = "batch"
lr = 0.1
"""
WORDS = "".join(
    f"{a}{b}{c}\n" for a in "bdfgklmn" for b in "aeiou" for c in ("ra", "lo", "ni", "x")
)


def write_study(folder: Path, steps: int = 3000, seeds: int = 2) -> Path:
    """Write the study and its data into a folder, which is created; returns the folder."""
    folder.mkdir(exist_ok=True)
    text = STUDY.format(steps=steps).replace("seeds = 2", f"seeds = {seeds}")
    (folder / f"{NAME}.toml").write_text(text)
    (folder / "words.txt").write_text(WORDS)
    return folder


def command(*more: str) -> list[str]:
    """Arguments of `ablate` that run the study in the current directory."""
    return ["run", f"{NAME}.toml", "--data", "words.txt", "--workers", "2", *more]


def start(
    folder: Path,
    arguments: Sequence[str] = (),
    checkpoint_seconds: float = 0.05,
    give_up_after: float = 60.0,
) -> subprocess.Popen[str]:
    """Start `ablate` in a folder, in a process group of its own.

    Args:
        folder: the working directory.
        arguments: of the command; by default they run the study.
        checkpoint_seconds: between two checkpoints of a task.
        give_up_after: seconds without success after which the last deliveries are given up.
    """
    paths = (str(ROOT), os.environ.get("PYTHONPATH"))
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.support.hurried"),
            *(str(checkpoint_seconds), str(give_up_after)),
            *(arguments or command()),
        ],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
        },
    )


def run(folder: Path, arguments: Sequence[str] = (), **settings: float) -> tuple[int, str]:
    """Exit code and output of `ablate` in a folder."""
    process = start(folder, arguments, **settings)
    output, _ = process.communicate(timeout=240)
    return process.returncode, output


def wait_for_checkpoint(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until training has left one on disk that was not there before."""
    before = checkpoints(folder)
    while checkpoints(folder) <= before:
        assert process.poll() is None, process.communicate()[0]


def checkpoints(folder: Path) -> set[tuple[str, int]]:
    """Names and times of the checkpoints on disk."""
    found = set()
    for path in folder.glob(".ablate/*/checkpoints/[!.]*"):
        try:
            found.add((path.name, path.stat().st_mtime_ns))
        except FileNotFoundError:  # its stack has just ended
            continue
    return found


def workers(coordinator: int) -> list[int]:
    """Process ids of a coordinator's workers."""
    return [child for child in descendants(coordinator) if b"spawn_main" in command_line(child)]
