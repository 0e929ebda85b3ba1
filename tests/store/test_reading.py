"""A study comes back from the store as it was logged."""

import errno
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

from harness.analysis.gather import gather
from harness.analysis.integrity import audit
from harness.errors import UserError
from harness.store.artifacts import NotWhole, read_trace
from harness.store.identity import IDENTITY
from harness.store.location import folder_of
from harness.store.peek import surely_new
from harness.store.reading import StoredStudy, fingerprint, read_all, read_study
from harness.store.selection import ended_runs, select
from harness.store.store import Store
from harness.store.stored import find_run, find_variant
from harness.study.plan import Run
from harness.study.request import Request
from harness.subjects.trace import COLUMNS
from tests.support.stores import (
    FACTS,
    Filled,
    children,
    experiment_id,
    grid,
    records,
    result,
    study,
    tracker,
    write_live,
)


@pytest.fixture
def filled(stored: Filled) -> str:
    return stored(fill)


def fill(uri: str) -> None:
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run, stop=0.5 if run == grid(study())[0] else 1.0))


def read(uri: str, **selected: object) -> StoredStudy:
    return read_study(Store.existing(uri), "small", **selected)  # type: ignore[arg-type]


def traces(stored: StoredStudy, batch: int = 100) -> pd.DataFrame:
    return pd.concat(stored.traces(batch))


def responses(run: Run, stop: float = 1.0) -> dict[str, float]:
    trace = result(run, stop).trace
    found = {r.name: r.of(trace) for r in study().model.responses.values()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def test_every_run_comes_back_with_its_labels_and_numbers(filled: str) -> None:
    stored = read(filled)
    assert stored.study == study()
    assert len(stored.runs) == len(grid(study()))
    for run in grid(study()):
        row = stored.runs.set_index("run_key").loc[run.key]
        assert (row["seed"], row["norm"], row["batch"]) == (str(run.seed), run.fields.norm, "32")
        assert row["residual"] == ("true" if run.fields.residual else "false")
        assert (row["subject"], row["version"]) == ("char_mlp", study().model.version)
        diverged = run == grid(study())[0]
        assert row["outcome"] == ("diverged" if diverged else "finished")
        expected = responses(run, stop=0.5 if diverged else 1.0)
        assert {name: row[name] for name in expected} == expected
        assert bool(pd.isna(row["final/dev_loss"])) == diverged


@pytest.mark.parametrize("batch", [3, 100])
def test_traces_come_back_to_the_last_bit(filled: str, batch: int) -> None:
    found = traces(read(filled), batch)
    assert set(found["run_key"]) == {run.key for run in grid(study())}
    run = grid(study())[-1]
    mine = found[found["run_key"] == run.key].reset_index(drop=True)
    wanted = pd.DataFrame(result(run).trace.columns())
    pd.testing.assert_frame_equal(mine[list(COLUMNS)], wanted, check_exact=True)


def test_a_trace_that_was_stored_without_names_is_read(tmp_path: Path) -> None:
    columns = pd.DataFrame(result(grid(study())[0]).trace.columns())
    columns.drop(columns="name").to_parquet(tmp_path / "trace.parquet")
    found = read_trace(tmp_path)
    pd.testing.assert_frame_equal(found[list(COLUMNS)], columns, check_exact=True)


def test_of_a_run_that_was_interrupted_the_live_curves_come_back(uri: str) -> None:
    run = grid(study())[0]
    with tracker(uri) as tracked:
        tracked.deliver(result(grid(study())[1]))
        write_live(tracked, result(run), share=0.5)
    found = traces(read(uri))
    found = found[found["run_key"] == run.key]
    made = records(result(run))
    wanted = {
        (metric, record.step): value
        for record in made[: round(0.5 * len(made))]
        for metric, value in record.values.items()
    }
    assert found.set_index(["series", "step"])["value"].to_dict() == wanted
    assert set(found["layer"]) == set(found["bin"]) == {0}
    assert set(found["name"]) == {""}


def test_what_was_read_passes_the_audit(filled: str) -> None:
    assert [one for one in audit(gather(read(filled))) if one.severity == "refuse"] == []


def test_a_name_changed_in_the_store_is_not_what_a_run_is(filled: str) -> None:
    before = read(filled).runs["variant"].tolist()
    renamed = next(run for run in children(filled) if run.data.params["norm"] == "none")
    MlflowClient(filled).set_tag(renamed.info.run_id, "variant", "batch, residual false")
    assert read(filled).runs["variant"].tolist() == before


def test_keys_changed_in_the_store_do_not(filled: str) -> None:
    first, second = (
        next(run for run in children(filled) if run.data.params["norm"] == norm)
        for norm in ("none", "batch")
    )
    for run, other in ((first, second), (second, first)):
        key = other.data.tags["run_key"]
        MlflowClient(filled).set_tag(run.info.run_id, "run_key", key)
    refused = [one.check for one in audit(gather(read(filled))) if one.severity == "refuse"]
    assert refused == ["changed", "labels"]


def test_a_level_that_is_blank_is_read_as_it_was_written(uri: str) -> None:
    asked = study(factors={"output_norm": ["", "none"]}, baseline={"output_norm": ""})
    with tracker(uri, asked) as tracked:
        for run in grid(asked):
            tracked.deliver(result(run))
    stored = read(uri)
    assert set(stored.runs["output_norm"]) == {'""', "none"}
    assert set(stored.runs["variant"]) == {'output_norm ""', "none"}
    assert [one for one in audit(gather(stored)) if one.severity == "refuse"] == []
    found = find_variant(
        Store.existing(uri), asked, str(FACTS["digest"]), {"output_norm": ""}, None
    )
    assert found.trained.fields.output_norm == "batch"


def test_runs_still_in_training_are_marked(uri: str) -> None:
    first, second = grid(study())[:2]
    with tracker(uri) as tracked:
        write_live(tracked, result(first), share=0.5)
        tracked.fail(second, "the worker died")
        outcomes = read(uri).runs.set_index("run_key")["outcome"]
        _, (taken,) = select(Store.existing(uri), Request("small"))
    assert dict(outcomes) == {first.key: "running", second.key: "failed"}
    assert taken == "small: 0 of 8 runs: 50 steps, seeds 1-2, tiny"


def test_the_facts_name_the_data_and_never_a_password(filled: str) -> None:
    facts = read(filled).facts
    assert facts["digest"] == FACTS["digest"]
    assert facts["vocabulary"] == "4"
    assert facts["claims_digest"] == study().claims_digest()
    assert facts["first_seeds"] == "1-2"


def test_the_runs_with_the_steps_asked_for_are_read(filled: str) -> None:
    shorter = study().override(steps=20)
    with tracker(filled, shorter, "two") as tracked:
        tracked.deliver(result(grid(shorter)[0]))
    assert len(read(filled, steps=50).runs) == 8
    assert len(read(filled, steps=20).runs) == 1
    assert len(read(filled).runs) == 1  # the latest
    with pytest.raises(UserError, match="steps 30"):
        read(filled, steps=30)


def test_only_the_seeds_asked_for_are_read(filled: str) -> None:
    stored = read(filled, seeds=(2,))
    assert stored.study.seeds == (2,)
    assert set(stored.runs["seed"]) == {"2"}
    assert set(traces(stored)["run_key"]) == {run.key for run in grid(study()) if run.seed == 2}


def test_seeds_of_earlier_sessions_stay_part_of_the_study(filled: str) -> None:
    tracker(filled, study(seeds=[3]), "two").close("finished")
    assert read(filled).study.seeds == (1, 2, 3)


def test_all_runs_of_the_experiment_are_read_and_marked(filled: str) -> None:
    before = read(filled)
    shorter = study().override(steps=20)
    with tracker(filled, shorter, "two") as tracked:
        tracked.deliver(result(grid(shorter)[0]))
    client = MlflowClient(filled)
    foreign = client.create_run(experiment_id(filled), tags={"run_key": grid(study())[1].key})
    client.log_param(foreign.info.run_id, "width", "many")
    for step in range(3):
        client.log_metric(foreign.info.run_id, "train/loss", 1.0 - step / 10, step=step)
    client.set_terminated(foreign.info.run_id)
    stored = read_all(Store.existing(filled), "small")
    assert set(stored.runs["steps"].dropna()) == {"20", "50"}
    row = stored.runs.set_index("run_key").loc[foreign.info.run_id]
    assert (row["ours"], row["outcome"], row["width"]) == ("false", "finished", "many")
    assert (stored.runs["ours"] == "true").sum() == 9
    curve = traces(stored).set_index("run_key").loc[foreign.info.run_id]
    assert list(curve["value"]) == [1.0, 0.9, 0.8]
    pd.testing.assert_frame_equal(read(filled, steps=50).runs, before.runs)


def test_a_fingerprint_changes_with_what_is_stored(filled: str) -> None:
    store = Store.existing(filled)
    before = fingerprint(store, "small")
    assert fingerprint(Store.existing(filled), "small") == before
    assert fingerprint(store, "small", seeds=(1,)) != before
    MlflowClient(filled).set_tag(children(filled)[0].info.run_id, "variant", "another")
    assert fingerprint(store, "small") != before


@pytest.mark.parametrize(("harm", "what"), [("missing", "missing"), ("cut", "damaged")])
def test_of_a_trace_that_is_not_whole_the_curves_come_from_the_database(
    filled: str, harm: str, what: str
) -> None:
    whole, run = gather(read(filled)), children(filled)[0]
    path = folder_of(run.info.artifact_uri) / "trace.parquet"
    path.unlink() if harm == "missing" else path.write_bytes(path.read_bytes()[:-1])
    stored = read(filled)
    mine = traces(stored).set_index("run_key").loc[run.data.tags["run_key"]]
    said = f"{run.info.run_name}: trace.parquet is {what}"
    assert stored.unread == {run.data.tags["run_key"]: said}
    wanted = pd.DataFrame(result(planned(run.data.tags["run_key"])).trace.columns())
    curves = wanted[wanted["series"].str.contains("/")]
    key = ["series", "step"]
    pd.testing.assert_series_equal(
        mine.set_index(key)["value"].sort_index(), curves.set_index(key)["value"].sort_index()
    )
    without = gather(read(filled))
    (finding,) = audit(without)
    assert (finding.check, finding.severity, finding.runs) == ("files", "banner", (said,))
    numbers = [*study().model.responses]
    pd.testing.assert_frame_equal(without.runs[numbers], whole.runs[numbers])
    pd.testing.assert_frame_equal(without.curves, whole.curves)
    variant = run.data.tags["variant"]
    layers = without.layers[without.layers["variant"] == variant]
    assert set(layers["n"]) == {1}


def test_files_that_may_not_be_read_are_named(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = children(filled)[0]

    def denying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, **options: Any) -> Any:
            if run.info.run_id in str(path):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return real(path, **options)

        return call

    for name in ("stat", "read_bytes"):
        monkeypatch.setattr(Path, name, denying(getattr(Path, name)))
    stored = read(filled)
    traces(stored)
    said = f"{run.info.run_name}: trace.parquet cannot be read (Permission denied)"
    assert list(stored.unread.values()) == [said]
    assert fingerprint(Store.existing(filled), "small")


def planned(key: str) -> Run:
    return next(run for run in grid(study()) if run.key == key)


@pytest.mark.parametrize("harm", ["{}", "[]", "null", "{", b"\xff\xfe", '{"seed": "x"}'])
def test_a_damaged_config_is_named(filled: str, harm: str | bytes) -> None:
    run = children(filled)[0]
    path = folder_of(run.info.artifact_uri) / "model" / "config.json"
    path.write_bytes(harm if isinstance(harm, bytes) else harm.encode())
    with pytest.raises(NotWhole) as refused:
        find_run(Store.existing(filled), run.info.run_id)
    assert str(refused.value) == (
        "the files of a run must be where they were logged, and undamaged; received "
        f"{run.info.run_name}: model/config.json is damaged. Put them back (mlartifacts/ belongs "
        "beside mlflow.db), or train such runs again: ablate run STUDY --repair."
    )
    MlflowClient(filled).delete_tag(run.info.run_id, "files")  # as runs without digests
    with pytest.raises(NotWhole, match=r"model/config.json is damaged"):
        find_run(Store.existing(filled), run.info.run_id)


def test_another_seed_samples_where_files_of_the_first_are_damaged(filled: str) -> None:
    levels = study().baseline
    store = Store.existing(filled)
    first = find_variant(store, study(), str(FACTS["digest"]), levels, None)
    shutil.rmtree(folder_of(store.client.get_run(first.run_id).info.artifact_uri))
    second = find_variant(store, study(), str(FACTS["digest"]), levels, None)
    assert (first.trained.seed, second.trained.seed) == (1, 2)
    assert second.passed_over == (f"{first.name}: its files are missing",)
    with pytest.raises(NotWhole, match="its files are missing"):
        find_variant(store, study(), str(FACTS["digest"]), levels, 1)


@pytest.mark.parametrize("tag", sorted(IDENTITY))
def test_a_tag_that_was_deleted_is_derived_and_named(filled: str, tag: str) -> None:
    before, run = read(filled), children(filled)[0]
    MlflowClient(filled).delete_tag(run.info.run_id, tag)
    stored = read(filled)
    lacking = stored.runs.pop("lacking")
    assert list(lacking[lacking != ""]) == [tag]
    pd.testing.assert_frame_equal(stored.runs, before.runs.drop(columns="lacking"))
    (finding,) = audit(gather(read(filled)))
    assert (finding.check, finding.severity) == ("lacking", "banner")
    assert finding.message == f"1 run lacks {tag}: these were restored from other data."
    assert ended_runs(Store.existing(filled), "small").keys() == {r.key for r in grid(study())}
    assert find_run(Store.existing(filled), run.info.run_id).key == run.data.tags["run_key"]
    assert len(read_all(Store.existing(filled), "small").runs) == 8


def test_all_tags_that_were_deleted_are_derived(filled: str) -> None:
    before = read(filled)
    for run in children(filled):
        for tag in IDENTITY:
            MlflowClient(filled).delete_tag(run.info.run_id, tag)
    stored = read(filled)
    assert set(stored.runs.pop("lacking")) == {
        "ablate.kind, run_key, data_digest, study, subject, variant, version"
    }
    pd.testing.assert_frame_equal(stored.runs, before.runs.drop(columns="lacking"))
    with tracker(filled, session="two") as tracked:
        assert len(tracked.ended) == 8


def test_a_run_of_which_nothing_tells_which_it_is_is_left_out_and_counted(filled: str) -> None:
    run = children(filled)[0]
    MlflowClient(filled).delete_tag(run.info.run_id, "run_key")
    shutil.rmtree(folder_of(run.info.artifact_uri))
    findings = {finding.check: finding.message for finding in audit(gather(read(filled)))}
    assert findings.keys() == {"missing", "unidentified"}
    assert findings["unidentified"] == (
        "1 run was left out: without all tags, a run cannot be identified."
    )
    exported = read_all(Store.existing(filled), "small").runs
    assert run.info.run_id in set(exported["run_key"])


def test_a_number_that_was_changed_is_named_and_refused(filled: str) -> None:
    run = children(filled)[0]
    MlflowClient(filled).log_metric(run.info.run_id, "final/dev_loss", 0.5, step=1)
    (finding,) = audit(gather(read(filled)))
    assert (finding.check, finding.severity) == ("changed", "refuse")
    assert finding.message == (
        "1 run has params, tags or numbers that were changed after the end. "
        "`ablate run STUDY --repair` trains such runs again."
    )
    assert finding.runs == (f"{run.data.tags['variant']}, seed {run.data.params['seed']}",)


def test_a_number_edited_into_none_is_missing(filled: str) -> None:
    run = children(filled)[0]
    MlflowClient(filled).set_tag(run.info.run_id, "seconds", "many")
    data = gather(read(filled))
    seconds = data.runs.set_index("run_key")["seconds"]
    assert pd.isna(seconds[run.data.tags["run_key"]])
    assert seconds.notna().sum() == 7
    assert audit(data) == []


def test_that_runs_have_no_digest_is_said_once(filled: str) -> None:
    for run in children(filled):
        MlflowClient(filled).delete_tag(run.info.run_id, "digest")
    (finding,) = audit(gather(read(filled)))
    assert (finding.check, finding.severity) == ("unchecked", "banner")
    assert finding.message == "Whether 8 runs were changed cannot be checked."


def test_the_fingerprint_knows_whether_files_are_there(filled: str) -> None:
    store = Store.existing(filled)
    before, path = fingerprint(store, "small"), folder_of(children(filled)[0].info.artifact_uri)
    path.rename(path.with_name("away"))
    assert fingerprint(store, "small") != before
    path.with_name("away").rename(path)
    assert fingerprint(store, "small") == before


def test_where_there_is_no_study_reading_says_so_and_creates_nothing(
    uri: str, tmp_path: Path
) -> None:
    assert ended_runs(Store.existing(uri), "small") == {}
    with pytest.raises(UserError, match="ablate run STUDY"):
        read(uri)
    with pytest.raises(UserError, match="no store at"):
        read(f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()


def test_ended_runs_are_known_by_key(filled: str) -> None:
    first, *others = grid(study())
    assert ended_runs(Store.existing(filled), "small") == {
        first.key: "diverged",
        **{run.key: "finished" for run in others},
    }


def test_only_a_study_that_surely_has_no_runs_is_new(filled: str, tmp_path: Path) -> None:
    assert not surely_new(filled, "small")
    assert surely_new(filled, "another")
    assert surely_new(f"sqlite:///{tmp_path}/nowhere.db", "small")
    (tmp_path / "damaged.db").write_text("no database")
    assert not surely_new(f"sqlite:///{tmp_path}/damaged.db", "small")
    assert not surely_new("http://localhost:9", "small")
