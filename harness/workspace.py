"""Where a study leaves what it needs to go on: checkpoints, results on their way, and a lock."""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from pathlib import Path

from harness.errors import UserError
from harness.files import write_atomically
from harness.plan import Run
from harness.records import Checkpoint, Result, unpack

logger = logging.getLogger(__name__)

CHECKSUM = 32  # bytes of SHA-256 before the payload of every file


@dataclass(frozen=True)
class Workspace:
    """The files of one study in one store, under `.ablate/` of the working directory.

    Attributes:
        folder: of this study and store.
    """

    folder: Path

    @classmethod
    def of(cls, study: str, store: str, root: Path | None = None) -> "Workspace":
        """The workspace of a study in a store.

        Args:
            study: its name.
            store: the resolved tracking URI; its hash keeps stores apart.
            root: the working directory, if it is another.
        """
        name = f"{study}-{sha256(store.encode()).hexdigest()[:8]}"
        return cls((root or Path.cwd()) / ".ablate" / name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study for this process; the lock goes with the process, however it ends.

        Raises:
            UserError: another process holds it, or the folder cannot be written.
        """
        path = self.folder / "lock"
        with _writable(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = path.open("a+")
        with handle:
            try:
                flock(handle, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                raise UserError(
                    "one coordinator at a time runs a study on a local store",
                    f"one that is running: {handle.read().strip() or 'not yet named'}",
                    "Wait for it, or stop it; nothing is lost then.",
                ) from None
            handle.truncate(0)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            handle.write(f"host {socket.gethostname()}, pid {os.getpid()}, since {since}\n")
            handle.flush()
            yield

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        """Keep a task's checkpoint in the place of its one before."""
        self._write(self._path("checkpoints", name), checkpoint.payload)

    def drop_checkpoint(self, name: str) -> None:
        """Forget the checkpoint of a task that has ended."""
        self._path("checkpoints", name).unlink(missing_ok=True)

    def checkpoints(self) -> Iterator[tuple[str, Checkpoint]]:
        """The readable checkpoints by their tasks' names; damaged ones are set aside."""
        for name in self._names("checkpoints"):
            payload = self._payload("checkpoints", name)
            if payload is not None:
                _, rest = unpack(payload, "checkpoint")
                yield name, Checkpoint(tuple(rest["keys"]), rest["step"], payload)

    def hold(self, result: Result) -> None:
        """Keep a result until the store has it."""
        self._write(self._path("results", result.key), result.to_bytes())

    def held(self) -> list[str]:
        """Keys of the results that wait for the store."""
        return self._names("results")

    def load_result(self, key: str) -> Result | None:
        """A result that waits; None if its file is damaged, which is then set aside."""
        payload = self._payload("results", key)
        return None if payload is None else Result.from_bytes(payload)

    def release(self, key: str) -> None:
        """Forget a result that the store has."""
        self._path("results", key).unlink(missing_ok=True)

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.safetensors"

    def _names(self, kind: str) -> list[str]:
        return sorted(path.stem for path in (self.folder / kind).glob("[!.]*.safetensors"))

    def _payload(self, kind: str, name: str) -> bytes | None:
        """A file's payload; None if it is damaged or foreign, and the file is then set aside."""
        path = self._path(kind, name)
        data = path.read_bytes()
        if sha256(data[CHECKSUM:]).digest() == data[:CHECKSUM]:
            return data[CHECKSUM:]
        path.replace(path.with_suffix(".damaged"))
        logger.warning("%s is damaged and set aside; its runs start anew", path)
        return None

    def _write(self, path: Path, payload: bytes) -> None:
        with _writable(path.parent):
            write_atomically(path, sha256(payload).digest() + payload)


def cohort_name(runs: Sequence[Run]) -> str:
    """A name for the checkpoint of these runs: a hash of their keys."""
    return sha256("".join(sorted(run.key for run in runs)).encode()).hexdigest()[:16]


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            "a study needs to write its state", f"{error.strerror}: {folder}",
            "Free space or permissions there; the same command goes on where it stopped.",
        ) from None  # fmt: skip
