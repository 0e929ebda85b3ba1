"""Corpora that tests share. Tests run in parallel, so torch uses one thread."""

import os
from importlib import import_module
from importlib.util import find_spec

import pytest
import torch

from harness.report.drawing import Drawing
from harness.report.figures import drawings
from harness.study.study import Study
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


collect_ignore = ["services"] if MISSING else []


def pytest_report_header() -> list[str]:
    """What is left out, so that nobody takes it for tested."""
    where = f"no {' and no '.join(MISSING)} here; make test-services installs them"
    return [f"tests/services is left out: {where}"] if MISSING else []


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports made in this process have two figures: enough where nobody looks at them."""

    def two(study: Study) -> list[Drawing]:
        return [*drawings(study)[:1], *drawings(study)[-1:]]  # of all studies, of the subject

    # the package's function `build` hides the module of that name
    monkeypatch.setattr(import_module("harness.report.build"), "drawings", two)


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
