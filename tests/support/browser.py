"""A browser on the addresses that `ablate ui` prints, and a store worth looking at."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from mlflow import MlflowClient
from playwright.sync_api import Page, sync_playwright

from harness.store.store import Store
from harness.store.tracker import Tracker
from harness.study.files import load_study
from tests.support.installed import ABLATE
from tests.support.servers import free_port
from tests.support.stores import FACTS, grid, result

SETTINGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
TIMEOUT = 45_000  # milliseconds that a page may take to show something
STEPS, SEEDS = 2000, 5  # of the store that `fill` makes
SHORT = ("--steps", str(STEPS), "--seeds", str(SEEDS))  # chooses its runs
REPORT = "<!DOCTYPE html><h1>What follows from the runs</h1>"


def chromium() -> str | None:
    """Where Debian's Chromium is."""
    return shutil.which("chromium")


def fill(uri: str, folder: Path) -> None:
    """Store 120 short runs of `core` with made-up results, and a report."""
    core = load_study("core").override(steps=STEPS, seeds=tuple(range(1, SEEDS + 1)))
    planned = grid(core)
    with Tracker.open(Store.open(uri), core, FACTS, planned, session="one") as tracked:
        for run in planned:
            tracked.deliver(result(run))
    (folder / "index.html").write_text(REPORT)
    MlflowClient(uri).log_artifact(tracked.parent_id, str(folder / "index.html"), "report")


@contextmanager
def ui(
    uri: str, study: str, *options: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`ablate ui STUDY` on the data that the store has, with the addresses by what they show."""
    command = [ABLATE, "--tracking-uri", uri, "ui", study, "--port", str(free_port()), *options]
    given = {name: value for name, value in os.environ.items() if name != "ABLATE_DATA"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        env={**given, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            printed = [line.strip() for line in _until(lines, "Ctrl-C")]
            addresses = {what: line for what, line in pairwise(printed) if line.startswith("http")}
            yield process, addresses
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


@contextmanager
def browsing(program: str) -> Iterator[Page]:
    """A page of a headless browser."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=list(SETTINGS))
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(TIMEOUT)
        try:
            yield page
        finally:
            browser.close()


def _until(lines: Iterator[str], last: str) -> Iterator[str]:
    for line in lines:
        if line.startswith(last):
            return
        yield line
