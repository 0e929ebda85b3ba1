"""Reports of other subjects: all words, figures and units come from the subject."""

import re
from pathlib import Path

import pytest

from harness.analysis.frames import StudyData
from harness.report import build
from harness.report.figures import drawings
from harness.report.source import Source
from harness.report.style import settings
from harness.study.plan import Run
from harness.subjects.trace import Trace
from tests.report import another
from tests.support import linear
from tests.support.made_up import made_up

OF_DATA = {"name": "line", "source": "drawn by hand"}
OF_THE_MLP = ("saturation", "tanh", "nats", "embedding", "norm", "dev loss", "names.txt", "ln 27",
              "gradient flow", "guessing", "karpathy")  # fmt: skip


@pytest.fixture(scope="module")
def data() -> StudyData:
    return made_up(another.STUDY, 0.1, measure=another.trace, facts=OF_DATA)


@pytest.fixture(scope="module")
def text(data: StudyData, tmp_path_factory: pytest.TempPathFactory) -> str:
    page = build(data, tmp_path_factory.mktemp("another"))
    return (page.parent / "report.md").read_text(encoding="utf-8")


def test_nothing_of_another_subject_is_said(text: str) -> None:
    said = f" {' '.join(re.findall(r'[a-z.:]+|27', text.lower()))} "
    assert not [word for word in OF_THE_MLP if f" {word} " in said]


def test_sections_of_figures_follow_the_subject(text: str) -> None:
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "Bottom line", "Caveats", "Integrity of the runs", "Claims and verdicts", "Effects",
        "Attribution", "Interactions", "Run accounting", "Learning", "Inside", "All cells",
        "How to read this", "Methods", "Reproducing this", "References and credits",
    ]  # fmt: skip
    assert text.index("### Heat") < text.index("## Attribution")
    assert "### Cold" not in text


def test_words_and_units_come_from_the_subject(text: str) -> None:
    for words in (
        "Primary response: misses.",
        "**Misses.** Points that are far off.",
        "Trained on line (drawn by hand): do not compare these numbers with those of other data.",
        "The grey band is ± 2 pp, below which a difference is of no practical interest.",
        "Values above 0.500 count as that, and so do diverged runs.",
        "| score \\[points\\] (final/score) | misses (final/misses) |",
        "Dotted line: boiling, at which water boils.",
        "[Legendre 1805, The comets](https://example.org/least-squares)",
        "--data line",
    ):
        assert words in text, words


def test_references_are_in_view_and_shares_are_in_per_cent(data: StudyData) -> None:
    source = Source(data)
    figures = {}
    with settings():
        for drawing in drawings(data.study):
            figures[drawing.name] = drawing.draw(source)
    assert figures["cold"] is None
    for name, value in (("heat", 373.0), ("pace", -9.0)):
        figure = figures[name]
        assert figure is not None
        low, high = figure.axes[0].get_ylim()
        assert low < value < high
    for name, axis, unit in (
        ("effects", "x", "pp"), ("interaction", "y", "%"), ("final_loss", "y", "%"),
    ):  # fmt: skip
        figure = figures[name]
        assert figure is not None
        figure.draw_without_rendering()
        shown = getattr(figure.axes[0], f"{axis}axis")
        assert all(label.get_text().endswith(unit) for label in shown.get_ticklabels())


def test_a_subject_without_figures_and_words_has_a_report(tmp_path: Path) -> None:
    def trace(run: Run, stop: float) -> Trace:  # noqa: ARG001 - all finish
        made = Trace(run.fields.steps)
        made.add("train/loss", 0, 1.0)
        made.add("final_error", run.fields.steps, run.fields.lr + 0.01 * run.seed)
        return made

    study = another.STUDY.replace(another.NAME, linear.SUBJECT.name)
    data = made_up(study, measure=trace, facts=OF_DATA)
    page = build(data, tmp_path)
    text = (page.parent / "report.md").read_text(encoding="utf-8")
    assert "squared error" in text
    references = text.partition("## References and credits")[2]
    assert re.findall(r"^- \[(\w+)", references, re.MULTILINE) == ["Shapley", "Clopper"]
    names = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert names == {"answer", "attribution", "effects", "final_loss", "interaction"}
