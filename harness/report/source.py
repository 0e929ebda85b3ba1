"""What figures and text are made of: a study's tables and what follows from them."""

from dataclasses import dataclass
from functools import cached_property
from math import log
from pathlib import Path

import pandas as pd

from harness.analysis.bottom_line import bottom_line
from harness.analysis.claims_table import claim_cells_table, claims_table
from harness.analysis.effects import attribution_table, effects_table, seeds_table
from harness.analysis.frames import StudyData
from harness.analysis.grid import CAPPED, grid
from harness.analysis.integrity import audit, findings_table
from harness.analysis.intervals import mean_intervals
from harness.analysis.literature_check import literature_table
from harness.analysis.verdicts import Verdict, verdicts
from harness.plan import variant_label
from harness.report.facets import label
from harness.responses import RESPONSES
from harness.study import Levels, Study, format_level


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
    def primary(self) -> str:
        """The response that decides."""
        return self.data.study.primary

    @property
    def primary_label(self) -> str:
        """The primary response for axes."""
        return RESPONSES[self.primary].label

    @cached_property
    def sentences(self) -> list[str]:
        """The bottom line."""
        return bottom_line(self.data)

    @cached_property
    def integrity(self) -> pd.DataFrame:
        """What the audit of the runs found."""
        return findings_table(audit(self.data))

    @property
    def refused(self) -> bool:
        """Whether the audit refuses to compare these runs."""
        return bool((self.integrity["severity"] == "refuse").any())

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Main, simple and other effects on the primary response."""
        return effects_table(self.data, self.primary)

    @property
    def shown_kinds(self) -> tuple[str, str]:
        """Kinds of effects that are drawn: on average, and by the level of one other factor."""
        return ("main", "within" if len(self.study.factors) > 2 else "simple")

    @cached_property
    def seeds(self) -> pd.DataFrame:
        """The effects that are drawn, seed by seed."""
        return seeds_table(self.data, self.primary, self.shown_kinds)

    @cached_property
    def attribution(self) -> pd.DataFrame:
        """Shares of the way from bare to baseline in the primary response."""
        return attribution_table(self.data, self.primary)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The verdict on every claim."""
        return verdicts(self.data)

    @cached_property
    def claims(self) -> pd.DataFrame:
        """The claims with their verdicts."""
        return claims_table(self.data, self.verdicts)

    @cached_property
    def claim_cells(self) -> pd.DataFrame:
        """Every cell that a claim is about."""
        return claim_cells_table(self.verdicts)

    @cached_property
    def literature(self) -> pd.DataFrame:
        """Predictions beside what was observed."""
        return literature_table(self.data)

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that follow from the study's own, by the names of their files.

        Of runs that cannot be compared, only what the audit found.
        """
        if self.refused:
            return {"integrity": self.integrity}
        return {
            "integrity": self.integrity, "effects": self.effects, "effect_seeds": self.seeds,
            "attribution": self.attribution, "claims": self.claims,
            "claim_cells": self.claim_cells, "literature": self.literature,
            "means": self.means.reset_index(),
        }  # fmt: skip

    @cached_property
    def values(self) -> pd.DataFrame:
        """The primary response as it is analysed: variant, seed, value; losses capped."""
        wide = grid(self.data, self.primary).values
        rows = wide.reset_index(names="variant").melt("variant", var_name="seed")
        return rows.dropna().reset_index(drop=True)

    @cached_property
    def means(self) -> pd.DataFrame:
        """The primary response by variant: mean, low, high, n; indexed by variant."""
        return mean_intervals(self.values, ["variant"]).set_index("variant")

    @cached_property
    def cells(self) -> dict[str, Levels]:
        """Levels of each variant, by its label."""
        return {variant_label(cell): cell for cell in self.study.cells()}

    def label(self, cell: Levels) -> str:
        """The label of the variant with these levels."""
        return label(self.study, cell)

    @staticmethod
    def levels(cell: Levels) -> dict[str, str]:
        """Levels as text, by factor."""
        return {factor: format_level(level) for factor, level in cell.items()}

    def number(self, fact: str) -> float | None:
        """A fact that is a number, if it is known."""
        return float(self.data.facts[fact]) if self.data.facts.get(fact) else None

    @cached_property
    def losses(self) -> dict[str, float]:
        """The losses worth comparing with, nats, by name: entropies, and that of guessing."""
        letters = self.number("vocabulary")
        known = {
            "floor": self.number("entropy/context"),
            "unigrams": self.number("entropy/unigram"),
            f"ln {letters:.0f}" if letters else "": log(letters) if letters else None,
        }
        return {name: value for name, value in known.items() if value is not None}

    @cached_property
    def losses_in_words(self) -> str:
        """What the lines of reference in figures of losses mean."""
        meanings = {
            "floor": "the entropy of a character given its context on the train split, below which "
            "no full-train loss can fall",
            "unigrams": "the entropy of the characters' frequencies",
        }
        parts = [f"{name} = {value:.3f} ({meanings.get(name, 'guessing uniformly')})"
                 for name, value in self.losses.items()]  # fmt: skip
        return f" In nats: {'; '.join(parts)}." if parts else ""

    @cached_property
    def capping_in_words(self) -> str:
        """What is done in figures of the primary response with losses beyond guessing."""
        if self.primary not in CAPPED:
            return "Diverged runs are left out. "
        return "Losses are capped at that of guessing uniformly, diverged runs count as that. "

    @cached_property
    def primary_losses(self) -> dict[str, float]:
        """The losses worth comparing with, where the primary response is a loss."""
        return self.losses if self.primary in CAPPED else {}

    @cached_property
    def primary_losses_in_words(self) -> str:
        """What the lines of reference mean, where the primary response is a loss."""
        return self.losses_in_words if self.primary_losses else ""

    def diverged(self, variant: str) -> pd.DataFrame:
        """The diverged runs of a variant."""
        runs = self.data.runs
        return runs[(runs["variant"] == variant) & (runs["outcome"] == "diverged")]


def seeds_in_words(source: Source) -> str:
    """How an interval over these seeds is to be read."""
    n, all_there = len(source.study.seeds), len(source.data.runs) == source.study.size()
    whole = all_there and (source.data.runs["outcome"] == "finished").all()
    if n == 1:
        return "One seed: no intervals."
    wide = ", wide by design with so few seeds" if n < 5 else ""
    return f"Intervals are 95 % t intervals over {'' if whole else 'at most '}{n} seeds{wide}."
