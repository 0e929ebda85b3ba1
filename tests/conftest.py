"""Corpora that tests share. Tests run in parallel, so torch uses one thread."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from harness.subjects.corpus import NAMES_DIGEST, Corpus, load_corpus
from harness.subjects.corpus.given_names import embedded_corpus

TINY = """
    ada alan alonzo barbara claude dana donald edsger emmy ernst euclid evariste fei fran geoff
    georg grace hedy ida jean john jürgen kari karen kurt leslie lin lotfi marie mary maryam max
    niels noam omar paul radia sofia srinivasa stan terence tim vint wes yann yoshua zoë
"""

torch.set_num_threads(1)

# Tests against real servers and browsers need the packages that `make test-services` installs.
MISSING = [name for name in ("playwright", "psycopg2") if find_spec(name) is None]


class LeftOut(pytest.Directory):
    """A folder of tests that cannot be imported here: it is skipped, which pytest reports."""

    def collect(self) -> Iterator[pytest.Item]:
        pytest.skip(f"no {' and no '.join(MISSING)} here; make test-services installs them")


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Directory | None:
    """Leave out `services/` where what it imports is missing."""
    if MISSING and path.name == "services":
        return LeftOut.from_parent(parent, path=path)
    return None


@pytest.fixture(scope="session")
def names() -> Corpus:
    """The lectures' names.txt."""
    path = os.environ.get("ABLATE_DATA")
    if not path:
        pytest.skip("ABLATE_DATA is not set to the path of names.txt")
    corpus = load_corpus(path)
    if corpus.digest != NAMES_DIGEST:
        pytest.fail("ABLATE_DATA names another file than names.txt")
    return corpus


@pytest.fixture(scope="session")
def embedded() -> Corpus:
    """The given names that come with the package."""
    return embedded_corpus()


@pytest.fixture(scope="session")
def tiny() -> Corpus:
    """A few dozen words, two of them with letters other than a–z."""
    return Corpus.of("tiny", TINY.split(), "words written in the tests")
