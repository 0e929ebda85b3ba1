"""A store that lost files, or was changed by hand: what each command says, and how it is mended."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

import harness.cli.session
from harness.store.location import folder_of
from tests.support.inprocess import InlineEngine, ablate, run_undisturbed
from tests.support.kills import store
from tests.support.small_study import NAME, STUDY, write_study
from tests.support.stores import children, picture

pytestmark = pytest.mark.usefixtures("few_figures")

FILE = f"{NAME}.toml"
RUN = ("run", FILE, "--data", "words.txt")
CLAIM = (
    '[[claims]]\nid = "c"\nsays = "norm lowers the loss"\nkind = "difference"\n'
    'factor = "norm"\nlevel = "batch"\nversus = "none"\nwhere = { lr = 0.1 }\n'
)


@pytest.fixture(scope="module")
def ran(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study that was run; to be copied."""
    folder = tmp_path_factory.mktemp("ran")
    write_study(folder, 60)
    (folder / FILE).write_text(STUDY.format(steps=60) + CLAIM)
    shutil.copy(template, folder / "mlflow.db")
    run_undisturbed(folder, *RUN)
    return folder


@pytest.fixture
def place(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, a copy of that folder; studies are run in this process."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    folder = tmp_path / "ran"
    shutil.copytree(ran, folder)
    monkeypatch.chdir(folder)
    return folder


def of(place: Path, name: str) -> Any:
    (run,) = [run for run in children(store(place), NAME) if run.info.run_name == name]
    return run


def test_lost_files_are_named_by_every_command_and_trained_again_on_request(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = picture(store(place), NAME)
    gone, cut = (of(place, f"batch, lr 0.1 · seed {seed}") for seed in (1, 2))
    shutil.rmtree(folder_of(gone.info.artifact_uri))
    trace = folder_of(cut.info.artifact_uri) / "trace.parquet"
    trace.write_bytes(trace.read_bytes()[:-1])
    (folder_of(of(place, "none, lr 0.1 · seed 1").info.artifact_uri) / "samples.txt").unlink()
    said = [
        "batch, lr 0.1 · seed 1: its files are missing",
        "batch, lr 0.1 · seed 2: trace.parquet is damaged",
        "none, lr 0.1 · seed 1: samples.txt is missing",
    ]
    lost = ["batch, lr 0.1 · seed 1: trace.parquet is missing", said[1]]

    code, output, _ = ablate(capsys, "report", FILE)
    assert code == 0
    about = "the files of 2 runs are missing or damaged; only numbers and curves are used there: "
    assert about in output
    assert all(why in output for why in lost)
    assert f". Train these again: ablate run {FILE} --data words.txt --repair\n" in output
    page = (place / "reports" / NAME / "report.md").read_text()
    assert all(why in page for why in lost)
    assert "The files of 2 runs are missing or damaged" in page
    code, _, errors = ablate(capsys, "export", NAME)
    assert code == 0
    assert errors.startswith(about)
    assert all(why in errors for why in lost)
    assert ablate(capsys, "compare", FILE, "norm=none", "norm=batch")[0] == 0
    for command in (("show", gone.info.run_id), ("sample", FILE)):
        code, _, errors = ablate(capsys, *command)
        assert code == 2
        assert "the files of a run must be where they were logged, and undamaged" in errors
    code, output, _ = ablate(capsys, "verify", FILE, "--data", "words.txt")
    assert code == 1
    assert f"OFF in the store, {said[2]}" in output
    code, output, _ = ablate(capsys, "doctor")
    assert code == 1
    assert f"runs with missing or damaged files:\n  {NAME}, " in output
    assert all(f"  {NAME}, {why}\n" in output for why in said)
    assert f"Train these again: ablate run {FILE} --data words.txt --repair\n" in output
    assert output.endswith("1 study, 8 runs, 3 inconsistencies\n")

    again = " ".join(["ablate", *RUN, "--repair"])
    doubted = (
        "ended runs with missing or damaged files, or changed afterwards: "
        f"batch, lr 0.1 · seed 1. Train these again: {again}\n"
    )
    assert doubted in ablate(capsys, "plan", *RUN[1:])[1]
    code, output, _ = ablate(capsys, *RUN)
    assert code == 0
    assert doubted in output
    assert output.endswith("all 8 runs have ended already; nothing to train.\n")
    code, output, _ = ablate(capsys, *RUN, "--repair")
    assert code == 0
    assert all(f"to be retrained: {why}\n" in output for why in said)
    assert output.endswith("all 8 runs have ended, 3 of them now.\n")
    after = picture(store(place), NAME)
    assert {key: run for key, run in after.items() if "/" not in key} == {
        key: run for key, run in before.items() if "/" not in key
    }
    code, output, _ = ablate(capsys, "doctor", FILE)
    assert (code, output.rpartition(": ")[2]) == (0, "1 study, 8 runs, no inconsistencies\n")
    assert ablate(capsys, "report", FILE)[0] == 0
    assert "missing or damaged" not in (place / "reports" / NAME / "report.md").read_text()


def test_a_forged_number_decides_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate(capsys, "report", FILE)[0] == 0
    run = of(place, "batch, lr 0.1 · seed 1")
    MlflowClient(store(place)).log_metric(run.info.run_id, "final/dev_loss", 0.5, step=1)
    for _ in range(2):  # written, and then current
        code, output, errors = ablate(capsys, "report", FILE)
        assert code == 1
        assert errors == (
            "refused: 1 run has params, tags or numbers that were changed after the end. "
            "`ablate run kept.toml --repair` trains such runs again.\n"
        )
    assert output.endswith("(nothing has changed)\n")
    page = (place / "reports" / NAME / "report.md").read_text()
    assert "batch, lr 0.1, seed 1" in page
    assert "SUPPORTED" not in page.partition("## How to read")[0]
    code, _, errors = ablate(capsys, "compare", FILE, "norm=none", "norm=batch")
    assert code == 2
    assert "runs must be comparable; received 1 run has params" in errors
    code, output, _ = ablate(capsys, "verify", FILE, "--data", "words.txt")
    assert code == 1
    assert "OFF digest: batch, lr 0.1 · seed 1 was changed since it ended\n" in output
    assert "NOT verified" in output
    code, output, _ = ablate(capsys, "doctor", FILE, "--repair")
    assert code == 1
    assert "batch, lr 0.1 · seed 1: params, tags or numbers changed since it ended" in output
    code, output, _ = ablate(capsys, *RUN, "--repair")
    assert output.endswith("all 8 runs have ended, 1 of them now.\n")
    assert ablate(capsys, "report", FILE)[0] == 0
    assert ablate(capsys, "doctor", FILE)[0] == 0


def test_verify_finds_a_forged_number_by_training_again(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient(store(place))
    for run in children(store(place), NAME):
        client.delete_tag(run.info.run_id, "digest")  # as runs that were stored without one
        client.log_metric(run.info.run_id, "init/loss", 0.5, step=1)
    code, output, _ = ablate(capsys, "verify", FILE, "--data", "words.txt")
    assert code == 1
    assert "OFF in the store, " in output


def test_deleted_tags_stop_no_command_and_doctor_writes_them_back(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = picture(store(place), NAME)
    lost = {
        "variant": of(place, "batch, lr 0.1 · seed 1"),
        "run_key": of(place, "batch, lr 0.1 · seed 2"),
        "ablate.kind": of(place, "none, lr 0.1 · seed 1"),
    }
    for tag, run in lost.items():
        MlflowClient(store(place)).delete_tag(run.info.run_id, tag)
    for command in (
        ("report", FILE), ("compare", FILE, "norm=none", "norm=batch"), ("sample", FILE),
        ("export", NAME), ("show", lost["run_key"].info.run_id), ("plan", *RUN[1:]), RUN,
    ):  # fmt: skip
        code, output, errors = ablate(capsys, *command)
        took = f"{NAME}: 8 runs: 60 steps, seeds 1-2, words.txt\n" * (command[0] == "sample")
        assert (code, errors) == (0, took), command
    assert output.endswith("nothing to train.\n")
    page = (place / "reports" / NAME / "report.md").read_text().replace("\\", "")
    assert "3 runs lack ablate.kind, variant, run_key: these were restored from other data." in page
    code, output, _ = ablate(capsys, "doctor")
    assert code == 1
    lacking = [
        f"  {NAME}, {run.info.run_name}: lacks {tag}" for tag, run in lost.items()
        if tag != "variant"  # `run` has labelled it again
    ]  # fmt: skip
    assert all(f"{line}\n" in output for line in lacking)
    assert output.endswith("2 inconsistencies; --repair repairs 2\n")
    code, output, _ = ablate(capsys, "doctor", "--repair")
    assert code == 0
    assert all(f"{line}, repaired\n" in output for line in lacking)
    after = picture(store(place), NAME)
    keys = [run.data.tags["run_key"] for run in lost.values()]
    assert [after[key] for key in keys] == [before[key] for key in keys]


def test_an_edited_session_tag_or_one_from_the_future_stops_nothing(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient(store(place))
    (parent,) = client.search_runs(
        [children(store(place), NAME)[0].info.experiment_id], "tags.`ablate.kind` = 'study'"
    )
    client.update_run(parent.info.run_id, "RUNNING")
    for tag in (
        '{"id": "x", "host": "elsewhere", "pid": 1, "since": "", "renewed": "soon"}',
        '{"id": "x", "host": "elsewhere", "pid": 1, "since": "", "renewed": 9e9}',
    ):
        client.set_tag(parent.info.run_id, "session", tag)
        code, output, errors = ablate(capsys, *RUN)
        assert (code, errors) == (0, "")
        assert output.endswith("nothing to train.\n")


def test_the_command_that_trains_again_names_what_the_file_does_not_say(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ablate(capsys, *RUN, "--steps", "20")[0] == 0
    for run in children(store(place), NAME):
        if run.info.run_name == "batch, lr 0.1 · seed 1":
            shutil.rmtree(folder_of(run.info.artifact_uri))
    code, output, _ = ablate(capsys, "doctor", FILE)
    again = f"  Train these again: ablate run {FILE} --data words.txt{{}} --repair\n"
    assert code == 1
    assert again.format("") in output
    assert again.format(" --steps 20") in output
    code, output, _ = ablate(capsys, "report", FILE, "--steps", "20")
    assert f"again: ablate run {FILE} --data words.txt --steps 20 --repair\n" in output
    for steps in ((), ("--steps", "20")):
        code, output, _ = ablate(capsys, *RUN, *steps, "--repair")
        assert output.endswith("all 8 runs have ended, 1 of them now.\n")
    assert ablate(capsys, "doctor", FILE)[0] == 0
