"""What theory and earlier work predict of a study's subject, beside what its runs show.

A prediction is tested as a claim of equivalence is, each for itself: the mean over its cells within
a seed (minus that over `minus`) differs from `expected` by less than `margin`. A floor is not
tested: it holds if no run of any cell lies below.
"""

from dataclasses import replace

import pandas as pd

from harness.analysis.effects import usable
from harness.analysis.frames import StudyData
from harness.analysis.grid import combine, contrast, grid, mean_over
from harness.analysis.intervals import NO_ESTIMATE
from harness.analysis.one_sided import T_TEST
from harness.analysis.statements import within
from harness.analysis.verdicts import ALPHA, worst_interval
from harness.study.plan import variant_label
from harness.study.study import Study
from harness.subjects.subject import Prediction

COLUMNS = (
    "id", "says", "source", "response", "cells", "expected", "margin", "observed", "low", "high",
    "n", "outcome",
)  # fmt: skip


def predictions_table(data: StudyData) -> pd.DataFrame:
    """Every prediction that applies to cells of the study, with what was observed.

    Returns:
        COLUMNS. `cells` is how many cells it is about; `observed` the mean over the `n` seeds that
        have every run needed, with its 95 % t interval `low` to `high`; of a floor it is the lowest
        run of these `n` seeds. `outcome` is "agrees" (the data show that it holds, by its margin),
        "differs" (they show that it does not), "not decided", "one seed" (too few for either), or
        "not measured" (as are responses that a diverged run lacks). Nothing is corrected for the
        number of predictions.
    """
    fields = {variant_label(cell): data.study.fields(cell) for cell in data.study.cells()}
    rows = []
    for prediction in data.study.model.predictions(data.facts):
        about = [variant for variant, of in fields.items() if prediction.cells(of)]
        less = prediction.minus
        against = [variant for variant, of in fields.items() if less and less(of)]
        if less and data.study.partial:
            about, against = _paired(data.study, about, against)
        if about and (against or not less):
            rows.append({**vars(prediction), "cells": len(about) + len(against),
                         **_observed(data, prediction, about, against)})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _paired(study: Study, about: list[str], against: list[str]) -> tuple[list[str], list[str]]:
    """Those of the variants that have a counterpart among the others, alike in all that can be.

    They may differ in the factors of which no level is on both sides.
    """
    cells = {variant_label(cell): cell for cell in study.cells()}
    alike = [
        factor for factor in study.factors
        if {cells[one][factor] for one in about} & {cells[one][factor] for one in against}
    ]  # fmt: skip
    pairs = [
        (one, other) for one in about for other in against
        if all(cells[one][factor] == cells[other][factor] for factor in alike)
    ]  # fmt: skip
    first, second = (list(dict.fromkeys(pair[side] for pair in pairs)) for side in (0, 1))
    return first, second


def _observed(
    data: StudyData, prediction: Prediction, about: list[str], against: list[str]
) -> dict[str, object]:
    """What the runs of these variants show, and whether it agrees."""
    measured = grid(data, prediction.response)
    expected, margin = prediction.expected, prediction.margin
    weights = combine((1, mean_over(about)), (-1, mean_over(against)))
    used = contrast(measured, weights)
    found = usable(used)
    if prediction.at_least:
        lowest = measured.values.loc[about].min().dropna()
        found = replace(NO_ESTIMATE, estimate=float(lowest.min()), n=len(lowest))
    if found.n == 0:
        outcome = "not measured"
    elif prediction.at_least:
        outcome = "agrees" if found.estimate >= expected - margin else "differs"
    elif found.n == 1:
        outcome = "one seed"
    else:
        off = (used.values - expected)[:, None]
        low, high = worst_interval(off, within(margin), T_TEST, ALPHA / 2)
        outcome = "agrees" if high < margin else "differs" if low > margin else "not decided"
    return {"observed": found.estimate, "low": found.low, "high": found.high, "n": found.n,
            "outcome": outcome}  # fmt: skip
