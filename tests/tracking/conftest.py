"""A migrated, empty store: made once, copied for each test, because making one takes seconds."""

import shutil
from pathlib import Path

import pytest

from harness.tracking.database import create
from harness.tracking.uri import sqlite_uri


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    create(path)
    return path


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    shutil.copy(template, tmp_path / "mlflow.db")
    return sqlite_uri(tmp_path / "mlflow.db")
