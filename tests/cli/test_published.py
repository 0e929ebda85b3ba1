"""`ablate report --publish` and `ablate verify --published`, from a store to the verdict."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.subjects.subject import Steps
from harness.training.digests import SERIES
from tests.support import inprocess
from tests.support.linear import Linear, Lines
from tests.test_seam import study

DIGESTS = Path("reports/published/lines/digests.csv")
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a published study of 18 runs, a third of them diverged."""
    folder = study(tmp_path_factory.mktemp("published"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Linear, "same_bits", True)
        patch.delenv("ABLATE_DATA", raising=False)
        inprocess.run_undisturbed(folder, "run", "lines.toml")
        inprocess.run_undisturbed(folder, "report", "lines.toml", "--publish")
        yield folder


@pytest.fixture
def call(
    published: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """`ablate` in a copy of what is published, without the store or the study's file."""
    shutil.copytree(published / "reports", tmp_path / "reports")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: inprocess.ablate(capsys, *arguments)


def write(rows: list[dict[str, str]]) -> None:
    with DIGESTS.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def change(column: str, place: int = 0, more: str = "") -> None:
    """Change one letter of the run that is sampled, the tenth of 18, or add some."""
    with DIGESTS.open() as file:
        rows = list(csv.DictReader(file))
    text = rows[9][column]
    other = "0" if text[place] != "0" else "1"
    rows[9][column] = text + more if more else text[:place] + other + text[place + 1 :]
    write(rows)


def test_every_published_run_can_be_had_again(call: Call) -> None:
    code, output, errors = call("verify", "--published", "--runs", "99")
    assert (code, errors) == (0, "")
    assert output.startswith("lines: 18 of 18 runs\n")
    assert output.count("  ok  ") == output.count("every bit is the same") == 18
    assert output.endswith("verified: 18 of 18 runs of 1 published study are the same\n")


def test_one_run_is_sampled_unless_more_are_asked_for(call: Call) -> None:
    assert "lines: 1 of 18 runs" in call("verify", "--published", "lines")[1]
    assert "lines: 3 of 18 runs" in call("verify", "lines", "--published", "--runs", "3")[1]


def test_the_first_quantity_and_step_that_differ_are_named(call: Call) -> None:
    change("trace")
    change(f"{SERIES}eval/error", 6)  # the fourth of its eight evaluations
    change(f"{SERIES}weight", 46)  # the last of its 24 probes
    code, output, _ = call("verify", "--published")
    assert code == 1
    assert "OFF intercept true, lr 0.1, seed 1: differs first in eval/error, step 200\n" in output
    assert "NOT verified: 0 of 1 run" in output


def test_a_run_that_ends_sooner_than_the_published_one_differs_at_its_end(call: Call) -> None:
    change("trace")
    change(f"{SERIES}eval/error", more="00")
    code, output, _ = call("verify", "--published")
    assert code == 1
    assert "differs first in eval/error, step 400\n" in output


def test_a_file_that_differs_is_named(call: Call) -> None:
    change("files/weights.txt")
    code, output, _ = call("verify", "--published")
    assert code == 1
    assert "differs first in weights.txt, after the last step" in output


def test_a_run_of_other_arithmetic_differs_from_where_it_parts(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Lines.advance

    def advance(members: Lines, number: int, rows: Any, probe: bool) -> Steps:
        if number == 250:
            members.w = members.w * (1 + 1e-9)
        return plain(members, number, rows, probe)

    monkeypatch.setattr(Lines, "advance", advance)
    code, output, _ = call("verify", "--published")
    assert code == 1
    assert "differs first in loss, steps 246 to 275" in output


def test_a_published_report_does_not_link_into_a_store_that_readers_do_not_have(
    published: Path, tmp_path: Path
) -> None:
    inprocess.run_undisturbed(published, "report", "lines.toml", "--output", str(tmp_path / "own"))
    for name in ("index.html", "report.md"):
        shown, own = (folder / name for folder in (published / DIGESTS.parent, tmp_path / "own"))
        assert "link to MLflow" in own.read_text()
        assert own.read_text().count("127.0.0.1") > 18
        assert "link to MLflow" not in shown.read_text()
        assert "127.0.0.1" not in shown.read_text()


def test_unknown_studies_are_refused_with_one_message(call: Call) -> None:
    assert call("verify", "--published", "line") == (
        2, "",
        "error: a published study must have its digests.csv in reports/published; received "
        "'line'. Did you mean 'lines'?\n",
    )  # fmt: skip


def test_what_cannot_be_compared_is_refused(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "verify takes one STUDY; received 0" in call("verify")[2]
    assert "takes --runs, but neither" in call("verify", "--published", "--steps", "5")[2]
    assert "takes --runs, but neither" in call("verify", "lines", "--runs", "5")[2]
    monkeypatch.setattr(Linear, "version", "2")
    assert "now version 2" in call("verify", "--published")[2]
    DIGESTS.write_text("nothing\nof the kind\n")
    assert "must hold the digests of a published study's runs" in call("verify", "--published")[2]
    DIGESTS.unlink()
    assert "received none" in call("verify", "--published")[2]


def test_a_subject_whose_bits_depend_on_the_machine_is_not_compared(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Linear, "same_bits", False)
    code, output, _ = call("verify", "--published")
    assert code == 1
    assert "not compared: tests.support.linear has the same bits only on machines of one" in output


def test_a_report_that_is_published_stays_one(
    published: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(published)
    before = DIGESTS.read_bytes()
    DIGESTS.write_text("of another time")
    _, output, _ = inprocess.ablate(capsys, "report", "lines.toml", "--output", str(DIGESTS.parent))
    assert output.endswith(f"{DIGESTS}: 18 runs\n")
    assert DIGESTS.read_bytes() == before


def test_a_report_loads_neither_torch_nor_numba() -> None:
    program = (
        "import sys, harness.cli.commands.report, harness.training.published; "
        "sys.exit(bool({'torch', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_of_runs_at_levels_that_were_not_chosen_only_whether_they_differ_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (study(tmp_path) / "lines.toml").read_text()
    text = text.replace("lr = [0.1, 0.3, 1e30]\n", "[tuned]\nlr = [0.1, 0.3, 1e30]\n", 1)
    (tmp_path / "lines.toml").write_text(text.replace("where = { lr = [0.1, 0.3] }\n", ""))
    monkeypatch.setattr(Linear, "same_bits", True)
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    inprocess.run_undisturbed(tmp_path, "run", "lines.toml")
    inprocess.run_undisturbed(tmp_path, "report", "lines.toml", "--publish")
    monkeypatch.chdir(tmp_path)
    with DIGESTS.open() as file:
        rows = list(csv.DictReader(file))
    with (DIGESTS.parent / "data" / "runs.csv").open() as file:
        judged = {row["run_key"] for row in csv.DictReader(file)}
    assert (len(rows), len(judged)) == (18, 6)
    assert all(row["trace"] and row["files/weights.txt"] for row in rows)
    assert {row["run_key"] for row in rows if row[f"{SERIES}loss"]} == judged
    assert (
        "18 of 18 runs of 1 published study are the same"
        in inprocess.ablate(capsys, "verify", "--published", "--runs", "18")[1]
    )
    for row in rows:
        row["trace"] = row["trace"][::-1]
        row[f"{SERIES}loss"] = "x" * len(row[f"{SERIES}loss"])
    write(rows)
    unknown = "differs first in the trace, at a step that is not known"
    for count, found in (("1", 0), ("6", 0), ("18", 12)):  # those that were chosen come first
        _, output, _ = inprocess.ablate(capsys, "verify", "--published", "--runs", count)
        assert output.count("OFF") == int(count)
        assert output.count(unknown) == found
