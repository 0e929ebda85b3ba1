"""Tables for a paper: their numbers are the report's, and nothing in them is markup by accident.

LaTeX is checked by its structure, since not every machine has it.
"""

import re
from dataclasses import replace

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from harness.report.source import Source
from harness.report.tables import (
    Cell,
    Interval,
    Number,
    PaperTable,
    latex_text,
    paper_files,
    paper_tables,
    to_latex,
    to_markdown,
)
from tests.support.made_up import CORE, ONE_AT_A_TIME, ONE_FACTOR, SOME_LEFT_OUT, TUNED, made_up

SOURCE = Source(made_up(CORE))
CELLS, EFFECTS, CLAIMS = paper_tables(SOURCE)
ODD = r"a_b & 5% $x$ #1 {y} \z ~ ^ | <i> [j] *k* − ± ≥"
SHAPES = {"one factor": ONE_FACTOR, "one at a time": ONE_AT_A_TIME, "partial": SOME_LEFT_OUT,
          "tuned": TUNED}  # fmt: skip


def rows_of(latex: str) -> list[list[str]]:
    """The rows of a table's body, each as its cells."""
    body = latex.split(r"\midrule")[1].split(r"\bottomrule")[0]
    lines = [line.strip() for line in body.strip().splitlines()]
    assert all(line.endswith(r" \\") for line in lines)
    return [re.split(r"(?<!\\)&", line.removesuffix(r" \\")) for line in lines]


def require_sound(latex: str, table: PaperTable) -> None:
    """Environments and braces close, and every row has a cell for each column."""
    opened: list[str] = []
    for what, name in re.findall(r"\\(begin|end){(\w+)}", latex):
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []
    bare = re.sub(r"\\.", "", latex)
    assert bare.count("{") == bare.count("}")
    assert re.sub(r"\\\$", "", latex).count("$") % 2 == 0
    assert latex.isascii()
    (spec,) = re.findall(r"\\begin{tabular}{((?:[lr]|p{[^}]*})+)}", latex)
    columns = re.findall(r"[lr](?!inewidth)|p{[^}]*}", spec)
    assert len(columns) == len(table.head)
    assert [len(row) for row in rows_of(latex)] == [len(table.head)] * len(table.rows)
    for i, column in enumerate(columns):
        assert (column == "r") == (i in table.numeric)


@pytest.mark.parametrize("siunitx", [False, True])
@pytest.mark.parametrize("text", SHAPES.values(), ids=SHAPES)
def test_latex_is_sound_for_studies_of_every_shape(text: str, siunitx: bool) -> None:
    for table in paper_tables(Source(made_up(text))):
        require_sound(to_latex(table, siunitx=siunitx), table)


@pytest.mark.parametrize("options", [{"seeds": 1}, {"diverging": 0.3}], ids=str)
def test_latex_is_sound_without_intervals_and_with_diverged_runs(options: dict[str, float]) -> None:
    tables = list(paper_tables(Source(made_up(CORE, **options))))  # type: ignore[arg-type]
    for table in tables:
        require_sound(to_latex(table), table)
    assert ("diverged" in tables[0].head) == ("diverging" in options)


def test_cells_have_the_means_of_the_report_and_the_best_is_marked() -> None:
    means = SOURCE.means
    place = CELLS.head.index("dev loss [nats]")
    assert [row[place].content for row in CELLS.rows] == [
        Number(row["mean"], (row["high"] - row["low"]) / 2, 4)
        for _, row in means.reindex(list(SOURCE.cells)).iterrows()
    ]
    best = [row for row in CELLS.rows if row[place].best]
    levels = tuple(SOURCE.cells[str(means["mean"].idxmin())].values())
    assert [tuple(cell.content for cell in row[:4]) for row in best] == [tuple(map(str, levels))]
    assert [row[CELLS.head.index("n")].content for row in CELLS.rows] == [Number(5.0)] * 12


def test_diverged_runs_count_as_in_the_report() -> None:
    source = Source(made_up(CORE, diverging=0.3))
    table = next(paper_tables(source))
    counts = source.data.runs[source.data.runs["outcome"] == "diverged"]["variant"].value_counts()
    assert [row[-1].content for row in table.rows] == [
        Number(float(counts.get(variant, 0))) for variant in source.cells
    ]
    assert source.about_capping() in table.remarks


def test_effects_are_the_main_effects_and_interactions_of_the_report() -> None:
    found = SOURCE.effects[SOURCE.effects["kind"].isin(["main", "interaction"])]
    place = EFFECTS.head.index("difference in dev loss [nats]")
    shown = [row[place] for row in EFFECTS.rows]
    assert [cell.content.value for cell in shown] == list(found["estimate"])  # type: ignore[union-attr]
    for cell, (_, row) in zip(shown, found.iterrows(), strict=True):
        assert (f"CONDITIONAL: {row['conditional']}." in cell.notes) == (row["conditional"] != "")
    assert any(cell.notes for cell in shown)


def test_claims_carry_their_verdicts_and_what_these_must_not_be_read_without() -> None:
    for row, (_, claim) in zip(CLAIMS.rows, SOURCE.claims.iterrows(), strict=True):
        says, verdict, response, claimed, *_ = row
        assert (says.content, verdict.content) == (claim["says"], claim["verdict"])
        assert any(claim["why"][1:] in note for note in verdict.notes)
        assert any("if no run fails" in note.lower() for note in verdict.notes) == (
            claim["condition"] != ""
        )
    threshold = CLAIMS.rows[0]
    assert [threshold[i].content for i in (2, 3)] == ["worst saturation, final [%]", "< 5.00"]
    assert isinstance(threshold[5].content, Interval)


def test_claims_on_seeds_that_were_added_are_exploratory() -> None:
    data = made_up(CORE)
    added = replace(data, facts=data.facts | {"first_seeds": "1-3"})
    *_, claims = paper_tables(Source(added))
    (stamp,) = set(Source(added).claims["stamps"])
    assert claims.remarks == (f"Exploratory: {stamp}.",)
    assert f"Exploratory: {stamp}." in to_markdown(claims)


def test_a_study_without_claims_has_two_tables() -> None:
    assert list(paper_files(paper_tables(Source(made_up(ONE_FACTOR))), latex=True, markdown=True)) == [
        "cells.tex", "cells.md", "effects.tex", "effects.md",
    ]  # fmt: skip


def odd_table(**changes: object) -> PaperTable:
    """A table full of signs that mean something to LaTeX and to Markdown."""
    row = (Cell(ODD, notes=(f"Note {ODD}",)), Cell(Number(-0.5, 0.25, 2), best=True),
           Cell(Interval(-1.0, 2.0, 1)), Cell(Number(float("nan"))))  # fmt: skip
    whole = PaperTable("cells", ODD, ODD, (ODD, "x", "y", "z"), (row, row), frozenset({1, 2, 3}),
                       remarks=(ODD,))  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_latex_escapes_every_special() -> None:
    table = odd_table()
    latex = to_latex(table)
    require_sound(latex, table)
    assert latex_text(ODD) == (
        r"a\_b \& 5\% \$x\$ \#1 \{y\} \textbackslash{}z \textasciitilde{} \textasciicircum{} "
        r"\textbar{} \textless{}i\textgreater{} {[}j{]} {*}k{*} $-$ $\pm$ $\geq$"
    )
    assert latex.count(latex_text(ODD)) == 6  # caption, head, two rows, note, remark
    assert r"\label{tab:a-b-5-x-1-y-z-i-j-k-cells}" in latex


def test_numbers_are_written_for_each_package() -> None:
    (row, _), (si, _) = (rows_of(to_latex(odd_table(), siunitx=s)) for s in (False, True))
    assert [cell.strip() for cell in row[1:]] == [
        r"$\mathbf{-0.50 \pm 0.25}$", "$[-1.0, 2.0]$", "--"
    ]  # fmt: skip
    assert [cell.strip() for cell in si[1:]] == [
        r"\textbf{\num[mode = text, reset-text-series = false]{-0.50 +- 0.25}}",
        r"{[\num{-1.0}, \num{2.0}]}", "--",
    ]  # fmt: skip
    assert to_latex(odd_table(), siunitx=True).startswith("% \\usepackage{booktabs, siunitx}\n")


def test_markdown_shows_every_sign_as_it_is() -> None:
    shown = MarkdownIt("commonmark").enable("table").parse(to_markdown(odd_table()))
    inline = [token for token in shown if token.type == "inline"]
    texts = [
        "".join(part.content for part in token.children or () if part.type == "text")
        for token in inline
    ]
    assert texts == [
        ODD, ODD, "x", "y", "z",
        *2 * (f"{ODD}a", "−0.50 ± 0.25", "[−1.0, 2.0]", "–"),
        f"a Note {ODD}", ODD,
    ]  # fmt: skip
    strong = [token.content for token in inline if "strong_open" in str(token.children)]
    assert strong.count("**−0.50 ± 0.25**") == 2


def test_the_decimals_of_a_column_show_two_digits_of_its_intervals() -> None:
    place = CELLS.head.index("dev loss [nats]")
    halves = pd.Series([row[place].content.half for row in CELLS.rows])  # type: ignore[union-attr]
    digits = {row[place].content.decimals for row in CELLS.rows}  # type: ignore[union-attr]
    assert len(digits) == 1
    assert 10 <= halves.median() * 10 ** digits.pop() < 100
