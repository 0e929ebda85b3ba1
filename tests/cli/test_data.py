"""`ablate data` as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def ablate(folder: Path, *arguments: str, data: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command, which reaches no network."""
    environment = {**os.environ, "ABLATE_DATA": data, "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [Path(sys.executable).with_name("ablate"), "data", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


EMBEDDED = """\
corpus    embedded
source    given names from the lists of the Faker library 40.54.0 (MIT licence), reduced to a–z
digest    67e72e24505934ce72b4b5ba6dbb318e41f81a2e51dad3ceafaff3476fdcb10c
items     19,766
alphabet  27 symbols: .abcdefghijklmnopqrstuvwxyz
examples  114,151 train, 14,300 dev, 14,455 test
contexts  5,849 train, 2,977 dev, 2,882 test (distinct, of 3 symbols)
entropy   3.296 nats of a uniform symbol, 2.894 of the next symbol, 1.904 given 3 before it (train)
"""


def test_shows_the_corpus_and_how_it_was_chosen(tmp_path: Path) -> None:
    first = ablate(tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith(EMBEDDED + "note      names.txt could not be downloaded (")
    assert ablate(tmp_path).stdout == EMBEDDED


def test_use_changes_the_choice(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("anna\nbob\ncarla\ndan\neve\nfred\n")
    assert ablate(tmp_path, "--use", "words.txt").returncode == 0
    assert ablate(tmp_path).stdout.startswith("corpus    words.txt\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--use", "missing.txt"), "missing.txt' (No such file"),
        (("--use", "names.txt"), "fetched"),
        (("--data", "."), "'.', which is not a file"),
    ],
)
def test_mistakes_exit_with_2_and_leave_nothing(
    tmp_path: Path, arguments: tuple[str, str], message: str
) -> None:
    ended = ablate(tmp_path, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert message in ended.stderr
    assert list(tmp_path.iterdir()) == []
