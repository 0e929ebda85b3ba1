"""A subject whose figures and responses are as unlike those of char_mlp as the seam allows."""

from typing import Any

import numpy as np

from harness.study.plan import Run
from harness.subjects.figures import (
    CurveFigure,
    HistogramFigure,
    LayerFigure,
    Reference,
    WeightFigure,
)
from harness.subjects.subject import Curve, Response
from harness.subjects.trace import Trace
from harness.subjects.works import Work
from tests.support.linear import Linear

NAME = "tests.report.another"
STUDY = f"""
question = "Does an intercept help?"
subject = "{NAME}"
seeds = 3
[fixed]
steps = 40
[factors]
intercept = [false, true]
lr = [0.1, 0.2]
[baseline]
intercept = true
lr = 0.1
[bare]
intercept = false
lr = 0.2
"""


class Another(Linear):
    """Linear regression with everything that a report can show."""

    name = NAME
    primary = "final/misses"
    responses = {  # noqa: RUF012 - never changed
        "final/misses": Response("final/misses", "misses", "points far off",
                                 lambda run: float(run.last("final_misses")), "share",
                                 cap=lambda facts: 0.5, margin=0.02),  # noqa: ARG005
        "final/score": Response("final/score", "score", "as in games",
                                lambda run: float(run.last("final_score")), "points",
                                direction="higher", margin=0.0),
    }  # fmt: skip
    headline = ("final/score",)
    curves = {"eval/misses": Curve("misses"), "diag/slope": Curve("slope [m]")}  # noqa: RUF012
    layers = ("heat",)
    weights = ("pace",)
    glossary = (("Misses.", "Points that are far off."),)
    citations = (
        Work(("Legendre, Adrien-Marie",), 1805, "The comets", "https://example.org/least-squares"),
    )
    figures = (
        CurveFigure("misses", "Learning", "Misses", "Missed.", "eval/misses", "final/misses"),
        CurveFigure("slope", "Learning", "Slope", "Sloped.", "diag/slope", log_steps=True),
        LayerFigure("heat", "Effects", "Heat", "Heated.", "heat", "last", "heat [K]", log=True,
                    reference=Reference("boiling", 373.0, "at which water boils")),
        WeightFigure("pace", "Inside", "Pace", "Paced.", "pace", "pace",
                     reference=Reference("walking", -9.0, "as people walk")),
        HistogramFigure("errors", "Inside", "Errors", "Erred.", "error", "error"),
        LayerFigure("cold", "Inside", "Cold", "Cooled.", "never measured", "init", "cold"),
    )  # fmt: skip


SUBJECT = Another()


def trace(run: Run, stop: float) -> Trace:
    """A made-up trace; one unit of `lr` is worth a tenth of the misses."""
    fields: Any = run.fields
    made, misses = Trace(fields.steps), 0.6 - fields.lr - 0.3 * fields.intercept + 0.01 * run.seed
    for step in (0, 20, fields.steps - 1):
        if step > stop * fields.steps:
            break
        made.add("eval/misses", step + 1, misses + 0.1 / (1 + step))
        made.add("diag/slope", step, 3 + misses)
        made.add("heat", step, np.array([1.0, 10.0, 30.0]) * (1 + misses))
        made.add("pace", step, np.array([1.0, 2.0, 3.0]) + misses)
        if step != 20:
            made.add("error_histogram", step, np.ones((3, 20)))
            made.add("error_range", step, np.array([1.0, 2.0, 4.0]))
    if stop == 1:
        made.add("final_misses", fields.steps, misses)
        made.add("final_score", fields.steps, 100 * (1 - misses))
    return made
