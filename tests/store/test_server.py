import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.store.pages import PAGE, enlarged
from harness.store.server import HOST, require_free_port, serving

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_a_taken_port_is_refused_and_another_named():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(UserError, match="--port"):
            require_free_port(taken.getsockname()[1])


def test_only_the_number_of_runs_that_the_ui_asks_for_is_raised():
    assert enlarged(b'{"max_results": 100, "filter": "x"}') == (
        f'{{"max_results": {PAGE}, "filter": "x"}}'.encode()
    )
    for other in (b'{"max_results": 2}', b'{"max_results": 1000}', b"{}", b"[]", b"not json"):
        assert enlarged(other) == other


def test_the_port_that_is_named_can_be_used():
    with socket.socket() as last:
        last.bind((HOST, 65535))
        last.listen()
        with pytest.raises(UserError) as refused:
            require_free_port(65535)
    require_free_port(int(refused.value.remedy.partition("--port ")[2].split(",")[0]))


@pytest.mark.service
def test_what_is_set_up_for_another_server_or_a_proxy_does_not_matter(uri, monkeypatch):
    for name, value in {
        "http_proxy": "http://127.0.0.1:9",
        "MLFLOW_STATIC_PREFIX": "/mlflow",
        "MLFLOW_ARTIFACTS_ONLY": "true",
        "MLFLOW_EXPOSE_PROMETHEUS": "metrics",
        "MLFLOW_GUNICORN_OPTS": "--workers 3",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow.example.org",
    }.items():
        monkeypatch.setenv(name, value)
    with serving(uri, free_port()) as address, direct.open(address) as page:
        assert page.status == 200


@pytest.mark.service
def test_the_server_answers_on_loopback_alone_and_stops(uri):
    port = free_port()
    with serving(uri, port) as address:
        with urllib.request.urlopen(f"{address}/health") as answer:  # noqa: S310 - loopback
            assert answer.status == 200
        outside = socket.gethostbyname(socket.gethostname())
        if outside != HOST:
            with socket.socket() as probe:
                assert probe.connect_ex((outside, port)) != 0
    assert not listens(port)


@pytest.mark.service
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_the_server_of_ablate_ui_ends_with_it_whatever_ends_it(uri, number):
    port = free_port()
    ablate = str(Path(sys.executable).with_name("ablate"))
    command = [ablate, "--tracking-uri", uri, "ui", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert f"http://{HOST}:{port}/#/experiments" in lines[1]
        process.send_signal(number)
        assert process.wait(20) == (-number if number == signal.SIGKILL else 0)
    end = time.monotonic() + 10
    while listens(port) and time.monotonic() < end:
        time.sleep(0.1)
    assert not listens(port)
