"""A study whose file changes between two sessions: its runs belong to it by what they are."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import harness.cli.session
from harness.store.uri import sqlite_uri
from tests.store.conftest import template
from tests.support import inprocess
from tests.support.inprocess import InlineEngine
from tests.support.stores import children

pytestmark = pytest.mark.usefixtures("few_figures")

__all__ = ["template"]

STUDY = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = {seeds}
[fixed]
steps = 40
batch = 8
[factors]
{factors}
[baseline]
{baseline}
[[claims]]
id = "intercept-helps"
says = "An intercept lowers the error"
kind = "difference"
factor = "intercept"
level = true
versus = false
"""
INTERCEPT, RATES = "intercept = [false, true]", "lr = [0.1, 0.3]"
REFERENCE, RATE = "intercept = true", "lr = 0.1"
Call = Callable[..., str]


def write(path: Path, *factors: str, seeds: object = 2) -> None:
    """A study of these factors."""
    baseline = [REFERENCE, RATE][: len(factors)]
    path.parent.mkdir(exist_ok=True)
    parts = {"factors": "\n".join(factors), "baseline": "\n".join(baseline)}
    path.write_text(STUDY.format(seeds=seeds, **parts))


@pytest.fixture
def call(
    tmp_path: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """`ablate` with an empty store, trained in this process; its output."""
    shutil.copy(template, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    for name in ("ABLATE_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())

    def call(command: str, *arguments: str) -> str:
        if command == "report":
            arguments += ("--format", "svg")
        code, output, errors = inprocess.ablate(capsys, command, *arguments)
        assert (code, errors) == (0, "")
        return output

    return call


def page(name: str = "s") -> str:
    return (Path("reports") / name / "report.md").read_text()


def variants(name: str = "s") -> set[str]:
    """The variants that the last report is about."""
    return set(pd.read_csv(Path("reports") / name / "data" / "runs.csv")["variant"])


def test_a_factor_that_is_added_takes_the_earlier_runs_along(tmp_path: Path, call: Call) -> None:
    write(tmp_path / "s.toml", INTERCEPT)
    call("run", "s.toml")
    write(tmp_path / "s.toml", INTERCEPT, RATES)
    output = call("run", "s.toml")
    assert "s has changed since its last run, in: factors, baseline" in output
    assert "all 8 runs have ended, 4 of them now." in output
    call("report", "s.toml")
    assert "8 of 8 runs ended: 4 variants, 2 seeds." in page()
    assert "NOT TESTABLE" not in set(pd.read_csv("reports/s/data/claims.csv")["verdict"])
    assert variants() == {f"intercept {i}, lr {lr}" for i in ("true", "false") for lr in (0.1, 0.3)}
    stored = children(sqlite_uri(tmp_path / "mlflow.db"), "s")
    assert {run.data.tags["variant"] for run in stored} == variants()
    assert {run.info.run_name.partition(" · ")[0] for run in stored} == variants()


def test_factors_in_another_order_are_the_same_runs(tmp_path: Path, call: Call) -> None:
    write(tmp_path / "s.toml", INTERCEPT, RATES)
    call("run", "s.toml")
    write(tmp_path / "s.toml", RATES, INTERCEPT)
    for again in ((), ("run", "s.toml")):
        if again:
            assert "nothing to train" in call(*again)
        call("report", "s.toml")
        assert "8 of 8 runs ended: 4 variants, 2 seeds." in page()
        assert variants() == {
            f"lr {lr}, intercept {i}" for i in ("true", "false") for lr in (0.1, 0.3)
        }


def test_two_files_of_one_name_are_reported_each_by_itself(tmp_path: Path, call: Call) -> None:
    write(tmp_path / "a" / "s.toml", INTERCEPT)
    write(tmp_path / "b" / "s.toml", INTERCEPT, RATES, seeds=3)
    call("run", "a/s.toml")
    assert "s has changed since its last run, in: factors" in call("run", "b/s.toml")
    call("report", "b/s.toml")
    assert "s has changed since its last run, in: factors" in call("report", "a/s.toml")
    assert "12 of 12 runs ended: 4 variants, 3 seeds." in page("b/s")
    assert "4 of 4 runs ended: 2 variants, 2 seeds." in page("a/s")
    assert variants("a/s") == {"intercept true", "intercept false"}
    call("export", "a/s.toml")
    assert len(pd.read_csv("exports/a/s/runs.csv")) == 4


def test_a_study_file_beside_one_that_is_known_by_its_name_has_a_report_of_its_own(
    tmp_path: Path, call: Call
) -> None:
    write(tmp_path / "ablations" / "s.toml", INTERCEPT)
    write(tmp_path / "s.toml", INTERCEPT, RATES)
    for spelled in ("s", "s.toml"):
        call("run", spelled)
        call("report", spelled)
    assert call("report", "ablations/s.toml").endswith("\nreports/s/index.html\n")
    assert "4 of 4 runs ended: 2 variants, 2 seeds." in page("s")
    assert "8 of 8 runs ended: 4 variants, 2 seeds." in page(f"{tmp_path.name}/s")


def test_seeds_of_earlier_variants_do_not_stay(tmp_path: Path, call: Call) -> None:
    write(tmp_path / "s.toml", INTERCEPT, seeds=4)
    call("run", "s.toml")
    write(tmp_path / "s.toml", INTERCEPT, "lr = [0.1, 0.5]")
    call("run", "s.toml")
    call("report", "s.toml")
    assert "8 of 8 runs ended: 4 variants, 2 seeds." in page()
    call("report", "s.toml", "--seeds", "4")
    assert "12 of 16 runs ended: 4 variants, 4 seeds." in page("s-seeds-1-4")
    assert "ablate report s.toml --seeds 2 judges these alone." in page("s-seeds-1-4")
    call("run", "s.toml", "--seeds", "3")
    write(tmp_path / "s.toml", INTERCEPT)
    assert "the store also holds 4 runs of s with seeds 3-4," in call("plan", "s.toml")


@pytest.mark.parametrize(
    ("option", "value", "other", "folder"),
    [
        ("--seeds", "3", "the store also holds 2 runs of s with seed 3,", "s-seeds-1-3"),
        ("--steps", "50", "the store also holds 4 runs of s with 50 steps,", "s-steps-50"),
    ],
)
def test_the_file_decides_and_other_runs_are_apart(
    tmp_path: Path, call: Call, option: str, value: str, other: str, folder: str
) -> None:
    write(tmp_path / "s.toml", INTERCEPT)
    call("run", "s.toml")
    call("run", "s.toml", option, value)
    for command in (
        ("report",), ("export",), ("compare", "intercept=true", "intercept=false"), ("plan",),
    ):  # fmt: skip
        said = call(command[0], "s.toml", *command[1:])
        assert "s: 4 runs: 40 steps, seeds 1-2, line\n" in said or command == ("plan",)
        assert other in said
    (named,) = re.findall(r"To continue there: (.*)\n", said)
    assert "4 of 4 runs ended: 2 variants, 2 seeds." in page()
    runs = pd.read_csv("exports/s/runs.csv")
    assert (len(runs), set(runs["steps"]), set(runs["seed"])) == (4, {40}, {1, 2})
    said = call("report", "s.toml", *named.split())
    assert said.endswith(f"reports/{folder}/index.html\n")
    assert "4 of 4 runs ended: 2 variants, 2 seeds." in page()
    call("export", "s.toml", *named.split())
    assert len(pd.read_csv(f"exports/{folder}/runs.csv")) == (6 if option == "--seeds" else 4)
    call("export", "s.toml", "--all")
    assert len(pd.read_csv("exports/s-all/runs.csv")) == (6 if option == "--seeds" else 8)


def test_a_study_without_its_file_is_as_it_was_last_run(tmp_path: Path, call: Call) -> None:
    write(tmp_path / "s.toml", INTERCEPT)
    call("run", "s.toml")
    (tmp_path / "s.toml").unlink()
    for name in ("s", "s.toml"):
        assert "s: 4 runs: 40 steps, seeds 1-2, line\n" in call("report", name)


def test_a_claim_that_was_changed_in_the_file_is_the_one_that_is_judged(
    tmp_path: Path, call: Call
) -> None:
    write(tmp_path / "s.toml", INTERCEPT)
    call("run", "s.toml")
    text = (tmp_path / "s.toml").read_text()
    (tmp_path / "s.toml").write_text(text.replace("lowers the error", "matters"))
    assert "s has changed since its last run, in: claims" in call("report", "s.toml")
    assert "An intercept matters" in page()
    assert "(nothing has changed)" in call("report", "s.toml")
