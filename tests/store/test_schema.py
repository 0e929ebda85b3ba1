"""A store of version 1.0 is recognised and left alone, and the message says what to do."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import UserError
from harness.store.afterwards import keep_verification
from harness.store.prune import plan_prune
from harness.store.reading import fingerprint, read_all, read_study
from harness.store.schema import _git_commit
from harness.store.selection import ended_runs
from harness.store.store import Store
from harness.store.stored import find_key, find_run, find_variant
from harness.store.workspace import Workspace
from tests.support.stores import FACTS, Filled, grid, result, study, tracker, undisturbed

REFUSED = "stored in schema 1 by another version"
KEY = grid(study())[0].key


@pytest.fixture
def old(stored: Filled, tmp_path: Path) -> str:
    """A store whose runs and experiment are marked as version 1.0 marked them."""
    uri = stored(undisturbed)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        for table in ("tags", "experiment_tags"):
            database.execute(f"UPDATE {table} SET value = '1' WHERE key = 'ablate.schema'")  # noqa: S608
    return uri


@pytest.mark.parametrize(
    "meet",
    [
        lambda store: read_study(store, "small"),
        lambda store: read_all(store, "small"),
        lambda store: fingerprint(store, "small"),
        lambda store: ended_runs(store, "small"),
        lambda store: find_key(store, study(), KEY),
        lambda store: find_variant(store, study(), str(FACTS["digest"]), study().baseline, None),
        lambda store: find_run(store, KEY),
        lambda store: keep_verification(store, study(), str(FACTS["digest"]), "verified"),
        lambda store: plan_prune(store, "small", Workspace.of("small", store.uri)),
        lambda store: tracker(store.uri),
    ],
)
def test_a_store_of_version_1_is_refused_and_left_alone(old: str, meet, tmp_path: Path) -> None:
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(UserError, match=REFUSED):
        meet(Store.existing(old))
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("remedy", ["move", "name another"])
def test_both_remedies_work(old: str, tmp_path: Path, remedy: str) -> None:
    with pytest.raises(UserError) as refused:
        tracker(old)
    assert "move mlflow.db and mlartifacts/ to another directory" in refused.value.remedy
    assert "--tracking-uri, for example sqlite:///new.db" in refused.value.remedy
    new = old
    if remedy == "move":
        (tmp_path / "old").mkdir()
        for name in ("mlflow.db", "mlartifacts"):
            (tmp_path / name).rename(tmp_path / "old" / name)
    else:
        new = f"sqlite:///{tmp_path}/new.db"
    script = (
        "from tests.support.stores import *\nfrom harness.store.reading import read_study\n"
        f"undisturbed({new!r}); print(len(read_study(Store.existing({new!r}), 'small').runs))"
    )  # in a process of its own, since MLflow keeps the moved file open in this one
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "8\n", done.stderr


def test_other_studies_of_the_same_store_are_not_affected(old: str) -> None:
    with tracker(old, study(name="new")) as tracked:
        tracked.deliver(result(grid(study())[0]))
    assert find_run(Store.existing(old), KEY).tags["study"] == "new"


def test_a_git_that_does_not_answer_leaves_the_commit_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 5)

    monkeypatch.setattr("harness.store.schema.run", hang)
    monkeypatch.setattr(Path, "exists", lambda _: True)  # of .git
    assert _git_commit() == ""
