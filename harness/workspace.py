"""Where a study leaves what it needs to go on: checkpoints, results on their way, and a lock."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from pathlib import Path

from harness.errors import UserError
from harness.files import write_atomically
from harness.records import Checkpoint, Result, unpack

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

    def save_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint in the place of the cohort's one before."""
        self._write(self._checkpoint_path(checkpoint.keys), checkpoint.payload)

    def drop_checkpoint(self, keys: tuple[str, ...]) -> None:
        """Forget the checkpoint of a cohort that has ended."""
        self._checkpoint_path(keys).unlink(missing_ok=True)

    def checkpoints(self) -> tuple[list[Checkpoint], list[str]]:
        """The readable checkpoints, and a sentence about each file that is not one."""
        found, complaints = [], []
        for path in sorted((self.folder / "checkpoints").glob("*.safetensors")):
            try:
                payload = _read(path)
                _, rest = unpack(payload, "checkpoint")
                found.append(Checkpoint(tuple(rest["keys"]), rest["step"], payload))
            except (ValueError, KeyError, OSError) as error:
                complaints.append(f"{path} is set aside, its runs start anew: {error}")
                path.replace(path.with_suffix(".damaged"))
        return found, complaints

    def hold(self, result: Result) -> None:
        """Keep a result until the store has it."""
        self._write(self._result_path(result.key), result.to_bytes())

    def release(self, key: str) -> None:
        """Forget a result that the store has."""
        self._result_path(key).unlink(missing_ok=True)

    def held(self) -> tuple[list[Result], list[str]]:
        """The results on their way to the store, and a sentence about each damaged file."""
        found, complaints = [], []
        for path in sorted((self.folder / "results").glob("*.safetensors")):
            try:
                found.append(Result.from_bytes(_read(path)))
            except (ValueError, OSError) as error:
                complaints.append(f"{path} is set aside, its run starts anew: {error}")
                path.replace(path.with_suffix(".damaged"))
        return found, complaints

    def _checkpoint_path(self, keys: tuple[str, ...]) -> Path:
        name = sha256(json.dumps(sorted(keys)).encode()).hexdigest()[:16]
        return self.folder / "checkpoints" / f"{name}.safetensors"

    def _result_path(self, key: str) -> Path:
        return self.folder / "results" / f"{key}.safetensors"

    def _write(self, path: Path, payload: bytes) -> None:
        with _writable(path.parent):
            write_atomically(path, sha256(payload).digest() + payload)


def _read(path: Path) -> bytes:
    """A file's payload.

    Raises:
        ValueError: its checksum is wrong.
    """
    data = path.read_bytes()
    if sha256(data[CHECKSUM:]).digest() != data[:CHECKSUM]:
        raise ValueError("its checksum is wrong")
    return data[CHECKSUM:]


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            "a study needs to write its state", f"{error.strerror}: {folder}",
            "Free space or permissions there; the same command goes on where it stopped.",
        ) from None  # fmt: skip
