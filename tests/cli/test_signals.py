"""Signals that come at odd moments, or that the caller has ignored."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.signals import CUT_OFF, INTERRUPTED, exit_at_once, until_stopped

SWALLOWED = """
import gc, signal
from harness.cli.signals import {block}

class Odd:
    def __init__(self):
        self.itself = self
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

with exit_at_once(), {within}:
    Odd()
    gc.collect()
    signal.pause()
print("left")
"""


RETRIES = """
import os, signal, threading, time
from harness.cli import signals

signals.GRACE = 0.5
with signals.exit_at_once():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    while True:
        try:
            time.sleep(9)
        except:
            pass
"""


def run(block: str, within: str) -> tuple[int, str, str]:
    return run_code(SWALLOWED.format(block=block, within=within))


def run_code(code: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr


def test_ctrl_c_within_a_garbage_collection_ends_the_program() -> None:
    assert run("exit_at_once", "exit_at_once()") == (INTERRUPTED, "", f"{CUT_OFF}\n")


def test_ctrl_c_within_a_garbage_collection_ends_the_block_that_runs_until_then() -> None:
    assert run("exit_at_once, until_stopped", "until_stopped()") == (0, "left\n", "")


def test_code_that_swallows_every_exception_does_not_keep_the_program() -> None:
    assert run_code(RETRIES) == (INTERRUPTED, "", f"{CUT_OFF}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_block_that_runs_until_a_signal_ends_quietly(number: signal.Signals) -> None:
    before, went_on = signal.getsignal(number), False
    with until_stopped():
        signal.raise_signal(number)
        went_on = True
    assert not went_on
    assert signal.getsignal(number) is before


def test_a_terminal_that_closes_does_not_end_what_nohup_started() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with exit_at_once():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
