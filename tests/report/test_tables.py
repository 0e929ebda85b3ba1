"""Tables for a paper: their numbers are the report's, and nothing in them is markup by accident.

LaTeX is checked by its structure, since not every machine has it; where it is, it is set as well.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from harness.analysis.frames import StudyData, level_texts
from harness.report.source import Source
from harness.report.tables import Cell, Interval, Number, PaperTable, paper_tables
from harness.report.typeset import latex_text, paper_files, to_latex, to_markdown

ODD = r"a_b & 5% $x$ #1 {y} \z ~ ^ | <i> [j] *k* − ± ≥"
LOSS = "dev loss [nats]"


@pytest.fixture(scope="module")
def source(core: StudyData) -> Source:
    return Source(core)


@pytest.fixture(scope="module")
def tables(source: Source) -> list[PaperTable]:
    """Cells, effects and claims."""
    return list(paper_tables(source))


@pytest.fixture(scope="module")
def diverged(reports: Callable[[str], Path]) -> Source:
    """A study some of whose runs diverged."""
    return Source.load(reports("some diverged") / "data")


def content(table: PaperTable, column: str) -> list[Number]:
    """The numbers of a column."""
    found = [row[table.head.index(column)].content for row in table.rows]
    return [one for one in found if isinstance(one, Number)]


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


@pytest.mark.parametrize("shape", ["one factor", "one seed", "some diverged", "some left out"])
def test_latex_is_sound_for_studies_of_every_shape(
    shape: str, reports: Callable[[str], Path]
) -> None:
    for table in paper_tables(Source.load(reports(shape) / "data")):
        require_sound(to_latex(table), table)
        require_sound(to_latex(table, siunitx=True), table)


HAS_LATEX = shutil.which("pdflatex") and not subprocess.call(
    ["kpsewhich", "booktabs.sty", "graphicx.sty", "siunitx.sty"], stdout=subprocess.DEVNULL
)


@pytest.mark.skipif(not HAS_LATEX, reason="LaTeX is not installed")
@pytest.mark.parametrize("shape", ["core", "one seed", "some diverged", "many"])
@pytest.mark.parametrize("siunitx", [False, True])
def test_latex_sets_every_table_within_the_page(
    siunitx: bool, shape: str, reports: Callable[[str], Path], tmp_path: Path
) -> None:
    tables = paper_tables(Source.load(reports(shape) / "data"))
    texts = paper_files(tables, latex=True, siunitx=siunitx).values()
    packages = {line for text in texts for line in re.findall(r"^% (.usepackage.*)", text)}
    whole = ["\\documentclass{article}", *packages, r"\begin{document}",
             *(f"{text}\\clearpage" for text in texts), r"\end{document}"]  # fmt: skip
    (tmp_path / "paper.tex").write_text("\n".join(whole), encoding="utf-8")
    call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said
    assert not re.findall(r"Overfull .*|.* too large for page .*", said)


def test_long_heads_of_latex_go_over_several_lines() -> None:
    head = ("left", "saturation, worst layer [%]", "right [nats]", "[a] *b* long")
    latex = to_latex(odd_table(head=head))
    assert latex.split("\\toprule")[1].split("\\midrule")[0].strip() == (
        r"left & \shortstack[r]{saturation,\\worst layer\\{[}\%{]}} & right {[}nats{]} & "
        r"{[}a{]} {*}b{*} long \\"
    )


def test_a_table_is_made_smaller_only_where_it_is_larger_than_the_page(
    tables: list[PaperTable],
) -> None:
    for table in tables:
        latex = to_latex(table)
        assert r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}" in latex
        assert latex.splitlines()[0] == r"% \usepackage{booktabs, graphicx}"
    claims = to_latex(tables[2])
    assert r"p{0.3\linewidth}lp{0.15\linewidth}" in claims
    assert claims.count(r"\raggedright ") == 2 * len(tables[2].rows)


def test_siunitx_shows_an_uncertainty_of_zero() -> None:
    assert "retain-zero-uncertainty = true" in to_latex(odd_table(), siunitx=True)
    assert "sisetup" not in to_latex(odd_table())


def test_cells_have_the_means_of_the_report_and_the_best_is_marked(
    source: Source, tables: list[PaperTable]
) -> None:
    cells, means = tables[0], source.means.reindex(list(source.cells))
    assert [(one.value, one.half) for one in content(cells, LOSS)] == [
        (row["mean"], (row["high"] - row["low"]) / 2) for _, row in means.iterrows()
    ]
    (best,) = [row for row in cells.rows if row[cells.head.index(LOSS)].best]
    levels = level_texts(source.cells[str(means["mean"].idxmin())])
    assert [cell.content for cell in best[:4]] == list(levels.values())
    assert {one.value for one in content(cells, "n")} == {5.0}


def test_diverged_runs_are_counted_beside_the_means_of_the_report(diverged: Source) -> None:
    cells = next(paper_tables(diverged))
    runs = diverged.data.runs
    counts = runs[runs["outcome"] == "diverged"]["variant"].value_counts()
    assert [one.value for one in content(cells, "diverged")] == [
        counts.get(variant, 0) for variant in diverged.cells
    ]
    assert [one.value for one in content(cells, LOSS)] == list(
        diverged.means["mean"].reindex(list(diverged.cells))
    )
    assert diverged.about_capping() in cells.remarks


def test_effects_are_the_main_effects_and_interactions_of_the_report(core: StudyData) -> None:
    source = Source(core)
    table = source.effects.copy()
    table.loc[table["kind"] == "main", "conditional"] = "higher here, lower there"
    vars(source)["effects"] = table  # as of a study whose effects depend on the place
    _, effects, _ = paper_tables(source)
    found = table[table["kind"].isin(["main", "interaction"])]
    shown = content(effects, f"difference in {LOSS}")
    assert [one.value for one in shown] == list(found["estimate"])
    assert [one.half for one in shown] == list((found["high"] - found["low"]) / 2)
    note = "CONDITIONAL: higher here, lower there."
    marked = [any(cell.notes == (note,) for cell in row) for row in effects.rows]
    assert marked == list(found["kind"] == "main")


def test_claims_carry_their_verdicts_and_what_these_must_not_be_read_without(
    source: Source, tables: list[PaperTable]
) -> None:
    claims = tables[2]
    assert any(source.claims["condition"])
    for row, (_, claim) in zip(claims.rows, source.claims.iterrows(), strict=True):
        says, verdict = row[:2]
        assert (says.content, verdict.content) == (claim["says"], claim["verdict"])
        assert any(claim["why"][1:] in note for note in verdict.notes)
        assert ("If no run fails." in verdict.notes) == (claim["condition"] != "")
    threshold, difference = claims.rows
    assert [cell.content for cell in threshold[2:4]] == ["saturation, worst layer [%]", "< 5.00"]
    assert [cell.content for cell in difference[2:4]] == [LOSS, "< −0.0100"]
    ends = source.claims[["low", "high"]].iloc[1]
    assert difference[5].content == Interval(ends["low"], ends["high"], 4)


def test_claims_on_seeds_that_were_added_are_exploratory(core: StudyData) -> None:
    added = Source(replace(core, facts=core.facts | {"first_seeds": "1-3"}))
    *_, claims = paper_tables(added)
    (stamp,) = set(added.claims["stamps"])
    assert claims.remarks == (f"Exploratory: {stamp}.",)
    assert f"Exploratory: {stamp}." in to_markdown(claims)


def test_a_study_without_claims_has_two_tables(reports: Callable[[str], Path]) -> None:
    found = paper_tables(Source.load(reports("one factor") / "data"))
    assert list(paper_files(found, latex=True, markdown=True)) == [
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
    assert latex.count(latex_text(ODD)) == 5  # caption, two rows, note, remark
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
    assert to_latex(odd_table(), siunitx=True).startswith(
        "% \\usepackage{booktabs, graphicx, siunitx}\n"
    )


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


def test_the_decimals_of_a_column_show_two_digits_of_its_intervals(
    tables: list[PaperTable],
) -> None:
    numbers = content(tables[0], LOSS)
    (digits,) = {one.decimals for one in numbers}
    assert 10 <= pd.Series([one.half for one in numbers]).median() * 10**digits < 100
