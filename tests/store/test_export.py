"""A study's runs as tidy files; those of others are shown there and count nowhere."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from harness.cli import ablate
from harness.subjects.char_mlp.curves import records
from harness.errors import UserError
from harness.subjects.char_mlp.responses import responses
from harness.store.export import LONG, export, tidy
from harness.store.reading import read_study
from tests.store.small import children, grid, result, study, tracker


@pytest.fixture
def filled(uri: str) -> str:
    with tracker(uri) as tracked:
        for run in grid(study()):
            tracked.deliver(result(run, stop=0.5 if run == grid(study())[0] else 1.0))
    return uri


def log_another(uri: str) -> str:
    """Log a run as anyone would, with the params of one of the study's and a fantastic loss."""
    client = MlflowClient(uri)
    model = children(uri)[0]
    run_id: str = client.create_run(model.info.experiment_id).info.run_id
    for name, value in (model.data.params | {"depth": "many"}).items():
        client.log_param(run_id, name, value)
    client.log_metric(run_id, "final/dev_loss", 0.01)
    for step in range(3):
        client.log_metric(run_id, "train/loss", 1.0 - step / 10, step=step)
    client.set_terminated(run_id)
    return run_id


def test_every_run_is_a_row_with_typed_fields(filled: str) -> None:
    runs = tidy(filled, "small")["runs"].set_index("run_key")
    assert len(runs) == len(grid(study()))
    for run in grid(study()):
        row = runs.loc[run.key]
        assert (row["ours"], row["seed"], row["norm"]) == ("yes", run.seed, run.fields.norm)
        assert (row["width"], row["lr"], bool(row["residual"])) == (
            run.fields.width, run.fields.lr, run.fields.residual
        )  # fmt: skip
        diverged = run == grid(study())[0]
        assert row["outcome"] == ("diverged" if diverged else "finished")
        expected = responses(result(run, stop=0.5 if diverged else 1.0).history)
        assert {name: row[name] for name in expected} == expected
    assert runs["width"].dtype == "Int64"
    assert runs["residual"].dtype == "boolean"


def test_curves_are_there_run_by_run_to_the_last_bit(filled: str) -> None:
    curves = tidy(filled, "small")["curves"]
    run = grid(study())[-1]
    logged = curves[curves["run_key"] == run.key].set_index(["metric", "step"])["value"]
    wanted = {
        (metric, record.step): value
        for record in records(run.key, result(run).history)
        for metric, value in record.values.items()
    }
    assert logged.to_dict() == wanted


def test_files_read_back_as_the_tables(filled: str, tmp_path: Path) -> None:
    counts = export(filled, "small", tmp_path / "out")
    found = tidy(filled, "small")
    assert list(counts) == ["runs", *LONG]
    for name, table in found.items():
        assert counts[name] == len(table) > 0
        back = pd.read_parquet(tmp_path / "out" / f"{name}.parquet")
        pd.testing.assert_frame_equal(back, table, check_exact=True)
        text = pd.read_csv(tmp_path / "out" / f"{name}.csv")
        assert list(text.columns) == list(table.columns)
        assert len(text) == len(table)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    export(filled, "small", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_runs_of_others_are_shown_and_never_counted(filled: str) -> None:
    before = read_study(filled, "small")
    run_id = log_another(filled)
    found = tidy(filled, "small")
    row = found["runs"].set_index("run_key").loc[run_id]
    assert (row["ours"], row["outcome"], row["final/dev_loss"]) == ("no", "finished", 0.01)
    assert row["lr"] == 0.1
    assert pd.isna(row["depth"])  # "many" is no number
    curve = found["curves"][found["curves"]["run_key"] == run_id]
    assert list(curve["value"]) == [1.0, 0.9, 0.8]
    assert read_study(filled, "small") == before


def test_all_makings_are_there(filled: str) -> None:
    shorter = study().override(steps=20)
    with tracker(filled, shorter, "two") as tracked:
        tracked.deliver(result(grid(shorter)[0]))
    assert set(tidy(filled, "small")["runs"]["steps"]) == {20, 50}


def test_the_command_says_what_it_wrote(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = CliRunner().invoke(
        ablate, ["--tracking-uri", filled, "export", "small"], catch_exceptions=False
    )
    assert answer.exit_code == 0
    assert answer.output.splitlines()[0] == "exports/small/runs.csv, .parquet: 8 rows"
    assert (tmp_path / "exports" / "small" / "histograms.parquet").exists()


def test_a_folder_that_cannot_be_made_is_refused(filled: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--to"):
        export(filled, "small", tmp_path / "file" / "folder")
    with pytest.raises(UserError, match="ablate run none"):
        export(filled, "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()
