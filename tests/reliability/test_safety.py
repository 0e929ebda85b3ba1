"""Nothing listens beyond this machine, no file is unpickled, and no name does harm."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from tests.support.inprocess import ablate
from tests.support.small_study import STUDY, WORDS

SOURCES = sorted(Path(harness.__file__).parent.rglob("*.py"))
# Unpickles what the coordinator sent, after checking its digest: see engines/test_ray_worker.py.
TRUSTING = "harness/engines/ray_worker.py"
UNPICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
UNSAFE = {"torch.load", "np.load", "numpy.load", "pd.read_pickle", "eval", "exec", "os.system"}


def dotted(node: ast.expr) -> str:
    """A name such as torch.load as it is written."""
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def nodes() -> Iterator[tuple[Path, ast.AST]]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            yield source, node


def test_nothing_unpickles_or_evaluates() -> None:
    for source, node in nodes():
        if isinstance(node, ast.Import) and not source.as_posix().endswith(TRUSTING):
            assert not {alias.name.split(".")[0] for alias in node.names} & UNPICKLERS, source
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in UNPICKLERS, source
        if isinstance(node, ast.Call):
            assert dotted(node.func) not in UNSAFE, source
            assert not [k for k in node.keywords if k.arg in ("shell", "allow_pickle")], source


def test_nothing_listens_on_an_address_beyond_this_machine() -> None:
    for source, node in nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert "0.0.0.0" not in node.value, source  # noqa: S104 - it is looked for
            assert node.value != "::", source


@pytest.mark.parametrize("name", ["x\x1b[2J", "a\nb", ".hidden", "x" * 81])
def test_a_name_unfit_for_folders_or_terminals_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / f"{name}.toml").write_text(STUDY.format(steps=20))
    (tmp_path / "words.txt").write_text(WORDS)
    monkeypatch.chdir(tmp_path)
    code, _, errors = ablate(capsys, "run", f"{name}.toml", "--data", "words.txt")
    assert code == 2
    assert ": name must " in errors
    assert "\x1b" not in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([f"{name}.toml", "words.txt"])
