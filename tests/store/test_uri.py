import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from harness.errors import UserError
from harness.store.uri import (
    for_mlflow,
    found_above,
    found_database,
    redacted,
    sqlite_path,
    sqlite_uri,
    tracking_uri,
)

ANY_NAME = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda name: name not in (".", ".."))


def test_nothing_means_a_file_in_this_directory_with_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(None) == tracking_uri("") == f"sqlite:///{tmp_path}/mlflow.db"


def test_a_sqlite_path_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tracking_uri("sqlite:///a b/x.db") == f"sqlite:///{tmp_path}/a b/x.db"
    assert tracking_uri("sqlite:////a/x.db") == "sqlite:////a/x.db"


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:///my%20store.db", "my store.db"),
        ("sqlite:///my store.db", "my store.db"),
        ("sqlite:///my%2520store.db", "my%20store.db"),
        ("sqlite:///100%.db", "100%.db"),
        ("sqlite:///what%3F.db", "what?.db"),
        ("sqlite:///a#b.db", "a#b.db"),
        ("sqlite:///ü.db", "ü.db"),
    ],
)
def test_a_uri_names_the_file_that_mlflow_opens(tmp_path, monkeypatch, uri, file):
    monkeypatch.chdir(tmp_path)
    assert sqlite_path(tracking_uri(uri)) == tmp_path / file
    assert make_url(uri).database == file  # MLflow leaves it to SQLAlchemy


@given(ANY_NAME, ANY_NAME)
def test_any_name_of_a_directory_and_a_file_survives(folder, file):
    path = Path("/nowhere") / folder / file
    uri = sqlite_uri(path)
    assert sqlite_path(uri) == path
    assert tracking_uri(uri) == uri
    assert make_url(for_mlflow(uri)).database == str(path)


def test_a_name_that_is_no_text_is_refused(tmp_path, monkeypatch):
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(UserError, match=r"text in UTF-8; received '.*\\udcff/mlflow.db'. Rename"):
        tracking_uri(None)


def test_a_link_to_a_database_means_the_database(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mlflow.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "mlflow.db")
    assert sqlite_path(sqlite_uri(tmp_path / "link.db")) == tmp_path / "real" / "mlflow.db"


@pytest.fixture
def nested(tmp_path, monkeypatch):
    """The working directory, two below tmp_path."""
    here = tmp_path / "middle" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    return here


def test_a_database_is_found_upwards_and_the_nearest_counts(nested, tmp_path):
    assert found_database() == nested / "mlflow.db"
    assert found_above(None) is None
    (tmp_path / "mlflow.db").touch()
    assert found_database() == found_above(None) == tmp_path / "mlflow.db"
    assert tracking_uri(None) == sqlite_uri(tmp_path / "mlflow.db")
    (nested.parent / "mlflow.db").touch()
    assert found_above(None) == nested.parent / "mlflow.db"
    (nested / "mlflow.db").touch()
    assert found_database() == nested / "mlflow.db"
    assert found_above(None) is None


def test_what_is_named_comes_first(nested, tmp_path):
    (tmp_path / "mlflow.db").touch()
    assert found_above("sqlite:///mlflow.db") is None
    assert tracking_uri("sqlite:///mlflow.db") == sqlite_uri(nested / "mlflow.db")


def test_the_search_does_not_leave_a_repository(nested, tmp_path):
    (tmp_path / "mlflow.db").touch()
    (nested.parent / ".git").mkdir()
    assert found_database() == nested / "mlflow.db"
    (nested.parent / "mlflow.db").touch()
    assert found_database() == nested.parent / "mlflow.db"


def test_what_others_may_have_left_is_not_found(nested, monkeypatch):
    (nested.parent / "mlflow.db").touch()
    nested.parent.chmod(0o1777)
    assert found_database() == nested / "mlflow.db"
    monkeypatch.chdir(nested.parent)
    assert found_database() == nested.parent / "mlflow.db"


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:5000", "https://team.example/mlflow", "postgresql://u:p@h/db",
     "postgresql+psycopg2://h/db", "mysql+pymysql://h/db"],
)  # fmt: skip
def test_servers_and_databases_are_taken_as_they_are(uri):
    assert tracking_uri(uri) == for_mlflow(uri) == uri
    assert sqlite_path(uri) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
        ("HTTPS://Ann:Secret@Team.Example//", "https://Ann:Secret@team.example"),
        (" http://[::1]:5000", "http://[::1]:5000"),
        ("http://h:5000/#/experiments/1/runs?searchFilter=", "http://h:5000"),
        ("http://h/mlflow/?workflowType=x#/experiments", "http://h/mlflow"),
        ("POSTGRESQL:///db?host=/run", "postgresql:///db?host=/run"),
    ],
)
def test_an_address_may_be_written_in_several_ways(typed, meant):
    assert tracking_uri(typed) == meant


@pytest.mark.parametrize("sign", ["/", "?", "#"])
@pytest.mark.parametrize("before", ["12", "se"])
@pytest.mark.parametrize("kind", ["http", "postgresql"])
def test_a_password_with_signs_of_an_address_is_refused_and_not_shown(sign, before, kind):
    with pytest.raises(UserError, match="%2F") as refused:
        tracking_uri(f"{kind}://ann:{before}{sign}cret@host:1/db")
    assert "cret" not in str(refused.value)
    assert before not in str(refused.value.received)


@pytest.mark.parametrize(
    "uri",
    ["mlruns", "./mlflow.db", "file:///tmp/mlruns", "ftp://host", "http://", "nonsense://x",
     "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///x?mode=ro", "sqlite:x.db",
     "sqlite://host/x.db", "sqlite://h:p/x.db", "sqlite:///a%00b", "sqlite+aiosqlite:///x.db",
     "http://h:port", "http://[", "databricks"],
)  # fmt: skip
def test_anything_else_is_refused_with_a_remedy(uri):
    with pytest.raises(UserError, match="tracking URI") as refused:
        tracking_uri(uri)
    assert "sqlite:///FILE" in refused.value.remedy


def test_credentials_are_never_shown():
    assert redacted("https://ann:secret@host:1/x") == "https://host:1/x"
    assert redacted("https://ann:se cr@t@host") == "https://host"
    assert redacted("ann:secret@host:1") == "host:1"
    assert redacted("postgresql:///db?host=/run&password=secret") == "postgresql:///db"
    assert redacted("sqlite:////a@b/x:y@z.db") == "sqlite:////a@b/x:y@z.db"
    assert redacted("postgresql://h/db?user=ann&password=secret") == "postgresql://h/db"
    assert redacted("sqlite:////a/x.db") == "sqlite:////a/x.db"
    with pytest.raises(UserError) as refused:
        tracking_uri("ftp://ann:secret@host")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["/a/b.db", "/a.b-c_d/0/mlflow.db", "/x/../y.db"])
def test_a_plain_path_is_what_sqlalchemy_makes_of_it(path: str) -> None:
    real = os.path.realpath(path)
    assert sqlite_uri(Path(path)) == URL.create("sqlite", database=real).render_as_string()
    assert sqlite_path(sqlite_uri(Path(path))) == Path(real)
