import pytest

from harness.errors import UserError
from harness.store.uri import redacted, sqlite_path, tracking_uri


def test_nothing_means_a_file_in_this_directory_with_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(None) == tracking_uri("") == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_sqlite_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri("sqlite:///a b%20/x.db") == f"sqlite:///{tmp_path}/a b%20/x.db"
    assert tracking_uri("sqlite:////a/x.db") == "sqlite:////a/x.db"


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:5000", "https://team.example/mlflow", "postgresql://u:p@h/db",
     "postgresql+psycopg2://h/db", "mysql+pymysql://h/db"],
)  # fmt: skip
def test_servers_and_databases_are_taken_as_they_are(uri):
    assert tracking_uri(uri) == uri
    assert sqlite_path(uri) is None


@pytest.mark.parametrize(
    "uri",
    ["mlruns", "./mlflow.db", "file:///tmp/mlruns", "ftp://host", "http://", "nonsense://x",
     "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///x?mode=ro", "http://h:port", "http://[",
     "databricks"],
)  # fmt: skip
def test_anything_else_is_refused_with_a_remedy(uri):
    with pytest.raises(UserError, match="tracking URI") as refused:
        tracking_uri(uri)
    assert "sqlite:///FILE" in refused.value.remedy


def test_credentials_are_never_shown():
    assert redacted("https://ann:secret@host:1/x") == "https://host:1/x"
    assert redacted("postgresql://h/db?user=ann&password=secret") == "postgresql://h/db"
    assert redacted("sqlite:////a/x.db") == "sqlite:////a/x.db"
    with pytest.raises(UserError) as refused:
        tracking_uri("ftp://ann:secret@host")
    assert "secret" not in str(refused.value)
