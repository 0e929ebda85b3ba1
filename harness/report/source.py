"""What figures and text are made of: a study's tables and what follows from them."""

from dataclasses import dataclass
from functools import cached_property
from math import isclose, isfinite
from pathlib import Path

import pandas as pd

from harness.analysis.claims_table import (
    claim_cells_table,
    claims_table,
    looks_table,
    stability_table,
)
from harness.analysis.effects import attribution_table, effects_table, seeds_table
from harness.analysis.failures import failures_table
from harness.analysis.frames import StudyData, cap_of
from harness.analysis.grid import grid
from harness.analysis.integrity import audit, findings_table
from harness.analysis.intervals import mean_intervals
from harness.analysis.predictions import predictions_table
from harness.analysis.stages import count_seeds, expected_runs
from harness.analysis.tuning import curves_table, taken_table
from harness.analysis.verdicts import Verdict, first_settled, verdicts_by_look
from harness.study.levels import Levels
from harness.study.plan import variant_label
from harness.study.study import Study
from harness.subjects.figures import Reference
from harness.subjects.subject import Response


@dataclass(frozen=True)
class Source:
    """A study's tables as read from its CSVs, and the tables that follow from them.

    Attributes:
        data: as `StudyData.load` read it.
    """

    data: StudyData

    @classmethod
    def load(cls, folder: Path) -> "Source":
        """The source in a folder of CSVs."""
        return cls(StudyData.load(folder))

    @property
    def study(self) -> Study:
        """The study as resolved."""
        return self.data.study

    @property
    def primary(self) -> Response:
        """The response that decides."""
        return self.study.response()

    @cached_property
    def expected(self) -> set[tuple[str, int]]:
        """Variant and seed of each run that was needed, or has ended."""
        return expected_runs(self.data)

    @cached_property
    def integrity(self) -> pd.DataFrame:
        """What the audit of the runs found."""
        return findings_table(audit(self.data))

    @property
    def refusals(self) -> list[str]:
        """Why the audit refuses to compare these runs; none where it does not."""
        return list(self.integrity.loc[self.integrity["severity"] == "refuse", "message"])

    @property
    def refused(self) -> bool:
        """Whether the audit refuses to compare these runs."""
        return bool(self.refusals)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Main, simple and other effects on the primary response."""
        return effects_table(self.data, self.primary.name)

    @property
    def kinds_drawn(self) -> tuple[str, str]:
        """Kinds of effects that are drawn: on average, and by the level of one other factor."""
        return ("main", "within" if len(self.study.factors) > 2 else "simple")

    @cached_property
    def seeds(self) -> pd.DataFrame:
        """The effects that are drawn, seed by seed."""
        return seeds_table(self.data, self.primary.name, self.kinds_drawn)

    @cached_property
    def attribution(self) -> pd.DataFrame:
        """Shares of the change from bare to baseline in the primary response."""
        return attribution_table(self.data, self.primary.name)

    @cached_property
    def verdicts_by_look(self) -> list[list[Verdict]]:
        """Every claim's verdict at each look."""
        return verdicts_by_look(self.data)

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdict on every claim."""
        return [first_settled(at_looks) for at_looks in self.verdicts_by_look]

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The claims with their verdicts."""
        return claims_table(self.data, self.verdicts)

    @cached_property
    def claim_cells(self) -> pd.DataFrame:
        """Every cell that a claim is about."""
        return claim_cells_table(self.data, self.verdicts)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """How each verdict stands up to other ways of asking."""
        return stability_table(self.data, self.verdicts)

    @cached_property
    def looks(self) -> pd.DataFrame:
        """Every claim's verdict at each declared look."""
        return looks_table(self.study, self.verdicts_by_look)

    @cached_property
    def tuning(self) -> pd.DataFrame:
        """The deciding response of each variant at each tuned level."""
        return curves_table(self.data)

    @cached_property
    def taken(self) -> pd.DataFrame:
        """Which tuned levels each variant took."""
        return taken_table(self.data)

    @cached_property
    def failures(self) -> pd.DataFrame:
        """Failed runs of each variant, in the primary response."""
        return failures_table(self.data, self.primary.name)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The subject's predictions beside what was observed."""
        return predictions_table(self.data)

    def values_of(self, response: Response) -> pd.DataFrame:
        """A response as it is analysed (capped, if it is): variant, seed, value."""
        wide = grid(self.data, response.name).values
        rows = wide.reset_index(names="variant").melt("variant", var_name="seed")
        return rows.dropna().reset_index(drop=True)

    def means_of(self, response: Response) -> pd.DataFrame:
        """A response by variant: mean, low, high, n; indexed by variant."""
        return mean_intervals(self.values_of(response), ["variant"]).set_index("variant")

    @cached_property
    def values(self) -> pd.DataFrame:
        """The primary response of every run: variant, seed, value."""
        return self.values_of(self.primary)

    @cached_property
    def means(self) -> pd.DataFrame:
        """The primary response by variant: mean, low, high, n; indexed by variant."""
        return self.means_of(self.primary)

    @cached_property
    def cells(self) -> dict[str, Levels]:
        """Levels of each variant, by its name."""
        return {variant_label(cell): cell for cell in self.study.cells()}

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that follow from the study's own, by the names of their files.

        Of runs that cannot be compared, only what the audit found.
        """
        if self.refused:
            return {"integrity": self.integrity}
        return {
            "integrity": self.integrity, "effects": self.effects, "effect_seeds": self.seeds,
            "attribution": self.attribution, "claims": self.claims,
            "claim_cells": self.claim_cells, "stability": self.stability, "looks": self.looks,
            "failures": self.failures, "predictions": self.predictions,
            "means": self.means.reset_index(),
            **({"tuning": self.tuning, "tuned_levels": self.taken} if self.study.tuned else {}),
        }  # fmt: skip

    def cap(self, response: Response) -> float | None:
        """The value that larger ones and diverged runs count as; None where it is not capped."""
        value = cap_of(response, self.data.facts)
        return value if isfinite(value) else None

    def references(self, response: Response) -> list[Reference]:
        """The values worth comparing a response with: the subject's, if the response is capped."""
        return [] if response.cap is None else list(self.study.model.references(self.data.facts))

    def about_seeds(self) -> str:
        """How an interval over these seeds is to be read, as a sentence."""
        n, runs = count_seeds(self.expected), self.data.runs
        if n == 1:
            return "One seed: no intervals."
        whole = len(runs) == len(self.cells) * n and (runs["outcome"] == "finished").all()
        wide = ", which are wide with so few seeds" if n < 5 else ""
        return f"Intervals are 95 % t intervals over {'' if whole else 'at most '}{n} seeds{wide}."

    def about_references(self, response: Response) -> str:
        """What the reference lines in figures of a response mean, as a sentence."""
        known = "; ".join(f"{one.name} = {one.value:.3f} ({one.meaning})"
                          for one in self.references(response))  # fmt: skip
        unit = "" if response.unit in ("", "share") else f", in {response.unit}"
        return f"Dotted lines{unit}: {known}." if known else ""

    def about_capping(self) -> str:
        """How large values of the primary response and diverged runs are drawn, as a sentence."""
        cap = self.cap(self.primary)
        if cap is None:
            return "" if self.primary.at_init else "Diverged runs are left out."
        names = (f"{one.name} ({one.meaning})" for one in self.references(self.primary)
                 if isclose(one.value, cap))  # fmt: skip
        name = next(names, f"{cap:.3f}")
        return f"Values above {name} count as that, and so do diverged runs."
