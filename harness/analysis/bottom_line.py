"""What follows from a study in a few sentences that a busy person can act on.

Every sentence is made from the tables; what was tested is told apart from what was only looked at.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from harness.analysis.claims_table import claims_table, stamps
from harness.analysis.effects import attribution_table, effects_table
from harness.analysis.frames import StudyData
from harness.analysis.grid import grid
from harness.analysis.integrity import ENDED, audit
from harness.analysis.verdicts import (
    ALPHA,
    INCONCLUSIVE,
    NOT_TESTABLE,
    REFUTED,
    SUPPORTED,
    verdicts,
)
from harness.responses import RESPONSES

ROUNDING = 1e-9  # differences below it are none
STRATA_TOLD = 6  # of the attribution; more are left to its table
ORDER = (SUPPORTED, REFUTED, INCONCLUSIVE, NOT_TESTABLE)


def bottom_line(data: StudyData) -> list[str]:
    """The sentences, the most important first; where the audit refuses the runs, only why."""
    refused = [finding.message for finding in audit(data) if finding.severity == "refuse"]
    if refused:
        return ["These runs do not allow a conclusion.", *refused]
    primary = data.study.primary
    return [
        *_accounting(data),
        *_claims(claims_table(data, verdicts(data)), stamps(data)),
        *_stamps(data),
        *_effects(data, effects_table(data, primary, ("main",))),
        *_attribution(data, attribution_table(data, primary)),
        *_best(data),
    ]


def caveats(data: StudyData) -> list[str]:
    """What the design itself cannot tell, whatever the runs say."""
    study = data.study
    found = [
        "The split of the data is fixed: intervals and verdicts are about seeds, not about data."
    ]
    varied, norms = set(study.factors), {study.fields(cell).norm for cell in study.cells()}
    if "lr" not in varied and "init" in varied and "batch" in norms:
        found.append(
            "One learning rate for all confounds normalisation and init: under BatchNorm the"
            " forward pass ignores the weights' scale, so naive init there is Kaiming init with its"
            " learning rate divided by fan_in."
        )
    elif "lr" not in varied and {"norm", "init", "gain"} & varied:
        found.append("One learning rate for all: variants may differ in the rate that suits them.")
    if 2 <= len(study.seeds) < 5:
        found.append(f"With {len(study.seeds)} seeds intervals are wide by design.")
    return found


def _accounting(data: StudyData) -> Iterator[str]:
    study, runs = data.study, data.runs[data.runs["outcome"].isin(ENDED)]
    ended = runs.drop_duplicates(["variant", "seed"])
    diverged = ended[ended["outcome"] == "diverged"]
    seeds = f"{len(study.seeds)} seeds" if len(study.seeds) > 1 else "one seed"
    yield f"{len(ended)} of {study.size()} runs ended: {len(data.variants())} variants, {seeds}."
    whole = [seed for seed in study.seeds
             if (ended["seed"] == seed).sum() * len(study.seeds) == study.size()]  # fmt: skip
    if 1 < len(whole) < len(study.seeds) and whole == list(range(1, len(whole) + 1)):
        yield (
            f"Only {len(whole)} seeds are complete: "
            f"ablate report {study.name} --seeds {len(whole)} judges these alone."
        )
    if len(diverged):
        where = ", ".join(
            f"{v} ({n})" for v, n in diverged["variant"].value_counts().head(3).items()
        )
        yield (
            f"{len(diverged)} of them diverged, most often in: {where}; their final losses count as"
            " those of predicting uniformly, and contrasts that need another final response of"
            " theirs are not testable."
        )
    if len(study.seeds) == 1:
        yield "With one seed nothing can be told from chance; differences are only described."


def _claims(claims: pd.DataFrame, stamped: list[str]) -> Iterator[str]:
    if claims.empty:
        yield "The study states no claims: everything here is exploratory."
        return
    counts = claims["verdict"].value_counts()
    numbers = ", ".join(f"{counts[v]} {v.lower()}" for v in ORDER if v in counts)
    promise = "" if stamped else f": at most {ALPHA:.0%} chance of any wrong verdict"
    yield (
        f"Of {len(claims)} claim{'s' if len(claims) > 1 else ''}: {numbers} (t tests over seeds,"
        f" Holm over the study's claims{promise})."
    )
    for verdict in (SUPPORTED, REFUTED):
        said = claims[claims["verdict"] == verdict]["says"]
        if len(said):
            yield f"{verdict.capitalize()}: {'; '.join(f'“{text}”' for text in said)}."


def _stamps(data: StudyData) -> Iterator[str]:
    stamped = stamps(data)
    if stamped:
        yield f"Read the verdicts with care: {'; '.join(stamped)}."


def _effects(data: StudyData, effects: pd.DataFrame) -> Iterator[str]:
    main = effects[effects["estimate"].notna()]
    if main.empty:
        yield f"No main effect on {_name(data)} can be estimated from these runs."
        return
    row = main.iloc[int(main["estimate"].abs().to_numpy().argmax())]
    if abs(row["estimate"]) < ROUNDING:
        yield f"No main effect on {_name(data)} differs from 0."
        return
    yield (
        f"The largest change on average (exploratory): {row['factor']} {row['level']} instead of"
        f" {row['versus']} changes {_name(data)} by {_signed(data, row)}, averaged over the rest"
        f"{_chance(row)}."
    )
    for _, other in main[main["conditional"] != ""].iterrows():
        yield (
            f"CONDITIONAL: whether {other['factor']} {other['level']} or {other['versus']} is lower"
            " depends on the other factors: its effect changes sign between their combinations,"
            " so the average does not speak for each."
        )


def _attribution(data: StudyData, attribution: pd.DataFrame) -> Iterator[str]:
    """Which part does most of the way from bare to baseline, where that depends on the stratum."""
    shares = attribution[(attribution["method"] == "shapley") & attribution["estimate"].notna()]
    if shares["factor"].nunique() < 2:
        return
    most = shares.loc[shares.groupby("stratum", sort=False)["estimate"].apply(_largest)]
    told = [
        f"{row['factor']} {row['estimate']:+.3g}{_unit(data)}{_at(row['stratum'])}{_chance(row)}"
        for _, row in most.head(STRATA_TOLD).iterrows()
    ]
    left = len(most) - len(told)
    more = f"; {left} more in the table" if left else ""
    yield (
        "On the way from bare to baseline the largest share of the change in"
        f" {_name(data)} (Shapley, exploratory): {'; '.join(told)}{more}."
    )


def _chance(row: pd.Series) -> str:
    return "" if row["low"] > 0 or row["high"] < 0 else " (it may be chance)"


def _largest(shares: pd.Series) -> object:
    return shares.abs().idxmax()


def _at(stratum: str) -> str:
    return f" at {stratum}" if stratum else ""


def _best(data: StudyData) -> Iterator[str]:
    response = RESPONSES[data.study.primary]
    means = grid(data, response.name).values.mean(axis=1, skipna=False).dropna()
    if response.lower_is_better is None or means.empty:
        return
    values = means.to_numpy()
    if np.ptp(values) < ROUNDING:
        return  # of one, or of equals, there is no best
    best = int(values.argmin() if response.lower_is_better else values.argmax())
    way = "Lowest" if response.lower_is_better else "Highest"
    yield (
        f"{way} mean {_name(data)} of {len(means)} variants: {values[best]:.4g}{_unit(data)}"
        f" ({means.index[best]}); picked as the best of many, so a little flattered."
    )


def _name(data: StudyData) -> str:
    return RESPONSES[data.study.primary].label.split(" [")[0]


def _unit(data: StudyData) -> str:
    label = RESPONSES[data.study.primary].label
    return " " + label.split("[")[1].rstrip("]") if "[" in label else ""


def _signed(data: StudyData, row: pd.Series) -> str:
    """An estimate with its unit and interval: "+0.030 nats (95 % interval 0.021 to 0.039)"."""
    value = f"{row['estimate']:+.3g}{_unit(data)}"
    if pd.isna(row["low"]):
        return f"{value} (one seed, no interval)"
    return f"{value} (95 % interval {row['low']:+.3g} to {row['high']:+.3g}, not corrected)"
