"""A real PostgreSQL server on the loopback interface, stopped by its process id."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from harness.store.server import HOST
from tests.support.servers import PASSWORD, free_port

TIMEOUT = 60  # seconds that the server may take to answer, or to end


def postgresql_programs() -> Path | None:
    """Where the PostgreSQL server's programs are; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else debian[-1].parent if debian else None


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """A server with an empty database; yields its address with user and password."""
    # It refuses to run as root.
    owner: dict[str, Any] = (
        {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    )
    with tempfile.TemporaryDirectory(prefix="ablate-postgresql-") as scratch:
        folder, port = Path(scratch), free_port()
        (folder / "password").write_text(PASSWORD)
        if owner:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres", "postgres")
        subprocess.run(
            [
                *(programs / "initdb", "-D", folder / "data", "-U", "ablate"),
                *("-A", "scram-sha-256", "--pwfile", folder / "password"),
                *("--encoding", "UTF8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **owner,
        )
        settings = {
            "listen_addresses": HOST,
            "port": port,
            "fsync": "off",
            "unix_socket_directories": "",
        }
        process = subprocess.Popen(
            [
                *(programs / "postgres", "-D", folder / "data"),
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **owner,
        )
        try:
            address = f"postgresql://ablate:{PASSWORD}@{HOST}:{port}/postgres"
            wait_for_database(address)
            yield address
        finally:
            process.send_signal(signal.SIGINT)  # which ends sessions and shuts down
            process.wait(TIMEOUT)


def wait_for_database(address: str) -> None:
    """Wait until the database takes connections."""
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            psycopg2.connect(address).close()
        except psycopg2.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
