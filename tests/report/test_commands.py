from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from harness.analysis.compare import compare
from harness.analysis.frames import StudyData
from harness.cli import ablate
from harness.cli.compare import table
from harness.errors import UserError


def test_variants_are_compared_in_every_response(core: StudyData) -> None:
    first, second = core.variants()[0], core.variants()[-1]
    console = Console(width=140)
    compared = compare(core, first, second)
    with console.capture() as shown:
        console.print(table(compared))
    lines = shown.get().splitlines()
    assert len(lines) == 1 + len(compared)
    loss = compared.set_index("response").loc["final/dev_loss"]
    row = next(line for line in lines if line.startswith("final/dev_loss"))
    assert f"{loss['first']:.3f}" in row
    assert f"{loss['second']:.3f}" in row


def test_a_report_without_a_store_is_a_mistake_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ABLATE_DATA", raising=False)
    answer = CliRunner().invoke(ablate, ["report", "smoke"])
    assert isinstance(answer.exception, UserError)
    assert "ablate run smoke" in str(answer.exception)
    assert not list(tmp_path.iterdir())
