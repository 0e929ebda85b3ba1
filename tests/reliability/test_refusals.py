"""Bad input: one message with rule, value and remedy, exit code 2, and no file is changed."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.inprocess import ablate, contents
from tests.support.small_study import NAME, STUDY, WORDS, write_study

TOML = STUDY.format(steps=30)
CLAIM = '[[claims]]\nid = "c"\nsays = "so"\n'
DIFFERENCE = "kind = 'difference'\nfactor = 'norm'\nlevel = 'batch'\nversus = 'none'\n"


@pytest.fixture
def place(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a study, its data, an empty store."""
    write_study(tmp_path, steps=30)
    shutil.copy(template, tmp_path / "mlflow.db")
    for name in ("ABLATE_DATA", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(place: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The message of a command that must be refused and leave no trace."""
    before = contents(place)
    code, _, errors = ablate(capsys, *arguments)
    assert code == 2, errors
    assert contents(place) == before
    assert "Traceback" not in errors
    return errors


def tuned(fields: str, *, keep: bool = False) -> str:
    """The study with three seeds and these tuned fields, in place of the factor lr or beside it."""
    text = TOML.replace("seeds = 2", "seeds = 3")
    text = text if keep else text.replace("lr = [0.1, 100000.0]\n", "")
    return f"{text}[tuned]\n{fields}"


FILES: dict[str, tuple[str | bytes, str]] = {
    "no TOML": (
        "question = ",
        "study 'kept' must be TOML in UTF-8; received Invalid value (at end of document). "
        "Fix the file there and run again.",
    ),
    "another encoding": (
        TOML.replace("lost", "löst").encode("latin-1"),
        "study 'kept' must be TOML in UTF-8; received 'utf-8' codec can't decode byte 0xf6 in "
        "position 26: invalid start byte. Fix the file there and run again.",
    ),
    "nested without end": (
        "x = " + "[" * 100_000,
        "study 'kept' must be TOML in UTF-8; received tables or lists that are nested too deeply. "
        "Fix the file there and run again.",
    ),
    "empty": (
        "",
        "study 'kept': question is missing; received nothing. Fix that entry (3 more are wrong).",
    ),
    "unknown key": (
        TOML.replace("seeds", "sedes"),
        "study 'kept': unknown key: sedes; received 2. Did you mean 'seeds'?",
    ),
    "name written": (
        "name = 'x'\n" + TOML,
        "study 'kept': unknown key: name; received 'x'. "
        "The file name is the name of the study; leave this key out.",
    ),
    "question of a wrong type": (
        TOML.replace('"Is anything lost?"', "5"),
        "study 'kept': question must be a text; received 5. Fix that entry.",
    ),
    "question with an escape": (
        TOML.replace("lost", r"\u001b[2J"),
        "study 'kept': question must not hold control characters such as U+001B; received "
        r"'Is anything \x1b[2J?'. Fix that entry.",
    ),
    "no seeds": (
        TOML.replace("seeds = 2\n", ""),
        "study 'kept': seeds is missing; received nothing. Fix that entry.",
    ),
    "an empty list of seeds": (
        TOML.replace("seeds = 2", "seeds = []"),
        "study 'kept': seeds must hold at least one seed; received []. Fix that entry.",
    ),
    "zero seeds": (
        TOML.replace("seeds = 2", "seeds = 0"),
        "study 'kept': seeds must be a number from 1 to 10,000, or a list of seeds; received 0. "
        "Fix that entry.",
    ),
    "seeds as text": (
        TOML.replace("seeds = 2", "seeds = ['1']"),
        "study 'kept': seeds, entry 1 must be a whole number; received '1'. Fix that entry.",
    ),
    "a seed twice": (
        TOML.replace("seeds = 2", "seeds = [1, 1]"),
        "study 'kept': seeds must not name a seed twice; received [1, 1]. Fix that entry.",
    ),
    "a seed past all bounds": (
        TOML.replace("seeds = 2", "seeds = [-1]"),
        "study 'kept': seeds must be from 0 to 999,999,999; received [-1]. Fix that entry.",
    ),
    "no levels": (
        TOML.replace('["none", "batch"]', "[]"),
        "study 'kept': factors must list levels of norm; received []. Write levels, or move the "
        "field to [fixed].",
    ),
    "a level twice": (
        TOML.replace('["none", "batch"]', '["none", "none"]'),
        "study 'kept': factors must not name a level of norm twice; received ['none', 'none']. "
        "Drop one.",
    ),
    "levels that are written alike": (
        TOML.replace("[0.1, 100000.0]", "[0.1, 0.10000001]"),
        "study 'kept': factors must not list levels of lr that are alike, with numbers to six "
        "digits; received [0.1, 0.10000001]. Drop one, or set them further apart.",
    ),
    "no such level": (
        TOML.replace('["none", "batch"]', '["none", "batch", "bach"]'),
        "study 'kept': norm must be a level that exists; received 'bach'. Did you mean 'batch'?",
    ),
    "a level out of range": (
        TOML.replace("[0.1, 100000.0]", "[0.1, -1.0]"),
        "study 'kept': lr must be more than 0; received -1.0. Fix that entry.",
    ),
    "a level of a wrong type": (
        TOML.replace("[0.1, 100000.0]", "[0.1, 'fast']"),
        "study 'kept': lr must be a number; received 'fast'. Fix that entry.",
    ),
    "a level that is none": (
        TOML.replace("[0.1, 100000.0]", "[0.1, 2020-01-01]"),
        "study 'kept': factors, lr, entry 2 must be a number, a text, true or false; received "
        "datetime.date(2020, 1, 1). Fix that entry.",
    ),
    "a level that is not finite": (
        TOML.replace("[0.1, 100000.0]", "[0.1, nan]"),
        "study 'kept': factors, lr, entry 2 must be finite; received nan. Fix that entry.",
    ),
    "levels that are no list": (
        TOML.replace("[0.1, 100000.0]", "0.1"),
        "study 'kept': factors, lr must be a list; received 0.1. Fix that entry.",
    ),
    "true for a number": (
        TOML.replace("depth = 2", "depth = true"),
        "study 'kept': depth must be a whole number; received true. Fix that entry.",
    ),
    "a field that does not exist": (
        TOML.replace("depth = 2", "dept = 2"),
        "study 'kept': [fixed] must name fields of a run; received 'dept'. Did you mean 'depth'?",
    ),
    "a field of another subject": (
        TOML.replace("depth = 2", "positions = 'none'"),
        "study 'kept': [fixed] must name fields of a run; received 'positions'. It is a field of "
        "subject char_transformer. Valid fields: activation, batch, context, depth, embedding, "
        "gain, init, lr, lr_drop, lr_drop_at, momentum, norm, output_norm, output_scale, residual, "
        "split, steps, train_words, weight_decay, width.",
    ),
    "a factor that is fixed": (
        TOML.replace("depth = 2", "lr = 2.0"),
        "study 'kept': a field must not be in both [fixed] and [factors]; received 'lr'. "
        "Drop one of them.",
    ),
    "a tuned field that is a factor": (
        tuned("lr = [0.1, 0.3]\n", keep=True),
        "study 'kept': a field must not be in both [factors] and [tuned]; received 'lr'. "
        "Drop one of them.",
    ),
    "a tuned field that is fixed": (
        tuned("depth = [2, 3]\n", keep=True),
        "study 'kept': a field must not be in both [fixed] and [tuned]; received 'depth'. "
        "Drop one of them.",
    ),
    "a tuned field of one level": (
        tuned("lr = [0.1]\n"),
        "study 'kept': a tuned field must have at least two levels: lr; received [0.1]. "
        "Add levels, or write it in [fixed].",
    ),
    "a tuned field that does not exist": (
        tuned("lr = [0.1, 0.3]\nmomentun = [0.0, 0.9]\n"),
        "study 'kept': [tuned] must name fields of a run; received 'momentun'. "
        "Did you mean 'momentum'?",
    ),
    "a tuned field without a baseline": (
        tuned("lr = [0.1, 0.3]\nmomentum = [0.0, 0.9]\n"),
        "study 'kept': [baseline] must name a level of every tuned field; received {'norm': "
        "'batch', 'lr': 0.1}. Add momentum with one of [0.0, 0.9].",
    ),
    "a tuned study with two seeds": (
        tuned("lr = [0.1, 0.3]\n").replace("seeds = 3", "seeds = 2"),
        "study 'kept': a study with tuned fields must have at least 3 seeds; received 2. "
        "Add seeds, or make the tuned fields factors.",
    ),
    "a tuned study with looks": (
        tuned("lr = [0.1, 0.3]\n").replace("seeds = 3", "seeds = { looks = [3, 4] }"),
        "study 'kept': a study with tuned fields must have no looks: all other seeds choose each "
        "level; received ['lr']. Write a number of seeds, or make the tuned fields factors.",
    ),
    "tuning by what is neither better nor worse": (
        'primary = "init/gradient_growth"\n' + tuned("lr = [0.1, 0.3]\n"),
        "study 'kept': tuning needs a primary response that is better when lower or higher; "
        "received 'init/gradient_growth'. Name another primary response, or make the tuned fields "
        "factors.",
    ),
    "a claim on a tuned field": (
        tuned("lr = [0.1, 0.3]\n") + CLAIM + "kind = 'threshold'\nbelow = 1.0\n"
        "where = { lr = 0.1 }\n",
        "study 'kept': claim 'c' must not name a tuned field, of which each variant takes its best "
        "level; received 'lr'. Make lr a factor, or leave it out of the claim.",
    ),
    "two variants that are one": (
        TOML.replace("depth = 2", "").replace(
            "lr = [0.1, 100000.0]", 'lr = [0.1]\noutput_norm = ["", "batch"]'
        )
        + 'output_norm = "batch"\n',
        "study 'kept': variants must differ in what they train; received {'norm': 'batch', "
        "'lr': 0.1, 'output_norm': 'batch'}, which is the same as {'norm': 'batch', 'lr': 0.1, "
        "'output_norm': ''}. Remove one of the levels.",
    ),
    "a baseline without a factor": (
        TOML.replace("lr = 0.1\n", ""),
        "study 'kept': [baseline] must name a level of every factor; received {'norm': 'batch'}. "
        "Add lr with one of [0.1, 100000.0].",
    ),
    "a baseline of what does not vary": (
        TOML + "width = 12\n",
        "study 'kept': [baseline] must name factors of the study; received 'width'. "
        "Valid factors: lr, norm.",
    ),
    "a baseline that is no boolean": (
        TOML.replace("lr = [0.1, 100000.0]", "residual = [false, true]").replace(
            "lr = 0.1", "residual = 1"
        ),
        "study 'kept': [baseline] must name a level that residual has; received 1. "
        "Valid levels: false, true.",
    ),
    "a baseline that is no level": (
        TOML.replace('norm = "batch"', 'norm = "batsch"'),
        "study 'kept': [baseline] must name a level that norm has; received 'batsch'. "
        "Did you mean 'batch'?",
    ),
    "a claim of an unknown kind": (
        TOML + CLAIM + "kind = 'x'\n",
        "study 'kept': claims, entry 1 must have one of the kinds 'threshold', "
        "'difference', 'equivalence', 'interaction'; received {'id': 'c', 'says': 'so', "
        "'kind': 'x'}. Fix that entry.",
    ),
    "a claim's unknown key": (
        TOML + CLAIM + "kind = 'threshold'\nbellow = 3\n",
        "study 'kept': unknown key: claims, entry 1, bellow; received 3. Did you mean 'below'?",
    ),
    "a claim with true for a number": (
        TOML + CLAIM + DIFFERENCE + "margin = true\n",
        "study 'kept': claims, entry 1, margin must be a number; received true. Fix that entry.",
    ),
    "a claim with a number in quotes": (
        TOML + CLAIM + DIFFERENCE + "margin = '0.5'\n",
        "study 'kept': claims, entry 1, margin must be a number; received '0.5'. Fix that entry.",
    ),
    "a threshold in quotes": (
        TOML + CLAIM + "kind = 'threshold'\nbelow = '2'\n",
        "study 'kept': claims, entry 1, below must be a number; received '2'. Fix that entry.",
    ),
    "a claim on an unknown response": (
        TOML + CLAIM + "kind = 'threshold'\nbelow = 3\nresponse = 'final/devloss'\n",
        "study 'kept': claims claim 'c', response must be a response that exists; received "
        "'final/devloss'. Did you mean 'final/dev_loss'?",
    ),
    "a claim on what does not vary": (
        TOML + CLAIM + "kind = 'difference'\nfactor = 'nrom'\nlevel = 'batch'\nversus = 'none'\n",
        "study 'kept': claim 'c' must name factors of the study; received 'nrom'. "
        "Did you mean 'norm'?",
    ),
    "a claim on a level that is not there": (
        TOML + CLAIM + "kind = 'threshold'\nbelow = 3\nwhere = {norm = 'layer'}\n",
        "study 'kept': claim 'c' must name a level that norm has; received 'layer'. "
        "Valid levels: batch, none.",
    ),
    "a grid past a sane size": (
        TOML.replace("seeds = 2", "seeds = 10000"),
        "a grid must have at most 20,000 runs, unless you give `ablate run` --yes; received "
        "40,000 runs. Remove levels or seeds, or add --yes.",
    ),
    "a grid past all bounds": (
        TOML.replace("0.1, 100000.0", ", ".join(str(1 + i / 1e4) for i in range(9_999)) + ", 0.1")
        .replace("width = 12", "")
        .replace("[baseline]", f"width = {list(range(2, 4000))}\n[baseline]")
        + "width = 12\n",
        "a grid must have at most 20,000 runs, unless you give `ablate run` --yes; received "
        "159,920,000 runs. Remove levels or seeds, or add --yes.",
    ),
    "more training words than there are": (
        TOML.replace("depth = 2", "train_words = 5000"),
        "train_words must be at most 128, the training words of words.txt; received 5000. "
        "Ask for fewer, or for 'all'.",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_study_file_is_refused_word_for_word(
    place: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, message = FILES[case]
    (place / f"{NAME}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    errors = refused(place, capsys, "run", f"{NAME}.toml", "--data", "words.txt")
    assert errors == f"error: {message}\n"


DATA: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "the data file must be readable"),
    "empty": (b"", "a data file must hold items, one per line; received an empty words.txt"),
    "binary": (bytes(range(256)) * 9, "a data file must be text in UTF-8; received byte 0x80"),
    "another encoding": (
        "zoë\n".encode("latin-1") * 9,
        "received byte 0xeb in line 1 of words.txt",
    ),
    "one word": (b"anna\n", "at least 6 items, for three splits (80/10/10); received 1"),
    "too few words": (b"a\nb\nc\nd\ne\n", "for three splits (80/10/10); received 5 in words.txt"),
    "one very long line": (b"x" * 100_000, "at most 1,000 characters; received 100,000 in line 1"),
    "an escape": (WORDS.encode() + b"a\x1b[2J\n", "received U+001B in line 161 of words.txt"),
}


@pytest.mark.parametrize("case", DATA)
def test_a_data_file_is_refused(place: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    content, message = DATA[case]
    (place / "words.txt").unlink()
    if content is not None:
        (place / "words.txt").write_bytes(content)
    errors = refused(place, capsys, "run", f"{NAME}.toml", "--data", "words.txt")
    assert message in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "x" * 5000 + ".toml"], "File name too long"),
        (["run", "cor"], "received 'cor'. Did you mean 'core'?"),
        (["run", "nothing.toml"], "received 'nothing.toml' (No such file or directory). "),
        (["run", "."], "the path of a .toml file; received '.'."),
        (["run", "a\0b.toml"], r"received 'a\x00b.toml' (embedded null byte)"),
        (["run", "x" * 5000 + ".toml"], "File name too long"),
        (["run", NAME + ".toml", "--workers", "0"], "0 is not in the range x>=1"),
        (["run", NAME + ".toml", "--steps", "0"], "0 is not in the range x>=1"),
        (["run", NAME + ".toml", "--seeds", "3-1"], "must name 1 to 10,000 seeds"),
        (["run", NAME + ".toml", "--seeds", "9" * 40], "must name 1 to 10,000 seeds"),
        (["run", NAME + ".toml", "--device", "tpu"], "received --device tpu. "),
        (["rnu", NAME + ".toml"], "No such command 'rnu'"),
        (["--tracking-uri", "nonsense", "run", NAME + ".toml"], "a tracking URI"),
        (
            ["--tracking-uri", "http://u:secret@127.0.0.1:9", "run", NAME + ".toml"],
            "the tracking server must answer when a study begins; received no MLflow server "
            "answers at http://127.0.0.1:9. Start it, or leave --tracking-uri out",
        ),
    ],
)
def test_a_command_line_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    errors = refused(place, capsys, *arguments, *["--data", "words.txt"] * (arguments[0] != "rnu"))
    assert message in errors


ODD: dict[str, Callable[[Path], object]] = {
    "not a regular file": os.mkfifo,
    "not a regular file (/dev/zero)": lambda path: path.symlink_to("/dev/zero"),
    "Is a directory": Path.mkdir,
    "more than 10,000,000 bytes": lambda path: path.write_bytes(bytes(10_000_001)),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["odd.toml", "odd.py"])
def test_what_is_no_plain_file_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str
) -> None:
    ODD[kind](place / name)
    (place / f"{NAME}.toml").write_text('subject = "odd.py"\n' + TOML)
    asked = name if name.endswith(".toml") else f"{NAME}.toml"
    errors = refused(place, capsys, "plan", asked)
    assert f"received '{name}' ({kind.partition(' (')[0]}). " in errors


def test_a_working_directory_that_was_removed_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for arguments in (["plan", "smoke"], ["run", f"{place}/{NAME}.toml"], ["list"]):
        assert ablate(capsys, *arguments) == (
            2, "",
            "error: the working directory must exist; received one that was removed. "
            "Change to another directory.\n",
        )  # fmt: skip


def test_steps_cannot_be_chosen_where_they_vary(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TOML.replace("steps = 30", "").replace("lr = [0.1, 100000.0]", "steps = [1, 2]")
    (place / f"{NAME}.toml").write_text(text.replace("lr = 0.1", "steps = 1"))
    errors = refused(place, capsys, "run", f"{NAME}.toml", "--data", "words.txt", "--steps", "9")
    assert errors == (
        "error: --steps needs a study that does not vary steps; received 'kept', in which they are "
        "a factor. Leave --steps out.\n"
    )


def refused_run(place: Path, capsys: pytest.CaptureFixture[str]) -> str:
    return refused(place, capsys, "run", f"{NAME}.toml", "--data", "words.txt")


def test_a_store_made_by_a_newer_mlflow_is_left_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(place / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        database.commit()
    assert "one made by a newer MLflow" in refused_run(place, capsys)


def test_a_damaged_store_is_left_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (place / "mlflow.db").read_bytes()
    (place / "mlflow.db").write_bytes(content[:8192] + os.urandom(len(content) - 8192))
    assert "the MLflow database must be undamaged" in refused_run(place, capsys)


def test_a_deleted_experiment_stays_deleted(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient(f"sqlite:///{place}/mlflow.db")
    client.delete_experiment(client.create_experiment(NAME, str(place / "mlartifacts")))
    errors = refused_run(place, capsys)
    assert "received 'kept', which is deleted in MLflow" in errors
    assert f"ablate prune {NAME}" in errors
