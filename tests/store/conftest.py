"""A migrated, empty store: made once, copied for each test, because making one takes seconds."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.store.database import create
from harness.store.uri import sqlite_uri
from tests.store.registered import filled
from tests.support.stores import Fill, Filled, copy_store, picture, undisturbed

__all__ = ["filled"]

Stored = dict[str, Any]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    create(path)
    return path


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    shutil.copy(template, tmp_path / "mlflow.db")
    return sqlite_uri(tmp_path / "mlflow.db")


@pytest.fixture(scope="session")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Fill], Path]:
    """Fills a store once for each way of filling one, and tells its folder."""

    @cache
    def filled_by(fill: Fill) -> Path:
        folder = tmp_path_factory.mktemp("made")
        shutil.copy(template, folder / "mlflow.db")
        fill(sqlite_uri(folder / "mlflow.db"))
        return folder

    return filled_by


@pytest.fixture
def stored(made: Callable[[Fill], Path], uri: str, tmp_path: Path) -> Filled:
    """Fills the test's store, by a copy of one that was filled in the same way."""

    def put(fill: Fill) -> str:
        copy_store(made(fill), tmp_path)
        return uri

    return put


@pytest.fixture(scope="session")
def expected(made: Callable[[Fill], Path]) -> Stored:
    """The store of the small study, undisturbed."""
    return picture(sqlite_uri(made(undisturbed) / "mlflow.db"))
