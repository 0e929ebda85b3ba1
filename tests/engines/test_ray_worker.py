"""A Ray worker checks what the coordinator sent before it uses any of it."""

import pickle
from dataclasses import replace
from typing import Any

import pytest

from harness.engines import Task, TaskDone
from harness.engines.local import THREADS
from harness.engines.ray_worker import WorkerConfig, pack_data, work
from harness.engines.versions import versions
from harness.errors import UserError
from harness.study.plan import Stack
from harness.subjects.char_mlp import SUBJECT
from harness.subjects.corpus import Corpus


class LoadedError(Exception):
    """Raised by what must not be unpickled."""


class Malicious:
    def __reduce__(self) -> Any:
        return _load, ()


def _load() -> None:
    raise LoadedError


@pytest.fixture
def terms(tiny: Corpus, monkeypatch: pytest.MonkeyPatch) -> WorkerConfig:
    for name in THREADS:  # the worker sets them
        monkeypatch.setenv(name, "1")
    _, digest = pack_data(tiny)
    return WorkerConfig(SUBJECT, digest, versions(), pause=30.0)


def test_damaged_data_fail_the_task_and_are_never_unpickled(terms: WorkerConfig) -> None:
    payload = pickle.dumps(Malicious())
    with pytest.raises(LoadedError):
        pickle.loads(payload)  # noqa: S301 - it does what it is meant to do
    events = list(work(Task("any", Stack(())), payload, terms, None))
    assert events == [[TaskDone("the data was damaged on its way to the worker")]]


def test_other_versions_are_refused_before_the_data_are_read(terms: WorkerConfig) -> None:
    other = replace(terms, versions={**versions(), "torch": "9.9"})
    (((error,)),) = list(work(Task("any", Stack(())), b"", other, None))
    assert isinstance(error, UserError)
    assert "where the study is run from" in str(error)
