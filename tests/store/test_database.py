import os
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import mlflow
import pytest
from alembic.script import ScriptDirectory
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from harness.errors import Locked, UserError
from harness.store import database as module
from harness.store.database import check, create, prepare, revisions
from harness.store.peek import surely_new
from harness.store.store import Store


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


HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.executescript(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""

HALF_MADE = """
PRAGMA cache_size = 2; BEGIN; UPDATE alembic_version SET version_num = 'half';
CREATE TABLE more AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)
SELECT i, hex(randomblob(50)) FROM n;
"""  # so much that some is in the file before the end


@contextmanager
def holding(path, lock):
    """Another process holds a lock of the database; yields its id."""
    command = [sys.executable, "-c", HOLDER, str(path), lock]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.stdin.close()


def test_a_locked_database_is_waited_for_and_then_its_holder_named(uri, tmp_path, monkeypatch):
    path = tmp_path / "mlflow.db"
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    with holding(path, "BEGIN EXCLUSIVE") as holder:
        for touch in (lambda: check(path), lambda: prepare(path),
                      lambda: Store.existing(uri), lambda: surely_new(uri, "small")):  # fmt: skip
            with pytest.raises(Locked) as refused:
                touch()
            assert str(refused.value).startswith(f"{path}, locked by another process")
            if sys.platform == "linux":
                assert f"these have it open: {holder} (python" in str(refused.value)
    prepare(path)


def test_a_lock_that_ends_is_not_noticed(template, tmp_path):
    path = tmp_path / "mlflow.db"
    shutil.copy(template, path)
    with ThreadPoolExecutor() as threads:
        with holding(path, "BEGIN EXCLUSIVE"):
            waiting = threads.submit(check, path)
            time.sleep(0.3)
            assert not waiting.done()
        waiting.result(30)


def test_what_a_killed_process_left_half_made_is_undone(template, tmp_path):
    path = tmp_path / "mlflow.db"
    shutil.copy(template, path)
    with holding(path, HALF_MADE):
        for name in ("mlflow.db", "mlflow.db-journal"):
            shutil.copy(tmp_path / name, tmp_path / f"left-{name}")
    left = tmp_path / "left-mlflow.db"
    assert (tmp_path / "left-mlflow.db-journal").exists()
    check(left)
    assert not (tmp_path / "left-mlflow.db-journal").exists()


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "mlflow.db").mkdir()
    with pytest.raises(UserError) as refused:
        check(tmp_path / "mlflow.db")
    assert str(refused.value) == (
        f"the MLflow database must be readable and writable; received {tmp_path}/mlflow.db (unable "
        "to open database file). Check its permissions, its disk and the limits of this machine "
        "(ulimit -a), or choose another store with --tracking-uri."
    )


def test_a_lock_that_mlflow_meets_is_no_server_that_fails_to_answer(uri):
    store, says = Store.open(uri), "(sqlite3.OperationalError) database is locked"
    with pytest.raises(Locked, match="locked by another process"), store.reach():
        raise MlflowException(says, TEMPORARILY_UNAVAILABLE)
    with pytest.raises(Locked, match="locked by another process"), store.reach():
        raise sqlite3.OperationalError("database is locked")
