"""Whole commands, run as a user runs them: how long they take, and how much memory."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.subjects.corpus import Corpus

ABLATE = Path(sys.executable).parent / "ablate"
POLL = 0.2  # seconds between two samples of a command and its workers


@dataclass(frozen=True)
class Command:
    """A command that has run.

    Attributes:
        seconds: from start to end.
        busy: processor seconds of the command's own process, without its workers'.
        coordinator, worker: the most memory that it, and the largest of its workers, held, MB;
            these and `busy` are 0 where the system does not say.
    """

    seconds: float
    busy: float
    coordinator: float
    worker: float


class Bench:
    """A directory in which commands are run on some data."""

    def __init__(self, folder: Path, corpus: Corpus) -> None:
        self.folder, self.corpus = folder, corpus
        self.data = folder / "words.txt"
        self.data.write_text("\n".join(corpus.words), encoding="utf-8")

    def run(self, *words: str) -> Command:
        """Run `ablate` with these words.

        Raises:
            UserError: it fails.
        """
        environment = {**os.environ, "ABLATE_DATA": str(self.data)}
        environment.pop("MLFLOW_TRACKING_URI", None)
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603 - our own command
            [ABLATE, *words], cwd=self.folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            watch = Watch(process)
            watch.start()
            output, _ = process.communicate()
            seconds = time.perf_counter() - began
            watch.join()
        if process.returncode:
            raise UserError(
                "every command of the benchmark must succeed",
                f"ablate {' '.join(words)}: {output}",
                "Fix what it names, and start again.",
            )  # fmt: skip
        own = watch.peaks.pop(process.pid, 0.0)
        return Command(seconds, watch.busy, own, max(watch.peaks.values(), default=0.0))


class Watch(threading.Thread):
    """Follows a process and its children, as far as Linux reports on them.

    Attributes:
        busy: processor seconds of the process itself.
        peaks: the most memory held by process id, MB.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        super().__init__(daemon=True)
        self.process = process
        self.busy = 0.0
        self.peaks: dict[int, float] = {}

    def run(self) -> None:
        """Sample until the process has ended."""
        own = self.process.pid
        while self.process.poll() is None:
            with suppress(OSError):
                self._sample(own)
                children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
                for pid in map(int, children):
                    self._sample(pid)
                user, system = Path(f"/proc/{own}/stat").read_text().split()[13:15]
                self.busy = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
            time.sleep(POLL)

    def _sample(self, pid: int) -> None:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.peaks[pid] = max(self.peaks.get(pid, 0.0), int(line.split()[1]) / 1024)
