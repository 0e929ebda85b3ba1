"""Whole commands in processes of their own, as users start them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import inprocess

ROOT = Path(__file__).parents[2]
ABLATE = ("-c", "from harness.cli import main; main()")
HURRIED = ("-m", "tests.support.hurried", "0.05", "60")  # checkpoints all the time


def start(
    folder: Path, *arguments: str, program: tuple[str, ...] = ABLATE
) -> subprocess.Popen[str]:
    """A command that runs in a process group of its own, without ABLATE_DATA."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("ABLATE_DATA", None)
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        cwd=folder, env=environment, text=True, process_group=0,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ablate(folder: Path, *arguments: str) -> str:
    """The output of a command that must succeed."""
    process = start(folder, *arguments)
    output, _ = process.communicate(timeout=280)
    assert process.returncode == 0, output
    return output


def exported(folder: Path, study: str) -> str:
    """All points of the curves of all of a study's runs, in order of these."""
    inprocess.run_undisturbed(folder, "export", study, "--all")
    rows = (folder / "exports" / f"{Path(study).stem}-all" / "curves.csv").read_text().splitlines()
    return "\n".join(sorted(rows))
