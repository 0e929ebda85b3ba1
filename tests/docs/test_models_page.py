"""The page on models of one's own: its file and its study, trained and reported as they stand."""

import re
from pathlib import Path

import pytest

import harness.cli.session
from harness.subjects import find_subject
from harness.subjects.torch.fields import TorchFields
from harness.subjects.user_file import LOOP, MODEL
from tests.support import inprocess
from tests.support.inprocess import InlineEngine

pytestmark = pytest.mark.usefixtures("few_figures")

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
README = Path(__file__).parents[2] / "README.md"


def test_the_pages_file_and_study_go_through_run_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    monkeypatch.setattr(harness.cli.session, "LocalEngine", lambda _: InlineEngine())
    for text in re.findall(r"```(?:python|toml)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        name = text.splitlines()[0].removeprefix("# ")
        Path(name).write_text(text)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["surface.py", "surface.toml"]
    for words in (("check", "surface.py"), ("check", "surface.toml"),
                  ("run", "surface.toml", "--seeds", "2"), ("report", "surface.toml")):  # fmt: skip
        code, output, errors = inprocess.ablate(capsys, *words)
        assert code == 0, output + errors
    report = Path("reports/surface/report.md").read_text()
    assert "Which activation fits the surface better?" in report
    assert "dev loss" in report
    for word in ("character", "tanh saturation", "nats", "corpus"):
        assert word not in report, word


def test_the_page_names_every_field_of_the_harness_and_every_part_of_the_contract() -> None:
    optional = ("loss", "metrics", "sample", "VERSION", "FILES", "run.rows(", "run.save(")
    text = PAGE.read_text("utf-8")
    for name in (
        *TorchFields.model_fields,
        *MODEL,
        *LOOP,
        *optional,
        "FILES",
        "run.rows(",
        "run.save(",
    ):
        assert f"`{name}" in text, name


def test_the_model_on_the_readme_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(# model.py.*?)```", README.read_text("utf-8"), re.DOTALL)
    splits = "x, y = torch.rand(40, 2), torch.randint(10, (40,))"
    others = "".join(f"; x_{name}, y_{name} = x + 1, 9 - y" for name in ("dev", "test"))
    imports = "from dataclasses import dataclass\nimport torch\nfrom torch import nn\n"
    (tmp_path / "model.py").write_text(f"{imports}torch.manual_seed(1)\n{splits}{others}\n{block}")
    subject = find_subject(str(tmp_path / "model.py"))
    for norm in (False, True):
        fields = subject.Fields.model_validate({"norm": norm})
        assert len(list(subject.check(fields, subject.load(None, tmp_path)))) == 6
