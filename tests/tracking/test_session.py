"""Who holds a study: a process that lives and says so, here or elsewhere."""

import os
import socket
import time
from dataclasses import replace

import pytest

from harness.tracking.session import STALE, Session

HERE = Session("one", socket.gethostname(), os.getppid(), "", round(time.time(), 1))


@pytest.mark.parametrize(
    ("session", "lives"),
    [
        (HERE, True),
        (replace(HERE, pid=os.getpid()), False),  # this very process, in an earlier session
        (replace(HERE, pid=2**22 + 1), False),  # no process has so high a number
        (replace(HERE, renewed=HERE.renewed - STALE - 60), False),  # a later one got its number
        (replace(HERE, host="elsewhere"), True),
        (replace(HERE, host="elsewhere", renewed=HERE.renewed - STALE - 60), False),
    ],
)
def test_a_session_lives_while_its_process_says_so(session: Session, lives: bool) -> None:
    assert session.lives() is lives
