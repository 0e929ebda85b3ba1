"""What commands print with --json: one document a line, each as its schema says."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

import harness.cli.session
from harness.cli import COMMANDS, ablate
from harness.cli.documents import SCHEMAS, json_schema
from harness.cli.signals import CONTINUE
from harness.engines import Task, TaskDone, TaskEvent
from harness.subjects.subject import Data, Subject
from tests.store.conftest import template
from tests.support import inprocess, installed
from tests.support.inprocess import InlineEngine
from tests.support.loops import LOOP, LOOP_STUDY

__all__ = ["template"]

STUDY = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = 2
[fixed]
steps = 200
batch = 8
[factors]
intercept = [false, true]
lr = [0.1, 1e30]
[baseline]
intercept = true
lr = 0.1
[[claims]]
id = "intercept-helps"
says = "An intercept lowers the error"
kind = "difference"
factor = "intercept"
level = true
versus = false
where = { lr = 0.1 }
"""
OTHER = STUDY.replace("lr = [0.1, 1e30]", "lr = [0.1, 0.2]")
DIVERGED = "intercept true, lr 1e+30"
DOCUMENTS = {  # a command and the schema of what it prints
    ("list",): "list",
    ("plan", "lines.toml"): "plan",
    ("plan", "lines.toml", "--seeds", "3"): "plan",
    ("report", "lines.toml"): "report",
    ("compare", "lines.toml", "intercept=false", "intercept=true"): "compare.variants",
    ("compare", "lines.toml", "other.toml"): "compare.studies",
    ("export", "lines.toml"): "export",
    ("show", "intercept true, lr 0.1 · seed 1"): "show",
    ("show", f"{DIVERGED} · seed 2"): "show",
    ("doctor",): "doctor",
}
NO_MORE_THAN_SCHEMA = [
    words for words in DOCUMENTS if words[0] in ("list", "plan", "export", "show", "doctor")
]
# A hash of each schema without its descriptions. Where a key was added, write the new hash here;
# where one went or means something else, raise the version in the schema's name first.
DIGESTS = {
    "ablate.list/1": "387898c39ed051e1",
    "ablate.plan/1": "c033f5846a97a61a",
    "ablate.run/1": "ecb21b04bfbd2bad",
    "ablate.report/1": "7b73d08ad340ca1a",
    "ablate.compare.variants/1": "10453715f3cdfa9b",
    "ablate.compare.studies/1": "7c5ab308c1607e66",
    "ablate.export/1": "7329524488b5f432",
    "ablate.show/1": "46bd162de2cee045",
    "ablate.doctor/1": "ff5511c7a3c59c89",
    "ablate.error/1": "419a9e6f564f7c41",
}
PAGE = Path(__file__).parents[2] / "docs" / "machines.md"
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Path]:
    """A directory with two trained studies that share runs; events and text of their sessions."""
    folder = tmp_path_factory.mktemp("machines")
    shutil.copy(template, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("MLFLOW_TRACKING_URI", "ABLATE_DATA"):
            patch.delenv(name, raising=False)
        patch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
        for name, text in (("lines", STUDY), ("other", OTHER)):
            Path(f"{name}.toml").write_text(text)
            output, errors = StringIO(), StringIO()
            patch.setattr("sys.argv", ["ablate", "run", f"{name}.toml", "--json"])
            with redirect_stdout(output), redirect_stderr(errors), pytest.raises(SystemExit):
                harness.cli.main()
            Path(f"{name}.jsonl").write_text(output.getvalue())
            Path(f"{name}.txt").write_text(errors.getvalue())
        yield folder


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty store, and the study."""
    shutil.copy(template, tmp_path / "mlflow.db")
    (tmp_path / "lines.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "ABLATE_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    return tmp_path


class Breaking(InlineEngine):
    """An engine whose workers die."""

    def __call__(self, tasks: Sequence[Task], *_: Any) -> Iterator[TaskEvent]:
        for task in tasks:
            yield task, TaskDone("its worker died with exit code -9")


class Interrupted(InlineEngine):
    """An engine that is told to stop after the first event."""

    def __call__(
        self, tasks: Sequence[Task], subject: Subject, data: Data, stopping: Any
    ) -> Iterator[TaskEvent]:
        for event in super().__call__(tasks, subject, data, stopping):
            yield event
            os.kill(os.getpid(), signal.SIGINT)
            return


known = cache(json_schema)


def parsed(output: str, schema: str) -> Lines:
    """The documents of an output, each held against its schema."""
    assert output.isascii()
    found: Lines = [json.loads(line) for line in output.splitlines()]
    for document in found:
        jsonschema.validate(document, known(schema))
        assert document["schema"].startswith(f"ablate.{schema}/")
    return found


def document(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """The one document that a command prints."""
    ended, output, errors = inprocess.ablate(capsys, *arguments, "--json")
    assert ended == code, errors
    (found,) = parsed(output, DOCUMENTS[arguments])
    return found


def session(monkeypatch: pytest.MonkeyPatch, engine: InlineEngine, code: int) -> Lines:
    """The events of a session with an engine."""
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: engine)
    done = CliRunner().invoke(ablate, ("run", "lines.toml", "--json"), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return parsed(done.stdout, "run")


@pytest.mark.parametrize("arguments", NO_MORE_THAN_SCHEMA, ids=" ".join)
def test_a_command_prints_one_document_of_its_schema(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert folder == Path.cwd()
    document(capsys, *arguments)


def test_every_command_that_takes_json_is_tried() -> None:
    taking = {
        name
        for name in COMMANDS
        if any("--json" in option.opts for option in ablate.get_command(None, name).params)  # type: ignore[arg-type, union-attr]
    }
    assert taking == {arguments[0] for arguments in DOCUMENTS} | {"run"}


def test_a_plan_counts_what_has_ended_and_what_is_to_train(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder == Path.cwd()
    plan = document(capsys, "plan", "lines.toml", "--seeds", "3")
    assert (plan["runs"], plan["ended"], plan["training"]["runs"]) == (12, 8, 4)
    assert plan["seeds"] == [1, 2, 3]
    last = plan["variants"][-1]
    assert last == {"variant": DIVERGED, "levels": {"intercept": True, "lr": 1e30},
                    "parameters": 2, "runs": 3, "ended": 2, "diverged": 2}  # fmt: skip
    ended = document(capsys, "plan", "lines.toml")
    assert ended["training"]["members"] is None
    assert ended["training"]["seconds"] == 0


def test_a_report_has_the_numbers_of_its_own_tables_whether_it_is_new_or_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = document(capsys, "report", "lines.toml")
    same = document(capsys, "report", "lines.toml")
    assert (new.pop("changed"), same.pop("changed")) == (True, False)
    assert new == same
    assert (new["runs"], new["ended"], new["diverged"], new["comparable"]) == (8, 8, 4, True)
    assert (folder / new["page"]).exists()
    (claim,) = new["claims"]
    assert claim["verdict"] == "SUPPORTED"
    assert claim["low"] <= claim["estimate"] <= claim["high"] < 0
    assert claim["where"] == {"lr": ["0.1"]}
    means = {row["variant"]: row for row in new["means"]}
    kept = document(capsys, "show", "intercept true, lr 0.1 · seed 1")
    assert kept["fields"]["lr"] == 0.1
    mean = means["intercept true, lr 0.1"]
    assert mean["levels"] == {"intercept": True, "lr": 0.1}
    assert mean["low"] < kept["metrics"]["final/error"] < mean["high"]
    untestable = [row for row in new["effects"] if row["factor"] == "lr"]
    assert {row["estimate"] for row in untestable} == {None}


def test_studies_and_variants_are_compared_in_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert folder == Path.cwd()
    pair = document(capsys, "compare", "lines.toml", "intercept=false", "intercept=true")
    (error, loss) = pair["responses"]
    assert (error["response"], loss["response"]) == ("final/error", "init/loss")
    assert error["difference"] == pytest.approx(error["b"] - error["a"], rel=1e-12)
    across = document(capsys, "compare", "lines.toml", "other.toml")
    assert across["common"] == {"intercept": [False, True], "lr": [0.1]}
    for place in across["places"]:
        first, second = place["studies"]
        assert (first["difference"], second["difference"]) == (None, 0)
        assert first["mean"] == second["mean"]
    assert across["claims"] == [{
        "id": "intercept-helps", "says": "An intercept lowers the error",
        "verdicts": {"lines": "SUPPORTED", "other": "SUPPORTED"},
    }]  # fmt: skip


def test_doctor_says_what_to_do_and_what_it_repaired(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    for name in ("mlflow.db", "mlartifacts", "lines.toml"):
        path = folder / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    (gone, *_) = sorted((tmp_path / "mlartifacts").glob("*/artifacts/trace.parquet"))
    gone.unlink()
    found = document(capsys, "doctor", code=1)["found"]
    (damaged,) = (one for one in found if one["kind"] == "files")
    assert damaged["run_id"] == gone.parts[-3]
    assert (damaged["repairable"], damaged["repaired"]) == (False, False)
    assert damaged["remedy"].startswith("Train these again: ablate run ")
    assert damaged["remedy"].endswith(" --repair")


def test_a_session_is_told_event_by_event(folder: Path) -> None:
    events = parsed((folder / "lines.jsonl").read_text(), "run")
    names = [event["event"] for event in events]
    assert names[:3] == ["session_started", "training_started", "progress"]
    assert names[3:] == ["run_ended"] * 8 + ["session_ended"]
    runs = {(run["variant"], run["seed"]): run for run in events[3:-1]}
    assert len(runs) == 8
    diverged = runs[DIVERGED, 1]
    assert diverged["outcome"] == "diverged"
    assert diverged["responses"]["final/error"] is None
    assert diverged["responses"]["init/loss"] > 0
    assert (diverged["diverged_step"], diverged["cause"]) != (None, "")
    finished = runs["intercept true, lr 0.1", 1]
    assert finished["outcome"] == "finished"
    assert finished["levels"] == {"intercept": True, "lr": 0.1}
    assert (finished["diverged_step"], finished["cause"]) == (None, "")
    last = events[-1]
    assert (last["outcome"], last["exit_code"], last["trained"]) == ("done", 0, 8)
    assert "all 8 runs have ended, 8 of them now.\n" in (folder / "lines.txt").read_text()


def test_runs_that_another_study_has_finished_are_told(folder: Path) -> None:
    events = parsed((folder / "other.jsonl").read_text(), "run")
    taken = {(e["variant"], e["seed"]) for e in events if e["event"] == "run_taken_over"}
    assert taken == {(f"intercept {x}, lr 0.1", s) for x in ("false", "true") for s in (1, 2)}
    assert sum(event["event"] == "run_ended" for event in events) == 4
    assert (events[-1]["runs"], events[-1]["trained"]) == (8, 4)


@pytest.mark.usefixtures("place")
def test_a_run_that_cannot_be_trained_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    events = session(monkeypatch, Breaking(), code=1)
    failed = [event for event in events if event["event"] == "run_ended"]
    assert len(failed) == 8
    for run in failed:
        assert (run["outcome"], run["responses"], run["seconds"]) == ("failed", {}, None)
        assert run["cause"] == "its worker died with exit code -9"
    last = events[-1]
    assert (last["outcome"], last["exit_code"], last["failed"]) == ("failed", 1, 8)


@pytest.mark.usefixtures("place")
def test_a_session_that_is_interrupted_says_so_last(monkeypatch: pytest.MonkeyPatch) -> None:
    last = session(monkeypatch, Interrupted(), code=130)[-1]
    assert (last["event"], last["outcome"], last["exit_code"]) == (
        "session_ended", "interrupted", 130,
    )  # fmt: skip
    assert CONTINUE not in last.values()


@pytest.mark.usefixtures("place")
def test_a_report_at_the_end_of_a_session_is_one_more_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, output, errors = inprocess.ablate(
        capsys, "run", "lines.toml", "--seeds", "1", "--report", "--json"
    )
    assert code == 0
    *events, report = output.splitlines()
    assert parsed("\n".join(events), "run")[-1]["event"] == "session_ended"
    (found,) = parsed(report, "report")
    assert found["claims"][0]["verdict"] == "NOT TESTABLE"
    assert errors.endswith("reports/lines-seeds-1/index.html\n")


@pytest.mark.usefixtures("place")
def test_a_mistake_is_a_document_and_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = inprocess.ablate(capsys, "show", "nothing", "--json")
    assert code == 2
    (mistake,) = parsed(output, "error")
    assert mistake == {"schema": "ablate.error/1", "error": {
        "rule": "RUN must be the id, key or name of one run that has ended",
        "received": f"'nothing', which matches none in sqlite:///{Path.cwd()}/mlflow.db",
        "remedy": "Or name a study and levels: ablate show STUDY FACTOR=LEVEL seed=N.",
    }}  # fmt: skip
    assert errors == "error: {rule}; received {received}. {remedy}\n".format(**mistake["error"])


def test_a_wrong_option_is_a_document_and_a_message(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, errors = inprocess.ablate(capsys, "plan", "core", "--stepz", "5", "--json")
    assert code == 2
    (mistake,) = parsed(output, "error")
    assert mistake["error"]["rule"] == "a command must be written as its --help says"
    assert mistake["error"]["received"].startswith("No such option")
    assert mistake["error"]["received"] in " ".join(errors.split())
    assert inprocess.ablate(capsys, "plan", "core", "--stepz", "5")[1] == ""


def test_the_numbers_are_those_of_a_whole_report(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = inprocess.ablate(capsys, "report", "core", "--figure", "effects", "--json")
    assert code == 2
    assert parsed(output, "error")[0]["error"] == {
        "rule": "--json needs the whole report",
        "received": "--figure effects",
        "remedy": "Leave one of them out.",
    }


def test_what_a_users_file_prints_goes_elsewhere(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "loop.py").write_text(f"{LOOP}\nprint('a word of its own')\n")
    (place / "loop.toml").write_text(LOOP_STUDY.format(steps=5))
    code, output, errors = inprocess.ablate(capsys, "plan", "loop.toml", "--json")
    assert code == 0, errors
    (plan,) = parsed(output, "plan")
    assert plan["code"] == ["loop.py"]
    assert "a word of its own" in errors


@pytest.mark.service
def test_what_a_users_file_prints_in_a_worker_goes_elsewhere(place: Path) -> None:
    talking = LOOP.replace("    x, y = points()", "    print('training')\n    x, y = points()", 1)
    (place / "loop.py").write_text(talking)
    (place / "loop.toml").write_text(LOOP_STUDY.format(steps=5))
    command = [installed.ABLATE, "run", "loop.toml", "--workers", "1", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert parsed(ended.stdout, "run")[-1]["outcome"] == "done"
    assert "training\n" in ended.stderr


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = inprocess.ablate(capsys, "schema")
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == list(SCHEMAS)
    _, output, _ = inprocess.ablate(capsys, "schema", "plan")
    assert json.loads(output) == json_schema("plan")
    assert inprocess.ablate(capsys, "schema", "plam")[::2] == (
        2,
        "error: NAME must be the name of a schema; received 'plam'. Did you mean 'plan'?\n",
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_does_not_change_unseen(name: str) -> None:
    def bare(part: Any) -> Any:
        if isinstance(part, dict):
            said = {key for key in ("description", "title") if isinstance(part.get(key), str)}
            return {key: bare(value) for key, value in part.items() if key not in said}
        return [bare(value) for value in part] if isinstance(part, list) else part

    text = json.dumps(bare(json_schema(name)), sort_keys=True)
    (version,) = {document.model_fields["schema_name"].default for document in SCHEMAS[name]}
    assert {version: sha256(text.encode()).hexdigest()[:16]}.items() <= DIGESTS.items()


def test_the_program_on_the_page_decides(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    def here(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        code, output = inprocess.ablate(capsys, *command[1:])[:2]
        return subprocess.CompletedProcess(command, code, output)

    assert folder == Path.cwd()
    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.run", here)
        patch.setattr("sys.argv", ["decide.py", "lines.toml"])
        exec(program, {"print": said.append})  # noqa: S102 - the page's own
    first, *_, last = said
    assert first == "0 runs, about 0 s"
    assert re.fullmatch(r"intercept-helps: SUPPORTED; decided, interval -\S+ to -\S+", last)
