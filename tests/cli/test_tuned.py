"""A study with a tuned field on the command line: planned, trained, reported, extended."""

from pathlib import Path

import pandas as pd
import pytest

from tests.cli.test_looks import call, place, template, trained

pytestmark = pytest.mark.usefixtures("few_figures")

__all__ = ["place", "template", "trained"]

STUDY = """
question = "Does a line need an intercept?"
subject = "tests.support.linear"
seeds = 3
[fixed]
steps = 300
batch = 8
[factors]
intercept = [false, true]
[tuned]
lr = [0.01, 0.1]
[baseline]
intercept = true
lr = 0.01
[[claims]]
id = "intercept-helps"
says = "An intercept lowers the error"
kind = "difference"
factor = "intercept"
level = true
versus = false
"""


@pytest.mark.usefixtures("template")
def test_a_tuned_study_is_trained_reported_and_extended(
    place: Path, trained: list[tuple[str, int]]
) -> None:
    (place / "lines.toml").write_text(STUDY)
    assert "\n2 variants × 2 lr × 3 seeds = 12 runs, 0 of them ended\n" in call(
        "plan", "lines.toml"
    )
    call("run", "lines.toml")
    assert len(trained) == 12
    page = call("report", "lines.toml", "--format", "png").splitlines()[-1]
    report = (place / page).parent
    text = (report / "report.md").read_text("utf-8")
    assert "Audit passed" in text
    assert "12 of 12 runs ended: 2 variants, 2 levels of lr, 3 seeds." in text
    assert "Each variant is judged at its best lr" in text
    assert "![Best mean" in text
    runs = pd.read_csv(report / "data" / "runs.csv")
    assert len(runs) == 6
    assert set(pd.read_csv(report / "data" / "trained.csv")["lr"]) == {0.01, 0.1}
    assert (report / "figures" / "tuning.png").is_file()
    assert "intercept true" in call("compare", "lines.toml", "intercept=true", "intercept=false")

    (place / "lines.toml").write_text(STUDY.replace("[0.01, 0.1]", "[0.01, 0.1, 0.3]"))
    trained.clear()
    call("run", "lines.toml")
    assert len(trained) == 6  # the new level only
    assert {variant for variant, _ in trained} == {
        "intercept false, lr 0.3", "intercept true, lr 0.3",
    }  # fmt: skip
