"""Real MLflow servers on the loopback interface, each started and stopped by its process id."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.store.server import HOST, LIGHT, answers, stop

PASSWORD = "swordfish-1871"  # of every server here; must show nowhere  # noqa: S105


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """An MLflow server that serves artifacts itself, and can stop and come back.

    Args:
        folder: where its artifacts and its log go.
        store: the URI of its database, which exists.
        more: further arguments.
        environment: further variables.

    Attributes:
        uri: its address, the same after every start.
    """

    def __init__(self, folder: Path, store: str, *more: str, **environment: str) -> None:
        port = str(free_port())
        self.uri = f"http://{HOST}:{port}"
        self._folder = folder
        self._command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", port),
            *("--workers", "1", "--artifacts-destination", str(folder / "served"), *more),
        ]
        # The store's address may hold a password, which a command line would show to everyone.
        self._environment = LIGHT | {"MLFLOW_BACKEND_STORE_URI": store} | environment

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self._folder / "server.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=os.environ | self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        assert answers(self._process, self.uri), log.read_text()

    def stop(self) -> None:
        """End it with all its processes, as a user does."""
        stop(self._process)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all its processes: SIGKILL ends it, SIGSTOP lets it hang."""
        os.killpg(self._process.pid, number)
        if number == signal.SIGKILL:
            self._process.wait()

    def resume(self) -> None:
        """Let a hanging server continue."""
        self.send(signal.SIGCONT)


@contextmanager
def mlflow_server(folder: Path, store: str, *more: str, **environment: str) -> Iterator[str]:
    """A server while the block runs; yields its address. The arguments are those of `Server`."""
    server = Server(folder, store, *more, **environment)
    server.start()
    try:
        yield server.uri
    finally:
        server.stop()
