"""Writing files atomically: neither a reader nor a crash meets half a file."""

import os
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, payload: bytes) -> None:
    """Write a file: at any time, readers find the old file or the complete new one.

    Args:
        path: of the file; a missing folder is created.
        payload: the file's bytes.

    Raises:
        OSError: the folder cannot be written, or the disk is full; no partial file is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())  # without it, a power cut may leave an empty file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
