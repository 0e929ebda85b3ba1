"""Who holds a study: a process that lives and says so, here or elsewhere."""

import os
import socket
import time
from dataclasses import replace

import pytest

from harness.store.session import STALE, Session

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
    ],
)
def test_a_session_lives_while_its_process_says_so(
    session: Session, ago: float, lives: bool
) -> None:
    assert replace(session, renewed=time.time() - ago).is_alive() is lives
