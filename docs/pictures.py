"""Draws the pictures that the pages show: `python -m docs.pictures`, part of `make pictures`.

Figures of reports come from the published data, the ladder of speeds from docs/images/bench.json,
which is a bench.json of `make bench`. `tests.support.screenshots` takes those of the MLflow UI.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ladder import draw
from benchmarks.machine import read_json
from harness.analysis.frames import StudyData
from harness.report import build

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
UI_PICTURES = {  # a screenshot: the address that `ablate ui` prints, and what is there once drawn
    "runs.png": ("all runs:", ".ag-row"),
    "charts.png": ("charts by variant:", ".js-plotly-plot:has(.trace) >> nth=4"),  # all five
    "compare.png": ("baseline against each change of one factor:", ".parcoords"),
}
PAGES = (ROOT / "README.md", ROOT / "reports" / "README.md", *sorted(IMAGES.parent.glob("*.md")))


def shown() -> Iterator[Path]:
    """The pictures on the pages."""
    for page in PAGES:
        for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            yield (page.parent / path).resolve()


def of_reports() -> list[Path]:
    """Those that are figures of published reports."""
    return [path for path in shown() if path.parent.name == "figures"]


def main() -> None:
    """Draw them."""
    for path in of_reports():
        report = path.parents[1]
        print(build(StudyData.load(report / "data"), report, ("png",), path.stem))
    draw(*read_json(IMAGES / "bench.json"), IMAGES / "ladder.png")
    print(IMAGES / "ladder.png")


if __name__ == "__main__":
    main()
