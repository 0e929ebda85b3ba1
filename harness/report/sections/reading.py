"""How to read a report: what words and marks mean; the subject explains its own."""

from harness.analysis.failures import DISTANCE
from harness.report.document import Bullets, Section, Strong
from harness.report.source import Source
from harness.study.levels import place_label


def reading(source: Source) -> Section:
    """The section."""
    terms = (
        ("Variant and seed.", "A variant is one combination of levels. Each seed runs through "
         "every variant with the same minibatches, so that differences are paired."),
        ("Baseline.", f"{place_label(source.study.baseline)}. Effects are differences from it: a "
         "level minus the baseline's."),
        ("Intervals.", f"{source.about_seeds()} Those of claims hold together: each is at the "
         "level 1 − 5 % / (claims × looks), at which its verdict is decided. All other tables and "
         "figures are exploratory and not corrected."),
        ("Verdicts.", "SUPPORTED: the claim holds as stated, by its margin and in every cell "
         "meant. OPPOSITE: the reverse holds, beyond the margin where there is one. NEGLIGIBLE: "
         "the effect is smaller than the margin, either way. FAILS: the claim does not "
         "hold as stated, in any cell meant; of a difference, whether it is negligible or opposite "
         "varies or is open. NOT EVERYWHERE: it fails in at least one of the cells meant, and is "
         "not shown to fail in all. INCONCLUSIVE: the seeds show none of these. NOT TESTABLE: one "
         "seed, missing runs, or diverged ones."),
        ("If no run fails.", "A run fails if it diverges, or if its response lies further than "
         f"{DISTANCE:.0f} robust standard deviations from the median of its variant. A t test "
         "knows nothing of a failure that has not happened yet. Where a share of failing runs "
         "that the seeds cannot exclude (at 95 %, Clopper and Pearson) would move the estimate out "
         "of the verdict's region, the verdict assumes that no run fails, now or later. This is "
         "an index of sensitivity, not a test."),
        ("CONDITIONAL.", "A main effect whose direction depends on the other factors: in one "
         "combination of their levels it is higher and in another lower, in each by more than the "
         "smallest difference of practical interest and beyond what chance does among so many. The "
         "largest of each is named. Its average answers no question."),
        ("In ranks.", "The same difference after each seed's variants are ranked (1 is the lowest, "
         "equal values share their average rank), which no outlier moves. Where its interval lies "
         "on the other side of zero, the remarks say so."),
        *source.study.model.glossary,
    )  # fmt: skip
    items = tuple((Strong(term), f" {meaning}") for term, meaning in terms)
    return Section("How to read this", [Bullets(items)])
