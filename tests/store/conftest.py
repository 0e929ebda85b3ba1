"""A migrated, empty store: made once, copied for each test, because making one takes seconds."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.store.database import create
from harness.store.uri import sqlite_uri
from tests.store.registered import filled
from tests.support.stores import picture, undisturbed

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


@pytest.fixture
def expected(template: Path, tmp_path: Path) -> Stored:
    """The store of the small study, undisturbed."""
    (tmp_path / "expected").mkdir()
    path = tmp_path / "expected" / "mlflow.db"
    shutil.copy(template, path)
    undisturbed(f"sqlite:///{path}")
    return picture(f"sqlite:///{path}")
