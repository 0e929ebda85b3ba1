"""Kill a study's processes at random moments, again and again, and compare the stores."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.store.workspace import Workspace
from tests.support.small_study import NAME, run, start, workers, write_study
from tests.support.stores import picture

LONGEST = 240.0  # seconds that a session may take, whatever the machine is busy with


@dataclass
class Campaign:
    """A campaign of kills, and what came of it.

    Attributes:
        template: an empty MLflow store's file.
        folder: where the campaign's own folders are created.
        draw: draws victims and moments.
        kills: who was killed how often: "coordinator" or "worker".
        left: how often a coordinator's death left what: "checkpoints", "results", "half-written
            files", "open runs".
        studies: how many studies were started.
        sessions: how many sessions they took.
    """

    template: Path
    folder: Path
    draw: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    sessions: int = 0

    def undisturbed(self) -> dict[str, Any]:
        """The store of an undisturbed study."""
        folder = self._create("undisturbed")
        code, output = run(folder)
        assert code == 0, output
        return picture(store(folder), NAME)

    def study(self, kills: int) -> Path:
        """Bring one study to its end through up to so many kills in all; returns its folder."""
        folder = self._create(f"study-{self.studies}")
        self.studies += 1
        while self.kills.total() < kills:
            code, output = self._session(folder)
            if code is not None:
                assert code in (0, 1), output  # 1: a worker was killed too often for its runs
                assert "Traceback" not in output, output
            if code == 0:
                return folder
        code, output = run(folder)
        assert code == 0, output
        return folder

    def _create(self, name: str) -> Path:
        folder = write_study(self.folder / name)
        shutil.copy(self.template, folder / "mlflow.db")
        return folder

    def _session(self, folder: Path) -> tuple[int | None, str]:
        """One session, disturbed; its exit code, or None where it was killed, and its output."""
        self.sessions += 1
        process = start(folder)
        try:
            if self.draw.random() < 0.8:  # loading takes longest; rather kill what comes after it
                _wait_for_training(process, folder)
            for _ in range(self.draw.choice((0, 1, 1, 2))):
                self._kill_worker(process)
            end = time.monotonic() + self.draw.choice((0.2, 1.0, 4.0)) * self.draw.random()
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.002)
            if process.poll() is None and self.draw.random() < 0.9:
                process.kill()
                process.wait()
                self.kills["coordinator"] += 1
                self._count_what_is_left(folder)
                return None, ""
            output, _ = process.communicate(timeout=LONGEST)
            return process.returncode, output
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def _kill_worker(self, process: subprocess.Popen[str]) -> None:
        time.sleep(self.draw.random() * self.draw.choice((0.2, 1.0, 4.0)))
        alive = workers(process.pid) if process.poll() is None else []
        if alive:
            with suppress(ProcessLookupError):
                os.kill(self.draw.choice(alive), signal.SIGKILL)
                self.kills["worker"] += 1

    def _count_what_is_left(self, folder: Path) -> None:
        state = workspace(folder)
        with closing(sqlite3.connect(folder / "mlflow.db")) as database:
            (running,) = database.execute(
                "SELECT count(*) FROM runs WHERE status = 'RUNNING' AND name NOT LIKE 'kept%'"
            ).fetchone()
        found = {
            "checkpoints": list(state.glob("checkpoints/[!.]*")),
            "results": list(state.glob("results/[!.]*")),
            "half-written files": list(state.glob("*/.*")),
            "open runs": running,
        }
        self.left.update(what for what, there in found.items() if there)


def store(folder: Path) -> str:
    """The tracking URI of a folder's store."""
    return f"sqlite:///{folder}/mlflow.db"


def workspace(folder: Path, uri: str | None = None) -> Path:
    """Where the study keeps its checkpoints and results: for the folder's own store, or another."""
    return Workspace.of(NAME, uri or store(folder), folder).folder


def _wait_for_training(process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until a checkpoint or a result is written."""
    started, end = time.time(), time.monotonic() + LONGEST
    while process.poll() is None and time.monotonic() < end:
        with suppress(FileNotFoundError):
            if any(path.stat().st_mtime > started for path in workspace(folder).glob("*/*")):
                return
        time.sleep(0.005)
