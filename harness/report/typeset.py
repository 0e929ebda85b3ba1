"""Tables for a paper as text: as GitHub's Markdown, and as LaTeX for booktabs."""

import re
import textwrap
from collections.abc import Iterable
from math import isfinite

from harness.report.markup import markdown_text
from harness.report.tables import Cell, Interval, Number, PaperTable
from harness.report.words import MISSING, fixed

HEAD = 12  # characters of a column's head in LaTeX before it goes on in another line
# A table is made smaller where it is wider than the line, or higher than a page with its notes.
SHRUNK = (
    r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{\resizebox*{!}"
    r"{\ifdim\totalheight>0.75\textheight 0.75\textheight\else\totalheight\fi}{%"
)

LATEX = str.maketrans({
    **{sign: f"\\{sign}" for sign in "$&#%_{}"},
    **{sign: f"{{{sign}}}" for sign in "[]*"},  # which LaTeX takes for arguments at a row's start
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$", "·": r"$\cdot$",
    "→": r"$\to$", "√": r"$\surd$", "α": r"$\alpha$", "δ": r"$\delta$", "–": "--", "—": "---",
    "…": r"\dots{}", "’": "'", "“": "``", "”": "''", "\u00a0": "~", "\n": " ",
})  # fmt: skip


def _plain(content: str | Number | Interval) -> str:
    """The content of a cell as text."""
    match content:
        case Number(value, half, digits) if isfinite(value):
            return " ± ".join(fixed(x, digits) for x in (value, half) if isfinite(x))
        case Interval(low, high, digits) if isfinite(low) and isfinite(high):
            return f"[{fixed(low, digits)}, {fixed(high, digits)}]"
        case Number() | Interval():
            return MISSING
        case text:
            return text


def to_markdown(table: PaperTable) -> str:
    """The table as GitHub's Markdown, its caption above and its notes below."""

    def shown(cell: Cell) -> str:
        text = markdown_text(_plain(cell.content))
        marks = ",".join(table.notes[note] for note in cell.notes)
        return (f"**{text}**" if cell.best else text) + f"<sup>{marks}</sup>" * bool(marks)

    lines = [
        f"**{markdown_text(table.caption)}**",
        "",
        _markdown_row(map(markdown_text, table.head)),
        _markdown_row("--:" if i in table.numeric else ":--" for i in range(len(table.head))),
        *(_markdown_row(map(shown, row)) for row in table.rows),
    ]
    for note, mark in table.notes.items():
        lines += ["", f"<sup>{mark}</sup> {markdown_text(note)}"]
    for remark in table.remarks:
        lines += ["", markdown_text(remark)]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def to_latex(table: PaperTable, *, siunitx: bool = False) -> str:
    """The table as LaTeX for booktabs and graphicx, its caption above and its notes below.

    Args:
        table: the table.
        siunitx: whether that package sets the numbers.
    """
    packages = "booktabs, graphicx, siunitx" if siunitx else "booktabs, graphicx"

    def shown(place: int, cell: Cell) -> str:
        text = _latex(cell, siunitx=siunitx)
        marks = ",".join(table.notes[note] for note in cell.notes)
        ragged = r"\raggedright " * (place in table.broken)
        return ragged + text + rf"\textsuperscript{{{marks}}}" * bool(marks)

    places = range(len(table.head))
    columns = "".join(
        rf"p{{{table.broken[i]}\linewidth}}" if i in table.broken else "r" if i in table.numeric
        else "l"
        for i in places
    )  # fmt: skip
    head = [_latex_head(table.head[i], "r" if i in table.numeric else "l") for i in places]
    rows = [[shown(i, cell) for i, cell in enumerate(row)] for row in table.rows]
    notes = [
        rf"\textsuperscript{{{mark}}} {latex_text(note)}" for note, mark in table.notes.items()
    ]
    below = [rf"    {line}\par" for line in (*notes, *map(latex_text, table.remarks))]
    setup = r"  \sisetup{separate-uncertainty = true, retain-zero-uncertainty = true}"
    return "\n".join([
        rf"% \usepackage{{{packages}}}",
        r"\begin{table}",
        r"  \centering\setlength{\tabcolsep}{4pt}",
        *([setup] if siunitx else []),
        rf"  \caption{{{latex_text(table.caption)}}}",
        rf"  \label{{tab:{re.sub('[^A-Za-z0-9]+', '-', f'{table.study}-{table.name}')}}}",
        r"  \par\smallskip",
        f"  {SHRUNK}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        _latex_row(head),
        r"    \midrule",
        *map(_latex_row, rows),
        r"    \bottomrule",
        r"  \end{tabular}}}",
        *([r"  \par\smallskip", r"  \begin{minipage}{\linewidth}\footnotesize", *below,
           r"  \end{minipage}"] if below else []),
        r"\end{table}",
    ]) + "\n"  # fmt: skip


def _latex_head(text: str, side: str) -> str:
    """A column's head, in several lines if it is long."""
    lines = textwrap.wrap(text, HEAD, break_long_words=False, break_on_hyphens=False)
    stacked = r"\\".join(map(latex_text, lines))
    return rf"\shortstack[{side}]{{{stacked}}}" if len(lines) > 1 else stacked


def _latex_row(cells: Iterable[str]) -> str:
    return rf"    {' & '.join(cells)} \\"


def latex_text(text: str) -> str:
    """Text that LaTeX shows as it is: nothing in it is a command.

    >>> latex_text("norm_out 5 % [a&b]")
    'norm\\\\_out 5 \\\\% {[}a\\\\&b{]}'
    """
    return text.translate(LATEX)


def _latex(cell: Cell, *, siunitx: bool) -> str:
    """The content of a cell as LaTeX."""
    content = cell.content
    text = _plain(content).replace("−", "-")
    if isinstance(content, str) or text == MISSING:
        return latex_text(_plain(content))
    if not siunitx:
        text = text.replace("±", r"\pm")
        return rf"$\mathbf{{{text}}}$" if cell.best else f"${text}$"
    if isinstance(content, Interval):
        return re.sub(r"-?[\d.]+", lambda number: rf"\num{{{number[0]}}}", text).join(("{", "}"))
    text = text.replace("±", "+-")
    if cell.best:
        return rf"\textbf{{\num[mode = text, reset-text-series = false]{{{text}}}}}"
    return rf"\num{{{text}}}"


def paper_files(
    tables: Iterable[PaperTable], *, latex: bool = False, siunitx: bool = False,
    markdown: bool = False,
) -> dict[str, str]:  # fmt: skip
    """The texts of the tables' files, by name."""
    found = {}
    for table in tables:
        if latex:
            found[f"{table.name}.tex"] = to_latex(table, siunitx=siunitx)
        if markdown:
            found[f"{table.name}.md"] = to_markdown(table)
    return found
