"""Numbers as people read them: rounding must not hide what a verdict rests on."""

from functools import partial

import pandas as pd
import pytest

from harness.report.document import Table
from harness.report.figures.attribution import FIGURE
from harness.report.sections.answers import sections
from harness.report.sections.cards import bound, estimate_words
from harness.report.source import Source
from harness.report.tables import Cell, Interval, paper_tables
from harness.report.words import (
    apart,
    difference,
    interval,
    level_words,
    measured,
    number,
    p_value,
    with_interval,
)
from harness.study.files import load_study
from harness.subjects.subject import Response
from tests.support.made_up import CORE, made_up

LOSS = load_study("core").response()
SHARE = load_study("core").response("final/saturation_worst")
LOOKS = CORE.replace("seeds = 5", "seeds = { looks = [3, 5] }")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.250"), (0.0062, "0.006"), (0.0014, "0.0014"), (-0.00049, "−0.00049"),
     (3e-7, "3e−07"), (0.0, "0.000"), (-0.0, "0.000"), (1234.5678, "1,234.568"),
     (2.5e12, "2.5e+12"), (-1e300, "−1e+300"), (float("nan"), "–")],
)  # fmt: skip
def test_numbers_have_the_digits_that_their_size_needs(value: float, text: str) -> None:
    assert number(value) == text


def test_small_shares_do_not_vanish() -> None:
    assert measured(SHARE, 0.00002) == "0.002 %"
    assert with_interval(SHARE, 0.00014, 0.00012, 0.00016) == "0.014 ± 0.002 %"
    assert difference(SHARE, -0.00002) == "−0.002 pp"


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0503, "0.0503"), (0.0497, "0.0497"), (0.05, "0.050"), (0.0512, "0.051"),
     (0.04999996, "0.04999996"), (0.0004, "< 0.001"), (1.0, "1.000")],
)  # fmt: skip
def test_a_p_shows_on_which_side_of_5_percent_it_is(p: float, text: str) -> None:
    assert p_value(p) == text


def test_no_interval_is_said_to_have_a_level_of_100_percent() -> None:
    levels = [0.95, 1 - 0.05 / 9, 1 - 0.05 / 300, 1 - 0.05 / 1000]
    assert list(map(level_words, levels)) == ["95.0 %", "99.4 %", "99.98 %", "99.995 %"]


@pytest.mark.parametrize("response", [LOSS, SHARE])
@pytest.mark.parametrize("end", [-0.0100004, -0.0099996, 0.01004, -0.01, 0.2])
def test_an_interval_does_not_seem_to_end_at_a_bound_that_it_excludes(
    response: Response, end: float
) -> None:
    row = pd.Series({
        "kind": "difference", "low": -0.5, "high": end, "estimate": -0.1, "direction": "lower",
        "bound": -0.01, "margin": 0.01,
    })  # fmt: skip
    shown = estimate_words(response, row).rpartition("to\N{NO-BREAK SPACE}")[2].strip(")")
    limit = bound(response, row).removeprefix("<\N{NO-BREAK SPACE}")
    assert (shown.strip("+") == limit) == (end == -0.01)
    assert shown.strip("+") != limit.strip("−")
    if end == 0.2:  # no more digits than are needed
        assert limit == ("−0.010" if response is LOSS else "−1.00\N{NO-BREAK SPACE}pp")


def test_limits_that_are_not_known_need_no_digits() -> None:
    nan = float("nan")
    assert apart(partial(difference, LOSS), (nan, nan), (0.01, nan)) == 3


def test_tables_for_a_paper_and_looks_write_intervals_as_the_claims_do() -> None:
    source = Source(made_up(LOOKS))
    claims = source.claims.assign(low=-0.2, high=-0.01004)
    vars(source)["claims"] = claims[claims["kind"] == "difference"]
    *_, table = paper_tables(source)
    (row,) = table.rows
    assert row[3].content == "< −0.01000"
    assert row[5] == Cell(Interval(-0.2, -0.01004, 5))


def test_parts_that_change_nothing_are_not_drawn() -> None:
    assert FIGURE.draw(Source(made_up(CORE, diverging=1.0))) is None


def test_looks_have_the_units_of_their_claims() -> None:
    source = Source(made_up(LOOKS))
    (looks,) = [
        block for section in sections(source) for block in section.blocks
        if isinstance(block, Table) and block.title.startswith("Verdicts at each")
    ]  # fmt: skip
    units = dict(source.claims[["id", "response"]].itertuples(index=False, name=None))
    for row, (_, look) in zip(looks.rows, source.looks.iterrows(), strict=True):
        response = source.study.response(units[look["id"]])
        assert row[3] == interval(look["low"], look["high"], response)
