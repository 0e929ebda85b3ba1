"""MLflow's UI on this machine: a light server that starts, answers, and stops without a trace."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from harness.errors import UserError
from harness.store.database import ARTIFACTS
from harness.store.uri import DATABASE, for_mlflow, sqlite_path

HOST = "127.0.0.1"
START_TIMEOUT = 60  # seconds that the server may take to answer
STOP_TIMEOUT = 5  # seconds that it may take to stop
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
OWNED = "ABLATE_SERVER_OWNED"  # environment variable of a server that ends with who started it


@contextmanager
def serving(uri: str, port: int) -> Iterator[str]:
    """An MLflow server for a store while the block runs; yields its address.

    Args:
        uri: the resolved tracking URI of a database.
        port: on 127.0.0.1, where nobody else can reach it.

    Raises:
        UserError: the port is taken, or the server does not start.
    """
    require_free_port(port)
    folder = (sqlite_path(uri) or Path.cwd() / DATABASE).parent
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port),
               "--workers", "1", "--app-name", "ablate",
               "--artifacts-destination", (folder / ARTIFACTS).as_uri()]  # fmt: skip
    # The address may hold a password, which a command line would show to everyone.
    environment = {**os.environ, **LIGHT, OWNED: "1", "MLFLOW_BACKEND_STORE_URI": for_mlflow(uri)}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(  # noqa: S603
            command, env=environment, cwd=folder, start_new_session=True,
            stdin=subprocess.PIPE, stdout=log, stderr=log,
        ) as process,
    ):  # fmt: skip
        try:
            address = f"http://{HOST}:{port}"
            if not answers(process, address):
                log.seek(0)
                raise UserError(
                    "the MLflow server must start",
                    log.read().decode(errors="replace")[-2000:],
                    "Fix the reported problem, or try another --port.",
                )
            yield address
        finally:
            stop(process)


def require_free_port(port: int) -> None:
    """Check that nothing listens on the port.

    Raises:
        UserError: something does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UserError(
                "the port must be free",
                f"{port}, which another program uses",
                f"Stop that program, or choose another port, for example --port {port + 1}.",
            ) from None


def answers(process: subprocess.Popen[bytes], address: str) -> bool:
    """Wait until the server answers; False if it ends, or takes too long."""
    end = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):  # noqa: S310 - loopback
                return True
        except OSError:
            time.sleep(0.1)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and all processes that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_TIMEOUT)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def end_with_owner() -> None:
    """In a server that `serving` started, end all its processes once the one that did is gone.

    However that one ends, the server's stdin is at its end then.
    """

    def wait() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGTERM)
        time.sleep(STOP_TIMEOUT)
        os.killpg(0, signal.SIGKILL)

    if OWNED in os.environ:
        Thread(target=wait, daemon=True).start()
