"""What follows from a study in a few sentences that a busy person can act on.

They stand below the cards, which have each claim with its verdict and each CONDITIONAL effect.
Every sentence is made from the tables; it says what was tested and what is only exploratory.
"""

from collections.abc import Iterator

import pandas as pd

from harness.analysis.claims_table import stamps
from harness.analysis.effects import change, ranks_disagree
from harness.analysis.grid import AT_BASELINE, grid
from harness.analysis.intervals import ROUNDING, mean
from harness.analysis.stages import about_stages, count_seeds, stages
from harness.analysis.tuning import about_tuning
from harness.analysis.verdicts import PROMISE, VERDICTS
from harness.errors import counted
from harness.report.source import Source
from harness.study.files import as_typed
from harness.study.plan import about_partial, about_twins
from harness.subjects.subject import Response

STRATA_SHOWN = 6  # of the attribution; its table has all
FEW_SEEDS = 5  # below it, intervals are wide


def bottom_line(source: Source) -> list[str]:
    """The sentences, the most important first; where the audit refuses the runs, only why."""
    if source.refused:
        return ["These runs do not allow a conclusion.", *source.refusals]
    return [*_accounting(source), *_claims(source), *_effects(source), *_attribution(source),
            *_best(source)]  # fmt: skip


def caveats(source: Source) -> list[str]:
    """What the design itself cannot show, whatever the runs say."""
    study = source.study
    variants = [study.fields(cell) for cell in study.cells()]
    found = list(study.model.caveats(set(study.varied), variants))
    found += filter(None, (about_partial(study), about_twins(study)))
    if 2 <= (seeds := count_seeds(source.expected)) < FEW_SEEDS:
        found.append(f"With only {seeds} seeds, intervals are wide.")
    return found


def _accounting(source: Source) -> Iterator[str]:
    data, study = source.data, source.study
    ended = data.all_ended.drop_duplicates(["variant", "seed"])
    count = count_seeds(source.expected)
    seeds = f"{count} seeds" if count > 1 else "one seed"
    tuned = "".join(f", {len(levels)} levels of {field}" for field, levels in study.tuned.items())
    yield (
        f"{len(ended)} of {counted(len(source.expected), 'run')} ended:"
        f" {counted(len(data.variants()), 'variant')}{tuned}, {seeds}."
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
        those = f"their capped responses ({capped}) count as the cap, and " if capped else ""
        yield (
            f"{len(diverged)} of them diverged, most often in: {where}; {those}contrasts that"
            f" need {'another' if capped else 'one'} of their responses are not testable, unless it"
            " is measured at initialisation."
        )
    if len(study.seeds) == 1:
        yield "With one seed, differences are only described: any of them may be chance."


def _claims(source: Source) -> Iterator[str]:
    claims, stamped = source.claims, stamps(source.data)
    if claims.empty:
        yield "The study states no claims: everything here is exploratory."
    else:
        counts = claims["verdict"].value_counts()
        numbers = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if v in counts)
        many = "s" if len(claims) > 1 else ""
        yield f"Of {len(claims)} claim{many}: {numbers}."
        if not stamped:
            yield PROMISE
    if stamped:
        yield f"All verdicts are exploratory: {'; '.join(stamped)}."


def largest(effects: pd.DataFrame) -> pd.Series | None:
    """The main effect with the largest estimate, whatever its sign; None where there is none."""
    main = effects[(effects["kind"] == "main") & effects["estimate"].notna()]
    return None if main.empty else main.iloc[int(main["estimate"].abs().to_numpy().argmax())]


def _effects(source: Source) -> Iterator[str]:
    primary, row = source.primary, largest(source.effects)
    if row is None:
        yield f"No main effect on {primary.label} can be estimated from these runs."
        return
    if row["estimate"] == 0:
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


def averaged(over: str) -> str:
    """Over what an effect is averaged, in words."""
    if over == AT_BASELINE:
        return "all else at the baseline"
    return f"averaged over {over} of the rest" if over else "averaged over the rest"


def _attribution(source: Source) -> Iterator[str]:
    """The part that changes most from bare to baseline, beside the change by all, by stratum."""
    primary, table = source.primary, source.attribution
    shares = table[(table["method"] == "shapley") & table["estimate"].notna()]
    if shares["factor"].nunique() < 2 or not shares["estimate"].any():
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


def _best(source: Source) -> Iterator[str]:
    primary = source.primary
    complete = grid(source.data, primary.name).values.dropna()
    means = dict(zip(complete.index, map(mean, complete.to_numpy()), strict=True))
    if primary.direction is None or not means:
        return
    best, worst = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if means[worst] - means[best] <= ROUNDING * abs(means[worst]):
        return  # of one, or of equals, there is no best
    if primary.direction == "higher":
        best = worst
    mean_of_best = f"{means[best]:.4g}".replace("-", "−")
    yield (
        f"{'Lowest' if primary.direction == 'lower' else 'Highest'} mean {primary.label} of"
        f" {len(means)} variants: {mean_of_best}{_unit(primary)} ({best}); as the best of"
        " many, it is probably a little worse in truth."
    )


def _chance(row: pd.Series) -> str:
    return "" if row["low"] > 0 or row["high"] < 0 else " (it may be chance)"


def _unit(response: Response) -> str:
    """The unit after a number; shares have none."""
    return "" if response.unit in ("", "share") else f" {response.unit}"
