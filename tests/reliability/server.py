"""A real MLflow server on the loopback interface, started and stopped by the tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen


class Server:
    """An MLflow server that can go away and come back with all it knew.

    Args:
        folder: of its database and artifacts; the database is there already.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.uri = f"http://127.0.0.1:{free.getsockname()[1]}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1",
             "--port", self.uri.rpartition(":")[2], "--workers", "1",
             "--backend-store-uri", f"sqlite:///{self._folder}/mlflow.db",
             "--artifacts-destination", str(self._folder / "served")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                 "MLFLOW_DISABLE_TELEMETRY": "true"},
        )  # fmt: skip
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                urlopen(f"{self.uri}/health", timeout=5).close()  # noqa: S310 - our own address
            except (URLError, OSError):
                time.sleep(0.2)
            else:
                return
        raise TimeoutError("the server does not answer")

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Take it away with all its processes, or stop it so that it hangs."""
        if self._process is not None:
            os.killpg(self._process.pid, how)
            if how == signal.SIGKILL:
                self._process.wait()
                self._process = None

    def go_on(self) -> None:
        """Let a hanging server go on."""
        self.stop(signal.SIGCONT)
