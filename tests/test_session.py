"""What a session says at its end."""

import pytest

from harness.session import again


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
