"""How to read a report: what words and marks mean; the subject explains its own."""

from harness.analysis.failures import DISTANCE
from harness.report.document import Bullets, Section, Strong
from harness.report.source import Source
from harness.study.levels import place_label


def reading(source: Source) -> Section:
    """The section."""
    terms = (
        ("Variant and seed.", "A variant is one combination of levels. Each seed runs through "
         "every variant with the same minibatches, so differences are paired."),
        ("Baseline.", f"{place_label(source.study.baseline)}. Effects are differences from it: a "
         "level minus the baseline's."),
        ("Intervals.", f"{source.about_seeds()} The intervals of claims hold simultaneously: "
         "each has the level 1 − 5 % / (claims × looks), which also decides its verdict. All other "
         "tables and figures are exploratory and not corrected."),
        ("Verdicts.", "SUPPORTED: the claim holds as stated, by its margin and in every cell it "
         "names. OPPOSITE: the reverse holds, beyond the margin if there is one. NEGLIGIBLE: the "
         "effect is smaller than the margin, either way. FAILS: the claim holds in none of its "
         "cells; a difference may be negligible in some and opposite in others, or which of the "
         "two is undecided. NOT EVERYWHERE: the claim fails in at least one of its cells, but is "
         "not shown to fail in all. INCONCLUSIVE: these seeds show none of the above. NOT "
         "TESTABLE: the study has one seed, or runs are missing or diverged."),
        ("If no run fails.", "A run fails if it diverges, or if its response lies further than "
         f"{DISTANCE:.0f} robust standard deviations from the median of its variant. A t test "
         "cannot account for failures that have not happened yet. If a share of failing runs "
         "that the seeds cannot exclude (at 95 %, Clopper and Pearson) would move the estimate out "
         "of the verdict's region, the verdict assumes that no run fails, now or later. This is "
         "an index of sensitivity, not a test."),
        ("CONDITIONAL.", "A main effect whose direction depends on the other factors: it is "
         "positive in one combination of their levels and negative in another, each beyond the "
         "smallest difference of practical interest and beyond chance, given the number of "
         "combinations. "
         "The report names the largest effect in each direction. Do not interpret the average."),
        ("In ranks.", "The same difference, computed from the ranks of the variants within each "
         "seed (1 is the lowest; equal values share their average rank), which is robust to "
         "outliers. If its interval lies on the other side of zero, the remarks say so."),
        *source.study.model.glossary,
    )  # fmt: skip
    items = tuple((Strong(term), f" {meaning}") for term, meaning in terms)
    return Section("How to read this", [Bullets(items)])
