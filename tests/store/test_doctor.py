"""Everything that does not fit together in a store is found, and mended where that is no guess."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.store.doctor import Examination, doubtful, examine, reopen
from harness.store.identity import IDENTITY
from harness.store.location import folder_of
from harness.store.selection import ended_runs
from harness.store.server import serving
from harness.store.session import Session
from harness.store.store import Store
from tests.store.test_server import free_port
from tests.support.stores import (
    Filled,
    children,
    experiment_id,
    grid,
    picture,
    result,
    study,
    tracker,
    undisturbed,
    write_live,
)

KEYS = {run.key for run in grid(study())}


@pytest.fixture
def filled(stored: Filled) -> str:
    return stored(undisturbed)


def seen(uri: str) -> Examination:
    return examine(Store.existing(uri))


def found(uri: str) -> list[tuple[str, str, bool]]:
    """Kind, words, and whether it can be repaired."""
    return [(one.kind, one.what, one.repair is not None) for one in seen(uri).found]


def repair(uri: str) -> None:
    for one in seen(uri).found:
        if one.repair:
            one.repair()


def sql(uri: str, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database, database:
        database.execute(statement, values)


def folder(run: Any) -> Path:
    return folder_of(run.info.artifact_uri)


def test_a_sound_store_is_sound(filled: str) -> None:
    looked = seen(filled)
    assert (looked.studies, looked.runs, looked.unchecked, looked.found) == (1, 8, 0, [])
    assert doubtful(Store.existing(filled), "small", KEYS) == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("harm", "name", "what"),
    [
        (Path.unlink, "trace.parquet", "trace.parquet is missing"),
        (cut, "trace.parquet", "trace.parquet is damaged"),
        (flip, "trace.parquet", "trace.parquet is damaged"),
        (flip, "model/weights.safetensors", "model/weights.safetensors is damaged"),
        (Path.unlink, "samples.txt", "samples.txt is missing"),
        (cut, "model/config.json", "model/config.json is damaged"),
        (lambda path: path.write_text("{}"), "model/config.json", "model/config.json is damaged"),
        (shutil.rmtree, "", "its files are missing"),
    ],
)
def test_files_that_are_gone_or_damaged_are_named(
    filled: str, harm: Callable[[Path], object], name: str, what: str
) -> None:
    run = children(filled)[3]
    harm(folder(run) / name)
    ((kind, words, mends),) = found(filled)
    assert (kind, words, mends) == ("files", f"{run.info.run_name}: {what}", False)


def test_runs_that_lost_files_get_them_again_and_no_other_run_is_touched(
    filled: str, expected: dict[str, Any]
) -> None:
    one, other, *_ = children(filled)
    shutil.rmtree(folder(one))
    cut(folder(other) / "trace.parquet")
    assert doubtful(Store.existing(filled), "small", KEYS) == [one.info.run_name]  # at a glance
    mended = reopen(Store.existing(filled), "small", KEYS)
    assert sorted(mended) == sorted(
        [f"{one.info.run_name}: its files are missing",
         f"{other.info.run_name}: trace.parquet is damaged"]
    )  # fmt: skip
    with tracker(filled, session="two") as tracked:
        left = KEYS - tracked.ended.keys()
        assert left == {run.data.tags["run_key"] for run in (one, other)}
        for run in grid(study()):
            tracked.deliver(result(run))
    assert picture(filled) == expected
    assert seen(filled).found == []
    assert {run.info.run_id for run in children(filled)} >= {one.info.run_id, other.info.run_id}


@pytest.mark.parametrize("name", ["trace.parquet", "model/config.json"])
def test_a_run_that_lacks_one_file_is_doubtful_at_a_glance(filled: str, name: str) -> None:
    run = children(filled)[0]
    (folder(run) / name).unlink()
    assert doubtful(Store.existing(filled), "small", KEYS) == [run.info.run_name]


FORGERIES = {
    "a point logged by hand": lambda uri, run: MlflowClient(uri).log_metric(
        run.info.run_id, "final/dev_loss", 0.5, step=1
    ),
    "a value in the database": lambda uri, run: sql(
        uri,
        "UPDATE latest_metrics SET value = 0.5 WHERE run_uuid = ? AND key = 'final/dev_loss'",
        run.info.run_id,
    ),
    "a param in the database": lambda uri, run: sql(
        uri, "UPDATE params SET value = '3' WHERE run_uuid = ? AND key = 'depth'", run.info.run_id
    ),
    "a tag": lambda uri, run: MlflowClient(uri).set_tag(run.info.run_id, "minibatches", "mine"),
    "a tag deleted": lambda uri, run: MlflowClient(uri).delete_tag(run.info.run_id, "versions"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_run_that_was_changed_is_named_and_trained_again(
    filled: str, forgery: str, expected: dict[str, Any]
) -> None:
    run = children(filled)[0]
    FORGERIES[forgery](filled, run)
    what = f"{run.info.run_name}: params, tags or numbers changed since it ended"
    assert found(filled) == [("values", what, False)]
    assert doubtful(Store.existing(filled), "small", KEYS) == [run.info.run_name]
    assert reopen(Store.existing(filled), "small", KEYS - {run.data.tags["run_key"]}) == []
    assert reopen(Store.existing(filled), "small", KEYS) == [what]
    undisturbed(filled)
    assert picture(filled) == expected
    assert seen(filled).found == []


@pytest.mark.parametrize("tag", ["run_key", "subject", "version", "data_digest", "outcome"])
def test_a_decisive_tag_that_was_changed_is_put_back_if_the_files_tell_it(
    filled: str, tag: str
) -> None:
    run, before = children(filled)[0], picture(filled)
    MlflowClient(filled).set_tag(run.info.run_id, tag, "diverged" if tag == "outcome" else "x")
    ((kind, words, mends),) = found(filled)
    assert (kind, mends) == ("values", True)
    assert words == f"{run.info.run_name}: {tag} changed since it ended"
    assert doubtful(Store.existing(filled), "small", KEYS) == [run.info.run_name]
    assert reopen(Store.existing(filled), "small", KEYS) == [words]
    assert picture(filled) == before
    assert seen(filled).found == []


@pytest.mark.parametrize("tag", [*sorted(IDENTITY), "ablate.schema"])
def test_a_tag_that_was_deleted_is_written_back(filled: str, tag: str) -> None:
    run, before = children(filled)[0], picture(filled)
    MlflowClient(filled).delete_tag(run.info.run_id, tag)
    assert found(filled) == [("tags", f"{run.info.run_name}: lacks {tag}", True)]
    repair(filled)
    assert picture(filled) == before
    assert seen(filled).found == []


def test_a_run_without_its_mark_that_was_changed_is_no_run_of_ours(filled: str) -> None:
    run, client = children(filled)[0], MlflowClient(filled)
    client.log_metric(run.info.run_id, "final/dev_loss", 0.5, step=1)
    client.delete_tag(run.info.run_id, "ablate.schema")
    assert found(filled) == []


def test_all_tags_and_a_param_that_follow_from_the_rest_are_written_back(filled: str) -> None:
    run, before = children(filled)[0], picture(filled)
    for tag in IDENTITY:
        MlflowClient(filled).delete_tag(run.info.run_id, tag)
    sql(filled, "DELETE FROM params WHERE run_uuid = ? AND key = 'seed'", run.info.run_id)
    ((kind, words, mends),) = found(filled)
    assert (kind, mends) == ("tags", True)
    assert all(name in words for name in (*IDENTITY, "seed"))
    repair(filled)
    assert picture(filled) == before


def test_a_label_that_was_changed_is_put_back(filled: str) -> None:
    run, before = children(filled)[0], picture(filled)
    MlflowClient(filled).set_tag(run.info.run_id, "variant", "mine")
    assert found(filled) == [
        ("tags", f"{run.info.run_name}: its tag says that it is 'mine'", True)
    ]  # fmt: skip
    repair(filled)
    assert picture(filled) == before


def test_a_parent_that_lost_its_tags_gets_them_back(filled: str) -> None:
    client = MlflowClient(filled)
    (parent,) = client.search_runs([experiment_id(filled)], "tags.`ablate.kind` = 'study'")
    for tag in ("ablate.kind", "run_key", "steps", "data_digest"):
        client.delete_tag(parent.info.run_id, tag)
    ((kind, words, mends),) = found(filled)
    assert (kind, mends) == ("tags", True)
    assert words == f"{parent.info.run_name}: lacks ablate.kind, steps, data_digest"
    repair(filled)
    assert found(filled) == [("tags", f"{parent.info.run_name}: lacks run_key", True)]
    repair(filled)
    assert client.get_run(parent.info.run_id).data.tags == parent.data.tags


def test_a_run_of_which_nothing_tells_which_it_is_does_not_count(filled: str) -> None:
    run = children(filled)[0]
    MlflowClient(filled).delete_tag(run.info.run_id, "run_key")
    shutil.rmtree(folder(run))
    what = f"{run.info.run_name}: lacks its key, and neither params nor files identify it"
    assert found(filled) == [("unidentified", what, False)]
    with tracker(filled, session="two") as tracked:
        assert KEYS - tracked.ended.keys() == {run.data.tags["run_key"]}


@pytest.mark.parametrize("stop", [1.0, 0.5])
def test_of_equal_twins_the_one_that_is_whole_stays(filled: str, stop: float) -> None:
    first = grid(study())[0]
    twin = tracker(filled, session="twin")
    twin.ended.clear()
    twin._runs._runs.clear()
    twin.deliver(result(first, stop))
    twin.close("finished")
    old, new = sorted(
        (run for run in children(filled) if run.data.tags["run_key"] == first.key),
        key=lambda run: int(run.info.start_time),
    )
    ((kind, _, mends),) = found(filled)
    assert (kind, mends) == ("twins", stop == 1.0)
    assert ended_runs(Store.existing(filled), "small")[first.key] == "finished"  # the first counts
    if mends:
        shutil.rmtree(folder(old))
        repair(filled)
        assert {run.info.run_id for run in children(filled)} >= {new.info.run_id}
        assert len(children(filled)) == 8
        assert seen(filled).found == []


def test_runs_without_a_process_are_ended(uri: str) -> None:
    killed = tracker(uri)
    write_live(killed, result(grid(study())[0]), share=0.5)
    assert [kind for kind, _, _ in found(uri)] == ["running", "running"]
    repair(uri)
    (stored,) = children(uri)
    assert (stored.info.status, stored.data.tags["outcome"]) == ("KILLED", "interrupted")
    assert seen(uri).found == []


def test_another_process_that_writes_the_study_keeps_only_its_own_runs_running(uri: str) -> None:
    writing = tracker(uri, study().override(steps=20), "two")
    tag = replace(Session.here("two"), host="elsewhere").to_tag()
    MlflowClient(uri).set_tag(writing.parent_id, "session", tag)
    killed = tracker(uri)
    write_live(killed, result(grid(study())[0]), share=0.5)
    assert [(one.kind, one.run_id) for one in seen(uri).found] == [
        ("running", killed.parent_id), ("running", children(uri)[0].info.run_id),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", [None, "[]", "{", "[" * 100_000, '{"study": {}, "facts": {}}', '{"facts": 1}']
)
def test_a_definition_that_is_gone_or_damaged_is_named(filled: str, text: str | None) -> None:
    (path,) = (Path(filled.removeprefix("sqlite:///")).parent / "mlartifacts").rglob("study.json")
    path.unlink() if text is None else path.write_text(text)
    ((kind, words, _),) = found(filled)
    assert (kind, words) == ("definition", "small · 50 steps · tiny: no complete study.json")
    undisturbed(filled)  # the next session writes it
    assert seen(filled).found == []


def test_files_that_no_run_names_are_listed_and_those_of_deleted_runs_are_not(filled: str) -> None:
    run = children(filled)[0]
    stray = folder(run).parent.with_name("f" * 32)
    shutil.copytree(folder(run), stray / "artifacts")
    MlflowClient(filled).delete_run(run.info.run_id)
    ((kind, words, mends),) = found(filled)
    assert (kind, mends) == ("no run", False)
    assert words.startswith(f"{stray}: 5 files, ")
    assert examine(Store.existing(filled), "small").found == []


@pytest.mark.service
def test_on_a_server_files_that_are_gone_or_damaged_are_found_as_well(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", os.environ.get("NO_PROXY", "127.0.0.1"))
    with serving(uri, free_port()) as server:
        undisturbed(server)
        one, other, third, *_ = children(server)
        place = {
            run: tmp_path / "mlartifacts" / "1" / run.info.run_id for run in (one, other, third)
        }
        (place[one] / "artifacts" / "trace.parquet").unlink()
        shutil.rmtree(place[other])
        cut(place[third] / "artifacts" / "trace.parquet")
        said = [
            f"{one.info.run_name}: trace.parquet is missing",
            f"{other.info.run_name}: model/config.json is missing",
            f"{third.info.run_name}: trace.parquet is damaged",
        ]
        assert sorted(found(server)) == sorted(("files", what, False) for what in said)
        assert sorted(reopen(Store.existing(server), "small", KEYS)) == sorted(said)
        undisturbed(server)
        assert picture(server) == expected
        assert seen(server).found == []


def test_runs_without_a_digest_are_counted(filled: str) -> None:
    MlflowClient(filled).delete_tag(children(filled)[0].info.run_id, "digest")
    looked = seen(filled)
    assert (looked.unchecked, looked.found) == (1, [])


def test_other_experiments_are_left_alone(filled: str) -> None:
    client = MlflowClient(filled)
    run = client.create_run(client.create_experiment("theirs"))
    client.log_metric(run.info.run_id, "final/dev_loss", 1.0)
    assert seen(filled).found == []
