"""What follows from a study in a few sentences that a busy person can act on.

Every sentence is made from the tables; it says what was tested and what is only exploratory.
"""

from collections.abc import Iterator

import pandas as pd

from harness.analysis.claims_table import IF_NO_RUN_FAILS, claims_table, stamps
from harness.analysis.effects import attribution_table, change, effects_table, ranks_disagree
from harness.analysis.frames import StudyData
from harness.analysis.grid import AT_BASELINE, grid
from harness.analysis.integrity import audit
from harness.analysis.intervals import mean
from harness.analysis.stages import about_stages, count_seeds, expected_runs, stages
from harness.analysis.tuning import about_tuning
from harness.analysis.verdicts import (
    INCONCLUSIVE,
    NOT_EVERYWHERE,
    NOT_TESTABLE,
    PROMISE,
    VERDICTS,
    verdicts,
)
from harness.study.files import as_typed
from harness.study.plan import about_partial, about_twins
from harness.subjects.subject import Response

ROUNDING = 1e-9  # smaller differences count as none
STRATA_SHOWN = 6  # of the attribution; its table has all
FEW_SEEDS = 5  # below it, intervals are wide


def bottom_line(data: StudyData, *, listed: bool = True) -> list[str]:
    """The sentences, the most important first; where the audit refuses the runs, only why.

    Args:
        data: the study's.
        listed: whether to name each claim with its verdict and each CONDITIONAL effect.
    """
    refused = [finding.message for finding in audit(data) if finding.severity == "refuse"]
    if refused:
        return ["These runs do not allow a conclusion.", *refused]
    return [*_accounting(data), *_claims(data, listed), *_effects(data, listed),
            *_attribution(data), *_best(data)]  # fmt: skip


def caveats(data: StudyData) -> list[str]:
    """What the design itself cannot show, whatever the runs say."""
    study = data.study
    variants = [study.fields(cell) for cell in study.cells()]
    found = list(study.model.caveats(set(study.factors), variants))
    found += filter(None, (about_partial(study), about_twins(study)))
    if 2 <= (seeds := count_seeds(expected_runs(data))) < FEW_SEEDS:
        found.append(f"With only {seeds} seeds, intervals are wide.")
    return found


def _accounting(data: StudyData) -> Iterator[str]:
    study, ended = data.study, data.all_ended.drop_duplicates(["variant", "seed"])
    expected = expected_runs(data)
    count = count_seeds(expected)
    seeds = f"{count} seeds" if count > 1 else "one seed"
    tuned = "".join(f", {len(levels)} levels of {field}" for field, levels in study.tuned.items())
    yield (
        f"{len(ended)} of {len(expected)} runs ended: {len(data.variants())} variants{tuned},"
        f" {seeds}."
    )
    yield from about_stages(study, stages(data))
    yield from about_tuning(data)
    whole = [seed for seed in study.seeds
             if (ended["seed"] == seed).sum() * len(study.seeds) == study.size()]  # fmt: skip
    if (
        1 < len(whole) < len(study.seeds)
        and whole == list(range(1, len(whole) + 1))
        and not study.declared_looks
    ):
        yield (
            f"Only {len(whole)} seeds are complete: "
            f"ablate report {as_typed(study.name)} --seeds {len(whole)} judges these alone."
        )
    diverged = ended[ended["outcome"] == "diverged"]
    if len(diverged):
        counts = diverged["variant"].value_counts().head(3)
        where = ", ".join(f"{variant} ({count})" for variant, count in counts.items())
        capped = ", ".join(r.label for r in study.model.responses.values() if r.cap)
        counted = f"their capped responses ({capped}) count as the cap, and " if capped else ""
        yield (
            f"{len(diverged)} of them diverged, most often in: {where}; {counted}contrasts that"
            f" need {'another' if capped else 'one'} of their responses are not testable, unless it"
            " is measured at initialisation."
        )
    if len(study.seeds) == 1:
        yield "With one seed, differences are only described: any of them may be chance."


def _claims(data: StudyData, listed: bool) -> Iterator[str]:
    claims, stamped = claims_table(data, verdicts(data)), stamps(data)
    if claims.empty:
        yield "The study states no claims: everything here is exploratory."
    else:
        counts = claims["verdict"].value_counts()
        numbers = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts)
        many = "s" if len(claims) > 1 else ""
        yield f"Of {len(claims)} claim{many}: {numbers}."
        if not stamped:
            yield PROMISE
    for verdict in VERDICTS if listed else ():
        for condition in ("", IF_NO_RUN_FAILS):
            rows = claims[(claims["verdict"] == verdict) & (claims["condition"] == condition)]
            if len(rows):
                said = (f"“{row['says']}”{_where(row)}" for _, row in rows.iterrows())
                yield f"{f'{verdict} {condition}'.strip()}: {'; '.join(said)}."
    if stamped:
        yield f"All verdicts are exploratory: {'; '.join(stamped)}."


def _where(claim: pd.Series) -> str:
    """Where a claim about every cell fails or holds, in brackets; why one is not testable."""
    about = claim["why"] if claim["verdict"] in (NOT_EVERYWHERE, NOT_TESTABLE) else ""
    if claim["verdict"] == INCONCLUSIVE and claim["distinct"] > 1:
        about = claim["why"]
    worst = f"; least favourable: {claim['cell']}" * (claim["verdict"] == NOT_EVERYWHERE)
    return f" ({about}{worst})" if about else ""


def largest(effects: pd.DataFrame) -> pd.Series | None:
    """The main effect with the largest estimate, whatever its sign; None where there is none."""
    main = effects[(effects["kind"] == "main") & effects["estimate"].notna()]
    return None if main.empty else main.iloc[int(main["estimate"].abs().to_numpy().argmax())]


def _effects(data: StudyData, listed: bool) -> Iterator[str]:
    primary = data.study.response()
    main = effects_table(data, primary.name, ("main",))
    row = largest(main)
    if row is None:
        yield f"No main effect on {primary.label} can be estimated from these runs."
        return
    if abs(row["estimate"]) < ROUNDING:
        yield f"No main effect on {primary.label} differs from 0."
        return
    low, high = (change(primary, row[end]).split()[0] for end in ("low", "high"))
    interval = f"95 % interval {low} to {high}, not corrected"
    yield (
        f"The largest average change (exploratory): {row['factor']} {row['level']} instead of"
        f" {row['versus']} changes {primary.label} by {change(primary, row['estimate'])}"
        f" ({interval if pd.notna(row['low']) else 'one seed, no interval'}),"
        f" {averaged(row['over'])}"
        f"{_chance(row)}."
        f"{' Ranks, which are robust to outliers, point the other way.' * ranks_disagree(row)}"
    )
    for _, other in main[(main["conditional"] != "") & listed].iterrows():
        yield (
            f"CONDITIONAL: {primary.label} with {other['factor']} {other['level']} instead of"
            f" {other['versus']} is {other['conditional']}; the average describes neither."
        )


def averaged(over: str) -> str:
    """Over what an effect is averaged, in words."""
    if over == AT_BASELINE:
        return "all else at the baseline"
    return f"averaged over {over} of the rest" if over else "averaged over the rest"


def _attribution(data: StudyData) -> Iterator[str]:
    """The part that changes most from bare to baseline, beside the change by all, by stratum."""
    primary = data.study.response()
    table = attribution_table(data, primary.name)
    shares = table[(table["method"] == "shapley") & table["estimate"].notna()]
    if shares["factor"].nunique() < 2:
        return
    sizes = shares["estimate"].abs().groupby(shares["stratum"], sort=False)
    most = shares.loc[sizes.idxmax()]
    whole = table[table["method"] == "total"].set_index("stratum")["estimate"]
    parts = [
        f"{row['factor']} {change(primary, row['estimate'])}{_chance(row)}"
        f"{' at ' if row['stratum'] else ''}{row['stratum']},"
        f" all parts {change(primary, whole[row['stratum']])}"
        for _, row in most.head(STRATA_SHOWN).iterrows()
    ]
    left = len(most) - len(parts)
    more = f"; {left} more in the table" if left else ""
    yield (
        "From bare to baseline, the part with the largest Shapley value in"
        f" {primary.label} (exploratory; values may have either sign), and the change by all"
        f" parts together: {'; '.join(parts)}{more}."
    )


def _best(data: StudyData) -> Iterator[str]:
    primary = data.study.response()
    complete = grid(data, primary.name).values.dropna()
    means = dict(zip(complete.index, map(mean, complete.to_numpy()), strict=True))
    if primary.direction is None or not means:
        return
    best, worst = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if means[worst] - means[best] < ROUNDING:
        return  # of one, or of equals, there is no best
    if primary.direction == "higher":
        best = worst
    yield (
        f"{'Lowest' if primary.direction == 'lower' else 'Highest'} mean {primary.label} of"
        f" {len(means)} variants: {means[best]:.4g}{_unit(primary)} ({best}); as the best of"
        " many, it is probably a little worse in truth."
    )


def _chance(row: pd.Series) -> str:
    return "" if row["low"] > 0 or row["high"] < 0 else " (it may be chance)"


def _unit(response: Response) -> str:
    """The unit after a number; shares have none."""
    return "" if response.unit in ("", "share") else f" {response.unit}"
