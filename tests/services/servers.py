"""Real servers on the loopback interface, each started and stopped by its process id."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from harness.tracking.server import HOST, LIGHT, answers, stop

PASSWORD = "swordfish-1871"  # of every server here; must show nowhere  # noqa: S105
PATIENCE = 60  # seconds that a server may take to answer


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path, store: str, *more: str, **environment: str) -> Iterator[str]:
    """An MLflow server that hands out artifacts itself; yields its address.

    Args:
        folder: where its artifacts and its log go.
        store: the database's URI.
        more: further arguments.
        environment: further variables.
    """
    port = str(free_port())
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", port, "--workers", "1",
        "--artifacts-destination", str(folder / "served"), *more,
    ]  # fmt: skip
    address, log = f"http://{HOST}:{port}", folder / "server.log"
    # The store's address may hold a password, which a command line would show to everyone.
    environment = {**os.environ, **LIGHT, "MLFLOW_BACKEND_STORE_URI": store, **environment}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        assert answers(process, address), log.read_text()
        yield address
    finally:
        stop(process)


def postgresql_programs() -> Path | None:
    """Where the PostgreSQL server's programs are; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return Path(found).parent if found else debian[-1].parent if debian else None


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """A PostgreSQL server with an empty database; yields its address, password and all."""
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
            [programs / "initdb", "-D", folder / "data", "-U", "ablate", "-A", "scram-sha-256",
             "--pwfile", folder / "password", "--encoding", "UTF8", "--no-sync"],
            check=True, stdout=subprocess.DEVNULL, cwd=folder, **owner,
        )  # fmt: skip
        settings = {
            "listen_addresses": HOST, "port": port, "fsync": "off", "unix_socket_directories": "",
        }  # fmt: skip
        process = subprocess.Popen(
            [programs / "postgres", "-D", folder / "data",
             *(f"--{name}={value}" for name, value in settings.items())],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **owner,
        )  # fmt: skip
        try:
            address = f"postgresql://ablate:{PASSWORD}@{HOST}:{port}/postgres"
            wait_for_database(address)
            yield address
        finally:
            process.send_signal(signal.SIGINT)  # which ends sessions and shuts down
            process.wait(PATIENCE)


def wait_for_database(address: str) -> None:
    """Wait until the database takes connections."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg2.connect(address).close()
        except psycopg2.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
