import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from alembic.script import ScriptDirectory

from harness.errors import UserError
from harness.store.database import check, create, prepare, revisions


def test_a_database_that_was_created_is_usable_and_nothing_else_is_left(template):
    check(template)
    assert os.listdir(template.parent) == [template.name]


def test_schemas_are_those_that_alembic_finds():
    migrations = Path(mlflow.__file__).parent / "store" / "db_migrations"
    scripts = ScriptDirectory(str(migrations))
    known, newest = revisions()
    assert newest == set(scripts.get_heads())
    assert known == {script.revision for script in scripts.walk_revisions()}


def test_creating_never_replaces_a_database_that_appeared_meanwhile(
    template, tmp_path, monkeypatch
):
    path = tmp_path / "mlflow.db"
    link = os.link

    def slow_link(source, target):
        shutil.copy(template, path)
        os.utime(path, (1, 1))
        link(source, target)

    monkeypatch.setattr(os, "link", slow_link)
    create(path)
    assert path.stat().st_mtime == 1


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 99])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(UserError, match="MLflow database"):
        prepare(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")
        database.commit()
    before = path.read_bytes()
    with pytest.raises(UserError, match="another program's database"):
        prepare(path)
    assert path.read_bytes() == before


def test_a_damaged_database_is_refused(template, tmp_path):
    content = bytearray(template.read_bytes())
    content[8192 : len(content) // 2] = bytes(len(content) // 2 - 8192)
    path = tmp_path / "mlflow.db"
    path.write_bytes(content)
    with pytest.raises(UserError, match="must be undamaged"):
        prepare(path)


@pytest.mark.parametrize(
    ("revision", "age"), [("ffffffffffff", "a newer MLflow"), ("451aebb31d03", "an older MLflow")]
)
def test_a_store_of_another_mlflow_is_refused_with_what_to_do(template, tmp_path, revision, age):
    path = tmp_path / "mlflow.db"
    shutil.copy(template, path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE alembic_version SET version_num = ?", [revision])
        database.commit()
    with pytest.raises(UserError, match=age):
        prepare(path)


def test_a_directory_that_is_missing_is_refused(tmp_path):
    with pytest.raises(UserError, match="directory"):
        prepare(tmp_path / "missing" / "mlflow.db")


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    place = tmp_path if os.geteuid() else Path("/proc")  # root may write everywhere but there
    with pytest.raises(UserError, match="writable"):
        prepare(place / "mlflow.db")
