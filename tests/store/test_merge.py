"""The runs of another store are brought into this one: each once, whole, and as it ended."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from harness.errors import UserError
from harness.store.digest import IMAGES
from harness.store.fetch import local_folder
from harness.store.merge import Merged, merge_study, mergeable, require_another
from harness.store.pictures import HAS_IMAGES
from harness.store.reading import read_study
from harness.store.session import Session
from harness.store.store import Store
from harness.store.uri import sqlite_path, sqlite_uri, store_at
from harness.study.study import Study
from tests.store.conftest import Stored
from tests.store.killed import Fragile, Killed
from tests.support.inprocess import contents
from tests.support.stores import (
    children,
    experiment_id,
    grid,
    picture,
    result,
    study,
    tracker,
    undisturbed,
)

NORMS = {"norm": ["none", "batch"]}
MORE = {**NORMS, "residual": [False, True]}


def small(factors: dict[str, Any] = NORMS, **changes: Any) -> Study:
    """Two variants, two seeds, unless more is asked for."""
    baseline = {factor: levels[-1] for factor, levels in factors.items()}
    return study(factors=factors, baseline=baseline, **changes)


@pytest.fixture
def other(template: Path, tmp_path: Path) -> str:
    """The URI of a second, empty store."""
    (tmp_path / "other").mkdir()
    shutil.copy(template, tmp_path / "other" / "mlflow.db")
    return sqlite_uri(tmp_path / "other" / "mlflow.db")


def train(uri: str, asked: Study, session: str = "one") -> None:
    """Store a study, all of whose runs end."""
    with tracker(uri, asked, session) as tracked:
        for run in grid(asked):
            tracked.deliver(result(run))


def merge(source: str, target: str) -> list[Merged]:
    theirs, ours = Store.existing(source), Store.open(target)
    return [merge_study(theirs, experiment, ours) for experiment in mergeable(theirs)]


def runs_of(pictured: Stored) -> Stored:
    """The children of a picture, but for where each was taken from and images of histograms.

    These are of a study's first seed, which may be another one in a part of it.
    """
    found = {key: run for key, run in pictured.items() if "seed" in run["params"]}
    for run in found.values():
        for tag in ("taken_from", *HAS_IMAGES):
            run["tags"].pop(tag, None)
        run["artifacts"] = {
            path: file for path, file in run["artifacts"].items() if not path.startswith(IMAGES)
        }
    return found


def parent(uri: str) -> Any:
    query = "tags.`ablate.kind` = 'study'"
    (run,) = MlflowClient(uri).search_runs([experiment_id(uri)], query)
    return run


def test_two_halves_make_the_whole_as_if_it_was_trained_here(
    uri: str, other: str, template: Path, tmp_path: Path
) -> None:
    whole = sqlite_uri(Path(shutil.copy(template, tmp_path / "whole.db")))
    train(whole, small())
    train(uri, small(seeds=[1]))
    train(other, small(seeds=[2]), "two")
    folder = Path(str(sqlite_path(other))).parent
    before = contents(folder)
    assert merge(other, uri) == [Merged("small", new=False, brought=2)]
    assert contents(folder) == before
    assert runs_of(picture(uri)) == runs_of(picture(whole))
    stored = read_study(Store.existing(uri), "small")
    assert (stored.study.seeds, stored.facts["first_seeds"]) == ((1, 2), "1")
    above = parent(uri)
    assert (above.info.status, above.data.tags["progress"]) == ("FINISHED", "4 of 4 runs")
    assert {run.data.tags["mlflow.parentRunId"] for run in children(uri)} == {above.info.run_id}


def test_a_study_that_is_new_here_is_created_as_it_is_there(uri: str, other: str) -> None:
    train(other, small())
    assert merge(other, uri) == [Merged("small", new=True, brought=4)]
    mine, theirs = picture(uri), picture(other)
    assert mine.keys() == theirs.keys()  # of the parent run, too
    assert runs_of(mine) == runs_of(theirs)
    here, there = (read_study(Store.existing(store), "small") for store in (uri, other))
    assert here.study == there.study
    assert set(here.runs["changed"]) == {""}
    for fact in ("claims_digest", "first_seeds", "progress", "name", "digest"):
        assert here.facts[fact] == there.facts[fact]
    ours, others = (Store.existing(store).experiment("small") for store in (uri, other))
    assert ours is not None
    assert others is not None
    assert ours.tags == others.tags


def test_a_second_merge_changes_nothing(uri: str, other: str) -> None:
    train(other, small())
    merge(other, uri)
    MlflowClient(uri).set_tag(parent(uri).info.run_id, "mlflow.note.content", "by a person")
    before = picture(uri)
    assert merge(other, uri) == [Merged("small", new=False, here=4)]
    assert picture(uri) == before


def test_a_merge_does_not_decide_which_runs_are_reported(uri: str, other: str) -> None:
    train(uri, small(seeds=[1]))
    train(other, small(seeds=[1]).override(steps=20))
    assert merge(other, uri) == [Merged("small", new=False, brought=2)]
    assert read_study(Store.existing(uri), "small").study.fixed["steps"] == 50
    assert read_study(Store.existing(uri), "small", steps=20).study.fixed["steps"] == 20


def test_killed_before_any_call_and_run_again_it_leaves_neither_halves_nor_twins(
    uri: str, other: str
) -> None:
    asked = small()
    with tracker(other, asked) as tracked:
        tracked.deliver(result(grid(asked)[0]))
    source, target = Store.existing(other), Store.open(uri)
    (theirs,), client = mergeable(source), target.client
    for calls in range(1, 40):
        fragile = Fragile(client, calls, after=False)
        target.client = fragile  # type: ignore[assignment]
        try:
            merge_study(source, theirs, target)
        except Killed:
            continue
        break
    assert fragile.left > 0  # the last time, it was not killed
    assert calls > 10
    assert runs_of(picture(uri)) == runs_of(picture(other))
    assert {run["status"] for run in picture(uri).values()} == {"FINISHED"}


def test_a_copy_that_was_trained_on_comes_back(template: Path, tmp_path: Path) -> None:
    """Its runs have the ids of those here: MLflow's client would take one's files for another's."""
    folder = tmp_path / "here"
    folder.mkdir()
    here = sqlite_uri(Path(shutil.copy(template, folder)))
    train(here, small(seeds=[1]))
    shutil.copytree(folder, tmp_path / "copy")
    copied = sqlite_uri(tmp_path / "copy" / "mlflow.db")
    train(copied, small(), "two")
    assert merge(copied, here) == [Merged("small", new=False, brought=2, here=2)]
    assert read_study(Store.existing(here), "small").study.seeds == (1, 2)
    places = {local_folder(run) for run in children(here)}
    assert places == {folder / "mlartifacts" / run.info.run_id / "artifacts"
                      for run in children(here)}  # fmt: skip


def test_runs_that_are_not_as_they_ended_are_named_and_stay(uri: str, other: str) -> None:
    train(other, small())
    changed, damaged, undigested, _ = children(other)
    client = MlflowClient(other)
    client.log_metric(changed.info.run_id, "final/dev_loss", 0.1)
    client.delete_tag(undigested.info.run_id, "digest")
    folder = local_folder(damaged)
    assert folder is not None
    (folder / "trace.parquet").write_bytes(b"")
    (merged,) = merge(other, uri)
    assert (merged.brought, len(children(uri))) == (1, 1)
    assert sorted(merged.left) == sorted([
        f"{changed.info.run_name}: changed since it ended",
        f"{damaged.info.run_name}: trace.parquet is damaged",
        f"{undigested.info.run_name}: without a digest, so changes cannot be detected",
    ])  # fmt: skip


def test_of_twins_the_first_that_is_as_it_ended_comes(uri: str, other: str) -> None:
    asked = small(seeds=[1])
    train(other, asked)
    with tracker(other, asked, "twin") as twin:
        twin.ended.clear()
        twin._runs._runs.clear()
        twin.deliver(result(grid(asked)[0]))
    key = grid(asked)[0].key
    first, second = sorted(
        (run for run in children(other) if run.data.tags["run_key"] == key),
        key=lambda run: run.info.start_time,
    )
    MlflowClient(other).log_metric(first.info.run_id, "final/dev_loss", 0.1)
    assert merge(other, uri) == [Merged("small", new=True, brought=2)]
    taken = {run.data.tags["taken_from"] for run in children(uri)}
    assert {first.info.run_id, second.info.run_id} & taken == {second.info.run_id}


def test_unfinished_runs_stay_and_those_here_are_completed(uri: str, other: str) -> None:
    first, second = small(seeds=[1]), small(seeds=[2])
    train(other, first)
    with tracker(other, second, "two") as tracked:
        tracked.fail(grid(second)[0], "it crashed")
    with tracker(uri, first) as tracked:
        tracked.fail(grid(first)[0], "it crashed")
    assert merge(other, uri) == [Merged("small", new=False, brought=2)]
    assert [run.info.status for run in children(uri)] == ["FINISHED"] * 2


def test_where_both_have_a_study_its_definition_stays_with_what_differs(
    uri: str, other: str
) -> None:
    train(uri, small(MORE, seeds=[1]))
    train(other, small(seeds=[2], question="Another one?"))
    (merged,) = merge(other, uri)
    assert (merged.brought, merged.differs) == (2, ["question", "factors", "baseline"])
    stored = read_study(Store.existing(uri), "small").study
    assert (stored.question, stored.seeds) == (study().question, (1,))  # two of four variants


def test_a_study_that_another_process_writes_is_refused(uri: str, other: str) -> None:
    undisturbed(other)
    tracked = tracker(uri)
    writer = Session("x", "elsewhere", 1, "noon", Session.here("x").renewed)
    MlflowClient(uri).set_tag(tracked.parent_id, "session", writer.to_tag())
    with pytest.raises(
        UserError, match=r"only one process at a time may write a study; .*on elsewhere"
    ):
        merge(other, uri)


def test_one_store_is_no_two(uri: str, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    os.link(tmp_path / "mlflow.db", link)
    for same in (store_at(str(tmp_path)), store_at(f"{tmp_path}/mlflow.db"), sqlite_uri(link)):
        with pytest.raises(UserError) as refused:
            require_another(same, uri)
        assert str(refused.value) == (
            f"merge needs two different stores; received the same one twice: {uri}. Name another "
            "STORE, or name the store to write to with --tracking-uri."
        )


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        store_at(str(tmp_path / "nowhere"))
    assert str(refused.value) == (
        "STORE must be the address of a store, its database, or the folder that holds it; received "
        f"'{tmp_path}/nowhere'. Name a folder with mlflow.db, or give sqlite:///FILE or the "
        "http(s)://… address of an MLflow server."
    )


def test_a_store_without_studies_or_in_another_schema_is_refused(other: str) -> None:
    with pytest.raises(UserError) as refused:
        mergeable(Store.existing(other))
    assert str(refused.value) == (
        f"the store to merge must hold studies; received none in {other}. Name a "
        "store that `ablate run` has written to."
    )
    MlflowClient(other).create_experiment("old", tags={"ablate.schema": "1"})
    with pytest.raises(UserError) as refused:
        mergeable(Store.existing(other))
    assert str(refused.value) == (
        "the studies of the store to merge must have schema 2 of the harness; received 'old' in "
        f"{other}, stored in schema 1 by another version. Train the study again with this version, "
        "or merge with that version."
    )


def test_an_experiment_that_others_use_is_left_as_it_is(uri: str, other: str) -> None:
    undisturbed(other)
    client = MlflowClient(uri)
    experiment = client.create_experiment("small")
    client.create_run(experiment)
    with pytest.raises(UserError, match="must be one that `ablate run` created, or empty"):
        merge(other, uri)
    assert len(client.search_runs([experiment])) == 1
