"""What a session prints at its end."""

from io import StringIO

import pytest
from rich.console import Console

from harness.cli.session import report_outcome, rerun_command
from harness.cli.signals import CONTINUE, INTERRUPTED
from harness.flow import SessionSummary


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["run", "core", "--steps", "5"], "ablate run core --steps 5"),
        (
            ["--tracking-uri", "https://ann:secret@host:1", "run", "core"],
            "ablate --tracking-uri https://host:1 run core",
        ),
        (
            ["--tracking-uri=https://ann:sec@ret@host:1", "run", "my core"],
            "ablate --tracking-uri=https://host:1 run 'my core'",
        ),
        (
            ["--tracking-uri", "https://ann:se/cret@host:1", "run", "core"],
            "ablate --tracking-uri https://host:1 run core",
        ),
        (
            ["--tracking-uri=postgresql://h/db?user=a&password=secret&x=1", "run", "core"],
            "ablate '--tracking-uri=postgresql://h/db?user=a&password=&x=1' run core",
        ),
    ],
)
def test_the_command_that_continues_holds_no_password(arguments: list[str], command: str) -> None:
    assert rerun_command(arguments) == command


def test_an_interrupted_session_prints_only_how_to_continue() -> None:
    console = Console(file=StringIO(), width=100)
    tally = SessionSummary(
        (), diverged=False, failed={}, undelivered=2, obstacle="", interrupted=True, seconds=0.0
    )
    assert report_outcome(tally, 8, console, ["run", "core"]) == INTERRUPTED
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == f"{CONTINUE}\n"
