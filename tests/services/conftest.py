"""Servers that the tests share: each is started once, and stopped by its process id."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.conftest import template, uri
from tests.support.installed import train
from tests.support.postgresql import postgresql, postgresql_programs
from tests.support.servers import PASSWORD, mlflow_server

__all__ = ["template", "uri"]


@pytest.fixture(scope="session")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server on SQLite."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(template, folder / "mlflow.db")
    with mlflow_server(folder, f"sqlite:///{folder}/mlflow.db") as address:
        yield address


@pytest.fixture(scope="session")
def local(template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A local store with the study that servers are compared with."""
    folder = tmp_path_factory.mktemp("local")
    shutil.copy(template, folder / "mlflow.db")
    train(folder, f"sqlite:///{folder}/mlflow.db")
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """A PostgreSQL database."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgresql(programs) as address:
        yield address


@pytest.fixture(scope="session")
def team_server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server on PostgreSQL."""
    with mlflow_server(tmp_path_factory.mktemp("team"), database) as address:
        yield address


@pytest.fixture(scope="session")
def guarded_server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow server that requires a name and a password; who has them may read all."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(template, folder / "mlflow.db")
    (folder / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"database_uri = sqlite:///{folder}/auth.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    with mlflow_server(
        folder,
        f"sqlite:///{folder}/mlflow.db",
        *("--app-name", "basic-auth"),
        MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"),
        MLFLOW_AUTH_ADMIN_PASSWORD=PASSWORD,
        MLFLOW_FLASK_SERVER_SECRET_KEY=PASSWORD,
    ) as address:
        yield address
