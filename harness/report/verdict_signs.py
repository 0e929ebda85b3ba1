"""How verdicts look, in text and in figures: a tone, a mark and a colour for each."""

from harness.analysis.verdicts import (
    FAILS,
    INCONCLUSIVE,
    NEGLIGIBLE,
    NOT_EVERYWHERE,
    NOT_TESTABLE,
    OPPOSITE,
    SUPPORTED,
)
from harness.report.style import BLUE, FAINT

TONES = {
    SUPPORTED: "good", OPPOSITE: "stop", NEGLIGIBLE: "blue", FAILS: "stop",
    NOT_EVERYWHERE: "warning", INCONCLUSIVE: "soft", NOT_TESTABLE: "soft",
}  # fmt: skip
MARKS = {
    SUPPORTED: "✓", OPPOSITE: "⇄", NEGLIGIBLE: "≈", FAILS: "✗",
    NOT_EVERYWHERE: "◐", INCONCLUSIVE: "?", NOT_TESTABLE: "–",
}  # fmt: skip
COLOURS = {"good": "#009e73", "stop": "#d55e00", "blue": BLUE, "warning": "#e69f00", "soft": FAINT}


def colour_of(verdict: str) -> str:
    """The colour of a verdict's word in figures; faint where the text is no verdict."""
    return COLOURS[TONES.get(verdict, "soft")]


def marked(verdict: str) -> str:
    """A verdict's word behind its mark."""
    return f"{MARKS[verdict]} {verdict}"
