"""Where a study leaves what it needs to continue: checkpoints, results to deliver, and a lock."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import ENOENT
from fcntl import LOCK_EX, LOCK_NB, flock
from hashlib import sha256
from pathlib import Path
from typing import TextIO, TypeVar

from harness.errors import UserError
from harness.files import write_atomically
from harness.store.database import no_directory
from harness.store.uri import sqlite_path, without_credentials
from harness.training.records import Checkpoint, Result, unpack

logger = logging.getLogger(__name__)
T = TypeVar("T")

CHECKSUM = 32  # bytes of SHA-256 before the payload of every file


@dataclass(frozen=True)
class Workspace:
    """The files of one study in one store, under `.ablate/`: beside a SQLite store, else here.

    Attributes:
        folder: of this study and store.
    """

    folder: Path

    @classmethod
    def of(cls, study: str, store: str, root: Path | None = None) -> "Workspace":
        """The workspace of a study in a store.

        Args:
            study: its name.
            store: the resolved tracking URI; a hash keeps stores apart, of a SQLite file that of
                its name, so that the workspace can be moved with the store. Who opens it does not
                matter: the command that continues a session is printed without credentials.
            root: the working directory, if it is another: for a store that is no SQLite file.
        """
        path = sqlite_path(store)
        place = path.parent if path else root or Path.cwd()
        known_by = path.name if path else without_credentials(store)
        name = f"{study}-{sha256(known_by.encode()).hexdigest()[:8]}"
        return cls(place / ".ablate" / name)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the study for this process; the lock goes with the process, however it ends.

        Raises:
            UserError: another process holds it, or the folder cannot be written.
        """
        with self._lock() as handle:
            try:
                with _usable(self.folder):
                    for partial in self.folder.glob("*/.*"):  # half-written by killed sessions
                        partial.unlink()
                    since = datetime.now(UTC).isoformat(timespec="seconds")
                    handle.truncate(0)
                    handle.write(f"host {socket.gethostname()}, pid {os.getpid()}, since {since}\n")
                    handle.flush()
                yield
            finally:
                self._remove_empty()

    def _lock(self) -> TextIO:
        path = self.folder / "lock"
        while True:
            with _usable(self.folder):
                if not (place := self.folder.parents[1]).is_dir():
                    raise no_directory(place, os.strerror(ENOENT))
                self.folder.mkdir(parents=True, exist_ok=True)
                handle = path.open("a+")
                try:
                    flock(handle, LOCK_EX | LOCK_NB)
                except BlockingIOError:
                    with handle:
                        handle.seek(0)
                        holder = handle.read().strip() or "not yet named"
                    raise UserError(
                        "only one process at a time may run a study on a local store",
                        f"one that is running: {holder}",
                        "Wait for it, or stop it; nothing is lost then.",
                    ) from None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle.fileno()), path.stat()):
                    return handle
            handle.close()  # its last holder has just removed the file

    def _remove_empty(self) -> None:
        """Remove the lock and the folders, unless there is something to continue with."""
        with suppress(OSError):
            for folder in [path for path in self.folder.iterdir() if path.is_dir()]:
                folder.rmdir()
            if os.listdir(self.folder) == ["lock"]:
                (self.folder / "lock").unlink()
                self.folder.rmdir()
                self.folder.parent.rmdir()

    def save_checkpoint(self, name: str, checkpoint: Checkpoint) -> None:
        """Keep a task's checkpoint in the place of its last one."""
        self._write(self._path("checkpoints", name), checkpoint.payload)

    def drop_checkpoint(self, name: str) -> None:
        """Remove the checkpoint of a task that has ended."""
        self._path("checkpoints", name).unlink(missing_ok=True)

    def checkpoints(self) -> Iterator[tuple[str, Checkpoint]]:
        """The readable checkpoints by their tasks' names; damaged ones are set aside."""

        def read(payload: bytes) -> Checkpoint:
            _, rest = unpack(payload, "checkpoint")
            return Checkpoint(tuple(rest["keys"]), rest["step"], payload)

        for name in self._names("checkpoints"):
            if checkpoint := self._load("checkpoints", name, read):
                yield name, checkpoint

    def save_result(self, result: Result) -> None:
        """Keep a result until the store has it."""
        self._write(self._path("results", result.key), result.to_bytes())

    def pending_results(self) -> list[str]:
        """Keys of the results that wait for the store."""
        return self._names("results")

    def load_result(self, key: str) -> Result | None:
        """A result that waits; None if its file is damaged, which is then set aside."""

        def read(payload: bytes) -> Result:
            result = Result.from_bytes(payload)
            if result.key != key:
                raise ValueError(f"it is the result of another run, {result.key}")
            return result

        return self._load("results", key, read)

    def delete_result(self, key: str) -> None:
        """Remove a result that the store has."""
        self._path("results", key).unlink(missing_ok=True)

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / kind / f"{name}.safetensors"

    def _names(self, kind: str) -> list[str]:
        return sorted(path.stem for path in (self.folder / kind).glob("[!.]*.safetensors"))

    def _load(self, kind: str, name: str, read: Callable[[bytes], T]) -> T | None:
        """What a file holds; None if it is damaged or foreign, and the file is then set aside."""
        path = self._path(kind, name)
        with _usable(self.folder):
            data = path.read_bytes()
        try:
            if sha256(data[CHECKSUM:]).digest() != data[:CHECKSUM]:
                raise ValueError("its checksum does not match")
            return read(data[CHECKSUM:])
        except ValueError as error:
            path.replace(path.with_suffix(".damaged"))
            logger.warning("%s is damaged and was renamed; its runs start again: %s", path, error)
            return None

    def _write(self, path: Path, payload: bytes) -> None:
        with _usable(self.folder):
            write_atomically(path, sha256(payload).digest() + payload)


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            "the state of a study needs free space and write permission",
            f"{error.strerror}: {folder}",
            "Free some space or change the permissions; the same command then continues.",
        ) from None
