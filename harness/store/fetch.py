"""The files of a run on this machine, wherever the store keeps them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import Unreachable, UserError
from harness.store.artifacts import NotWhole, gone
from harness.store.location import folder_of
from harness.store.rows import Run
from harness.store.store import Store


@contextmanager
def files_of(store: Store, run: Run, only: str = "") -> Iterator[Path]:
    """The folder with a run's files: where they lie, or a copy that goes with the block.

    Args:
        store: where the run is.
        run: whose files.
        only: the one file that is needed; "" for all.

    Raises:
        NotWhole: it is not there; names the run, as any that is raised in the block then does.
    """
    place = local_folder(run)
    try:
        if place is not None:
            if not is_there(place / only):
                raise gone(only)
            yield place
            return
        with tempfile.TemporaryDirectory(prefix="ablate-") as folder:
            _download(store, run, only, folder)
            yield Path(folder)
    except NotWhole as error:
        raise error.of(run.info.run_name) from None


def local_folder(run: Run) -> Path | None:
    """Where a run's files lie on this machine; None where a server or another service has them."""
    address = run.info.artifact_uri
    return folder_of(address) if address.startswith(("/", "file:")) else None


def is_there(path: Path) -> bool:
    """Whether there is a file or folder, also one that may not be read: reading it says so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _download(store: Store, run: Run, only: str, folder: str) -> None:
    files = store.files_at(run.info.artifact_uri)
    try:
        with store.reach():
            files.download_artifacts(only, folder)  # type: ignore[no-untyped-call]
    except (Unreachable, UserError):  # a server says so of a file that is not there as well
        above = only.rpartition("/")[0]
        with store.reach():
            there = {file.path for file in files.list_artifacts(above or None)}
        if only not in there:
            raise gone(only) from None
        raise
