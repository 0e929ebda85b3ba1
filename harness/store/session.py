"""Which process is writing a study: a tag on its parent run, renewed while the process lives."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from harness.errors import UserError
from harness.store.rows import Run

SESSION = "session"  # the tag
STALE = 90  # seconds without renewal after which a writer counts as gone


@dataclass(frozen=True)
class Session:
    """One process that writes a study.

    Attributes:
        id: its name among the sessions of a study.
        host, pid: where it runs.
        since: when it began, local time as text.
        renewed: when the tag was last written, seconds since 1970.
    """

    id: str
    host: str
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    since: str
    renewed: Annotated[float, Field(allow_inf_nan=False)]

    @classmethod
    def here(cls, name: str, since: str = "") -> "Session":
        """This process, now."""
        since = since or time.strftime("%Y-%m-%d %H:%M:%S")
        return cls(name, socket.gethostname(), os.getpid(), since, round(time.time(), 1))

    def to_tag(self) -> str:
        """The session as a tag's value."""
        return json.dumps(asdict(self))

    def is_alive(self) -> bool:
        """Whether another process seems to be writing still.

        A tag from the future counts as one from the past: the clock of its machine is off, and
        nobody can be kept out until that time has come.
        """
        if abs(time.time() - self.renewed) > STALE:
            return False  # a later process may have got its number
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # it exists and is someone else's
            return True
        return self.pid != os.getpid()


_tags = TypeAdapter(Session)


def session_of(parent: Run) -> Session | None:
    """The process that last wrote under a parent run, as far as its tag can be read.

    A process that lives writes the tag again within seconds, so one that was edited means nothing.
    """
    try:
        return _tags.validate_json(parent.data.tags.get(SESSION, ""))
    except ValueError:  # pydantic's ValidationError is one
        return None


def last_written(parent: Run) -> float:
    """When a parent run was last written to, seconds since 1970; 0 where it does not say."""
    session = session_of(parent)
    return session.renewed if session else 0.0


def writer(parent: Run) -> Session | None:
    """The other process that is writing under a parent run, if there is one."""
    session = session_of(parent) if parent.info.status == "RUNNING" else None
    return session if session and session.is_alive() else None


def require_no_writer(parent: Run, study: str) -> None:
    """Check that no other process writes under a parent run.

    Raises:
        UserError: one does; the message names it.
    """
    if session := writer(parent):
        raise UserError(
            "only one process at a time may write a study",
            f"'{study}', which process {session.pid} on {session.host} "
            f"has been writing since {session.since}",
            f"Wait for it, or stop it; if that machine is gone, try again in {STALE} seconds.",
        )
