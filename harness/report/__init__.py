"""The report: figures, tables and text, made from a study's tidy tables and from nothing else.

`build` writes one; `stamp` says whether it is still current. `source` computes the results from the
tables; `sections/` writes the text; `document` and `markup` write both as HTML and Markdown,
`bibtex` the works. `tables` has the tables for a paper, `typeset` writes them.
`marks` says in a figure's SVG what its parts stand for, which `report.js` reads.
`figures/` has the figures of every study, `declared/` draws those that a subject declares.
May import: `analysis` and what lies below it; neither torch, numba nor MLflow.
"""

from harness.report.build import DEFAULT_FORMATS, build, refusals
from harness.report.picture import FORMATS
from harness.report.share import without_local_links
from harness.report.stamp import is_current, written

__all__ = [
    "DEFAULT_FORMATS",
    "FORMATS",
    "build",
    "is_current",
    "refusals",
    "without_local_links",
    "written",
]
