"""What comes first: the answer, how to read it, what to be careful about, and the audit."""

from harness.analysis.bottom_line import caveats as caveats_of
from harness.corpus.given_names import EMBEDDED
from harness.history import SATURATED
from harness.report.document import Block, Bullets, Callout, Paragraph, Section, Strong, Table
from harness.report.source import Source, seeds_in_words


def bottom_line(source: Source) -> Section:
    """The answer in a few sentences."""
    blocks: list[Block] = [Paragraph(sentence) for sentence in source.sentences]
    return Section("bottom-line", "Bottom line", blocks)


def how_to_read(source: Source) -> Section:
    """What words and marks mean."""
    study = source.study
    baseline = ", ".join(f"{name} {level}" for name, level in source.levels(study.baseline).items())
    items: list[tuple[str | Strong, ...]] = [
        (Strong("Variant and seed."), " A variant is one combination of levels. Each seed runs "
         "through every variant with the same minibatches, so that differences are paired."),
        (Strong("Baseline."), f" {baseline}. Effects are differences from it: a level "
         "minus the baseline's."),
        (Strong("Intervals."), f" {seeds_in_words(source)} Those of claims are at the level that "
         "the correction for several claims (Holm) leaves, so that none contradicts its verdict. "
         "All other tables and figures are exploratory and not corrected."),
        (Strong("Verdicts."), " SUPPORTED where the data show that a claim holds as stated, by its "
         "margin and in every cell meant; REFUTED where they show that it does not; INCONCLUSIVE "
         "where they do neither, with a guess at the seeds it would take; NOT TESTABLE with one "
         "seed, with runs missing, or with runs diverged that a response cannot do without."),
        (Strong("CONDITIONAL."), " A main effect whose direction depends on the other factors: "
         "one of its simple effects lies above zero and another below, each beyond what chance "
         "does among so many. Its average answers no question; look at where it holds."),
        (Strong("Effect size d, in ranks."), " A difference over its standard deviation over "
         "seeds; and the same difference after each seed's variants are ranked (1 is the lowest), "
         "which no outlier moves. Where both point different ways, the remarks say so."),
        (Strong("Saturation."), " Share of hidden outputs with an absolute value above "
         f"{SATURATED}."),
        (Strong("Modes."), " init/ and last/ are measured in training mode on the first and the "
         "last minibatch, final/ in eval mode over whole splits after the last step."),
        (Strong("Divergence."), " A run whose loss or gradient stops being finite is frozen and "
         "counted. Its final losses count as those of guessing uniformly, as does any loss above "
         "that; its other final responses are not used."),
    ]  # fmt: skip
    return Section("how-to-read", "How to read this", [Bullets(tuple(items))])


def caveats(source: Source) -> Section:
    """What the numbers do not say."""
    items = caveats_of(source.data)
    if source.data.facts.get("corpus") == EMBEDDED:
        items.insert(0, "Trained on the names that the Faker library carries, for want of a "
                     "network: no number here compares with one for names.txt.")  # fmt: skip
    if source.study.note:
        items.append(source.study.note)
    return Section("caveats", "Caveats", [Bullets(tuple(items))])


def integrity(source: Source) -> Section:
    """What the audit of the runs found, before any number."""
    found = source.integrity
    if found.empty:
        passed = Callout(
            "good", "Audit passed", "All planned runs are there, none twice, with matching labels, "
            "data, code, budgets and minibatch orders.",
        )  # fmt: skip
        return Section("integrity", "Integrity of the runs", [passed])
    blocks: list[Block] = []
    if source.refused:
        words = "These runs cannot be compared. No contrast is made until this is mended."
        blocks.append(Callout("stop", "Refused", words))
    rows = tuple(
        (row["check"], row["severity"], row["message"], row["runs"]) for _, row in found.iterrows()
    )
    if not source.refused:
        blocks.append(Callout("warning", "To be known", " ".join(found["message"])))
    blocks.append(Table("What the audit found", ("check", "severity", "what", "runs"), rows))
    return Section("integrity", "Integrity of the runs", blocks)
