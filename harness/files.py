"""Writing files so that a reader, or a crash, never meets half of one."""

import os
from pathlib import Path
from uuid import uuid4


def write_atomically(path: Path, payload: bytes) -> None:
    """Put the bytes at the path: whoever looks finds the old file or the whole new one.

    Args:
        path: where to; its folder is made if it is not there.
        payload: the file's bytes.

    Raises:
        OSError: the folder cannot be written, or the disk is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with partial.open("xb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
