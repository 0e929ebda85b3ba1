"""Who holds a study: a process that lives and says so, here or elsewhere."""

import json
import os
import socket
import time
from dataclasses import asdict, replace
from typing import Any

import pytest

from harness.store.rows import Run, RunData, RunInfo
from harness.store.session import STALE, Session, last_written, session_of, writer

HERE = Session("one", socket.gethostname(), os.getppid(), "", 0.0)


@pytest.mark.parametrize(
    ("session", "ago", "lives"),
    [
        (HERE, 0, True),
        (replace(HERE, pid=os.getpid()), 0, False),  # this very process, in an earlier session
        (replace(HERE, pid=2**22 + 1), 0, False),  # no process has so high a number
        (HERE, STALE + 60, False),  # a later process got its number
        (replace(HERE, host="elsewhere"), 0, True),
        (replace(HERE, host="elsewhere"), STALE + 60, False),
        (HERE, -STALE - 60, False),  # its clock is off: it may not lock the study until then
        (replace(HERE, host="elsewhere"), -STALE - 60, False),
        (replace(HERE, host="elsewhere"), -STALE + 60, True),
    ],
)
def test_a_session_lives_while_its_process_says_so(
    session: Session, ago: float, lives: bool
) -> None:
    assert replace(session, renewed=time.time() - ago).is_alive() is lives


def parent(tag: str) -> Run:
    info = RunInfo("id", "1", "name", "RUNNING", 0, None, "/files", "active")
    return Run(info, RunData({}, {"session": tag}, {}))


@pytest.mark.parametrize(
    "tag",
    [
        "", "null", "[]", "7", "{}", "not JSON", '{"id": "one"}',
        *(json.dumps(asdict(HERE) | {name: value}) for name, value in (
            ("renewed", "soon"), ("renewed", None), ("renewed", float("nan")),
            ("renewed", float("inf")), ("pid", "abc"), ("pid", 0), ("pid", -1), ("pid", 2**70),
            ("pid", None), ("host", 3), ("id", []),
        )),
    ],
)  # fmt: skip
def test_a_tag_that_was_edited_means_nothing(tag: str) -> None:
    assert session_of(parent(tag)) is None
    assert writer(parent(tag)) is None
    assert last_written(parent(tag)) == 0.0


def test_a_tag_comes_back_as_it_was_written() -> None:
    one: Any = replace(HERE, renewed=time.time())
    assert session_of(parent(one.to_tag())) == one
    assert writer(parent(one.to_tag())) == one
