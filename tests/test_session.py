"""What a session says at its end."""

from io import StringIO

import pytest
from rich.console import Console

from harness.flow import Tally
from harness.interrupt import GO_ON, INTERRUPTED
from harness.session import again, conclude


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "core", "--steps", "5"], "ablate run core --steps 5"),
        (["--tracking-uri", "https://ann:secret@host:1", "run", "core"],
         "ablate --tracking-uri https://host:1 run core"),
        (["--tracking-uri=https://ann:sec@ret@host:1", "run", "my core"],
         "ablate --tracking-uri=https://host:1 run 'my core'"),
        (["--tracking-uri=postgresql://h/db?user=a&password=secret&x=1", "run", "core"],
         "ablate '--tracking-uri=postgresql://h/db?user=a&password=&x=1' run core"),
    ],
)  # fmt: skip
def test_the_command_that_goes_on_holds_no_password(words: list[str], said: str) -> None:
    assert again(words) == said


def test_an_interrupted_session_says_only_how_to_go_on() -> None:
    console = Console(file=StringIO(), width=100)
    tally = Tally((), diverged=False, failed={}, undelivered=2, interrupted=True, seconds=0.0)
    assert conclude(tally, 8, console) == INTERRUPTED
    assert console.file.getvalue() == f"{GO_ON}\n"
