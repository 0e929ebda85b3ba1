"""MLflow's UI on this machine: a light server that starts, answers, and stops without a trace."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.request import ProxyHandler, build_opener

from harness.errors import UserError
from harness.store.database import ARTIFACTS
from harness.store.uri import DATABASE, for_mlflow, sqlite_path

HOST = "127.0.0.1"
START_TIMEOUT = 60  # seconds that the server may take to answer
STOP_TIMEOUT = 5  # seconds that it may take to stop
LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
# MLflow's variables for a server that is set up for others: they would keep this one from starting,
# or from answering.
SET_UP = re.compile(
    "MLFLOW_(SERVER?_|ARTIFACTS_ONLY|STATIC_PREFIX|EXPOSE_PROMETHEUS|(GUNICORN|UVICORN)_OPTS|"
    "READ_REPLICA_|REGISTRY_STORE_|WORKSPACE|ENABLE_WORKSPACES)"
)
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
    inherited = {name: value for name, value in os.environ.items() if not SET_UP.match(name)}
    environment = {**inherited, **LIGHT, OWNED: "1", "MLFLOW_BACKEND_STORE_URI": for_mlflow(uri)}
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
    """Check that a server may listen on the port.

    Raises:
        UserError: it may not, or another program does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            probe.bind((HOST, 0))
            raise UserError(
                "the port must be free, and one that you may use",
                f"{port} ({error.strerror})",
                f"Choose another port, for example --port {probe.getsockname()[1]}, or stop the "
                "program that uses this one.",
            ) from None


def answers(process: subprocess.Popen[bytes], address: str) -> bool:
    """Wait until the server answers; False if it ends, or takes too long."""
    end = time.monotonic() + START_TIMEOUT
    direct = build_opener(ProxyHandler({}))  # no proxy leads to this machine
    while process.poll() is None and time.monotonic() < end:
        try:
            with direct.open(f"{address}/health", timeout=2):
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
