"""How the study was done, in a paragraph to paste into a paper, and the works that it cites."""

from collections.abc import Iterator

from harness.analysis.failures import DISTANCE
from harness.analysis.stages import count_seeds
from harness.analysis.verdicts import ALPHA, level
from harness.errors import counted
from harness.report.document import Paragraph, Section
from harness.report.sections.cards import with_unit
from harness.report.source import Source
from harness.report.words import measured
from harness.study.levels import format_level, place_label
from harness.study.plan import about_partial
from harness.study.seeds import seeds_text
from harness.study.study import Study
from harness.subjects.works import Work

SCHUIRMANN = Work(
    ("Schuirmann, Donald J.",), 1987,
    "A comparison of the two one-sided tests procedure and the power approach for assessing the "
    "equivalence of average bioavailability", "https://doi.org/10.1007/BF01068419",
)  # fmt: skip
BERGER = Work(
    ("Berger, Roger L.",), 1982, "Multiparameter hypothesis testing and acceptance sampling",
    "https://doi.org/10.2307/1267823",
)  # fmt: skip
CLOPPER = Work(
    ("Clopper, C. J.", "Pearson, E. S."), 1934,
    "The use of confidence or fiducial limits illustrated in the case of the binomial",
    "https://doi.org/10.1093/biomet/26.4.404",
)  # fmt: skip
WANG = Work(
    ("Wang, Hongjian", "Ramdas, Aaditya"), 2025,
    "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance",
    "https://arxiv.org/abs/2310.03722",
)  # fmt: skip
TUKEY = Work(
    ("Tukey, John W.",), 1958, "Bias and confidence in not-quite large samples",
    "https://doi.org/10.1214/aoms/1177706647",
)  # fmt: skip
SHAPLEY = Work(
    ("Shapley, Lloyd S.",), 1953, "A value for n-person games",
    "https://doi.org/10.1515/9781400881970-018",
)  # fmt: skip


def methods(source: Source) -> Section:
    """The section; nothing where the runs cannot be compared."""
    if source.refused:
        return Section("Methods")
    words = Paragraph(
        "Paste this paragraph into your paper; references.bib has the works that it cites."
    )
    return Section("Methods", [words, Paragraph(" ".join(_sentences(source)))])


def works(source: Source) -> list[Work]:
    """All works that the report rests on: those of the subject, then those of the statistics."""
    study = source.study
    judged = study.claims and not source.refused
    kinds = {claim.kind for claim in study.claims}
    used = [
        (BERGER, judged and source.claims["distinct"].gt(1).any()),
        (SCHUIRMANN, judged and "equivalence" in kinds),
        (WANG, judged and study.looks == "any"),
        (TUKEY, study.tuned),
        (SHAPLEY, not source.refused and not source.attribution.empty),
        (CLOPPER, not source.refused and not source.primary.at_init),
    ]
    return [*study.model.citations, *(work for work, is_used in used if is_used)]


def _sentences(source: Source) -> Iterator[str]:
    study, cited = source.study, works(source)

    def cite(text: str, work: Work) -> str:
        return f" {text} ({work.cited})" if work in cited else ""

    yield from _design(source)
    yield (
        f"The primary response is {source.primary.label} ({source.primary.says})"
        + _cap(source)
        + ". An effect is a contrast of the variants within each seed; we report its mean over the "
        "seeds with a 95 % t interval" + cite("and attribute changes by Shapley values", SHAPLEY)
        + "."
    )  # fmt: skip
    if study.tuned:
        levels = "; ".join(f"{field} of {_levels(found)}" for field, found in study.tuned.items())
        yield (
            f"Each variant was judged at its best {levels}, chosen for every seed by "
            f"{study.response(study.selected_by).label} over the other seeds;"
            + cite("intervals account for the choice by the jackknife", TUKEY)
            + "."
        )
    if study.claims:
        yield from _claims(study, cite("by intersection–union tests", BERGER),
                           cite("by two one-sided tests", SCHUIRMANN),
                           cite("by an e-process of the t statistic", WANG))  # fmt: skip
    else:
        yield "No claim was stated before the runs: all results are exploratory."
    yield from _outcomes(source, cite("with an upper 95 % limit", CLOPPER))


def _design(source: Source) -> Iterator[str]:
    study, name = source.study, source.data.facts.get("name")
    factors = "; ".join(f"{factor}: {_levels(levels)}" for factor, levels in study.factors.items())
    full = "a full factorial design" if not study.partial else "a partial factorial design"
    if study.design == "one_at_a_time":
        full = "a design that changes the baseline in one factor at a time"
    fixed = ", ".join(f"{field} {format_level(level)}" for field, level in study.fixed.items())
    yield (
        f"We trained {counted(len(source.cells), 'variant')} of {study.subject}"
        + (f" on {name}" if name else "")
        + f" in {full} ({factors}){f', with {fixed}' if fixed else ''}, with "
        f"{counted(count_seeds(source.expected), 'seed')} ({seeds_text(study.seeds)}): "
        f"{counted(len(source.expected), 'run')}."
    )
    if partial := about_partial(study):
        yield partial
    yield (
        f"The baseline is {place_label(study.reference)}. Within a seed all variants saw the same "
        "minibatches in the same order, so their differences are paired."
    )


def _levels(levels: tuple[object, ...]) -> str:
    return ", ".join(map(format_level, levels))  # type: ignore[arg-type]


def _cap(source: Source) -> str:
    cap = source.cap(source.primary)
    if cap is None:
        return ""
    most = with_unit(source.primary, measured(source.primary, cap))
    return f", clipped at {most}; diverged runs count as this value"


def _claims(study: Study, every: str, within: str, any_time: str) -> Iterator[str]:
    looks = study.declared_looks
    stages = f" and {len(looks)} declared looks ({', '.join(map(str, looks))} seeds)" * bool(looks)
    tests = any_time.strip() or "by Student's one-sided t tests"
    yield (
        f"{counted(len(study.claims), 'claim')} {'was' if len(study.claims) == 1 else 'were'} "
        f"stated before the runs. They are tested together at {100 * ALPHA:g} % {tests}, each at "
        f"{100 * level(study):.2g} % (Bonferroni over claims{stages})"
        + (f"; claims about every cell{every}" if every else "")
        + (f"; equivalences{within}" if within else "")
        + "."
    )


def _outcomes(source: Source, limits: str) -> Iterator[str]:
    ended = source.data.all_ended.drop_duplicates(["variant", "seed"])
    diverged = int((ended["outcome"] == "diverged").sum())
    failed = int(source.failures["failed"].sum())
    runs = counted(len(source.expected), "run")
    yield f"{len(ended)} of {runs} ended, of which {diverged} diverged."
    if limits:
        yield (
            f"{failed} failed, that is, diverged or ended more than {DISTANCE:.0f} robust "
            f"standard deviations from their variant's median; shares of failing runs are given"
            f"{limits}."
        )
    versions = sorted(set(source.data.runs["versions"]) - {""})
    commits = sorted(set(source.data.runs["commit"]) - {""})
    if versions:
        yield f"Software: {'; '.join(versions)}" + (
            f"; code at commit {', '.join(commits)}." if commits else "."
        )
