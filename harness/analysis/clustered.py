"""How far the items of a split speak for others: covariances of the variants, clustered by item.

A response such as the dev loss is a mean over the items of a split, words for instance. Seeds that
share the split share its items, so their spread says nothing of what other items would give. For
that, each item is one observation, whatever it consists of: an item's share in the mean over the
seeds, less what an item of its size has on average, is its residual, and the variance of a contrast
between variants is the sum of its squared residuals over all items (the ratio estimator with
clusters: Cochran 1977, section 6; of differences between models: Miller 2024, "Adding Error Bars to
Evals", sections 2.2 and 4.2).

Only covariances of pairs of variants are kept: from them follows the variance of every contrast.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum, sqrt
from typing import Protocol

import numpy as np
import pandas as pd

from harness.analysis.frames import StudyData, cap_of
from harness.analysis.intervals import NAN, Array, mean, spread
from harness.study.plan import variant_label
from harness.study.study import Study
from harness.subjects.subject import Facts

FINAL = "final/"  # before the names that items are kept under
COLUMNS = ("response", "variant", "other", "covariance")

Covariances = Mapping[tuple[str, str], float]  # of two variants' means


class OfItems(Protocol):
    """A response over the items of a split, as `harness.subjects.items.Items` holds it."""

    @property
    def means(self) -> Array:
        """The mean over each item (W,)."""

    @property
    def sizes(self) -> Array:
        """How many values each is the mean of (W,)."""


def clustered_table(
    study: Study, runs: pd.DataFrame, items: Iterable[tuple[str, Mapping[str, OfItems]]],
    facts: Facts,
) -> pd.DataFrame:  # fmt: skip
    """The covariances of the variants' means over seeds, in the responses that decide.

    Args:
        study: the study.
        runs: those that are judged.
        items: of finished runs, by key; of a response without "final/".
        facts: about the data, for the cap.

    Returns:
        COLUMNS, each pair of variants once, in the study's order. A run at the cap counts as that
        whatever the items, and so does a diverged one. Nothing of a response whose items differ
        from run to run, as those of redrawn splits do, or are not known of every finished run.
    """
    wanted = dict.fromkeys([study.primary, *(claim.response for claim in study.claims)])
    names = [name.removeprefix(FINAL) for name in wanted if name.startswith(FINAL)]
    variants = dict(zip(runs["run_key"], runs["variant"], strict=True))
    counts = runs[runs["outcome"].isin(["finished", "diverged"])]["variant"].value_counts()
    finished = int((runs["outcome"] == "finished").sum())
    planned = [label for label in map(variant_label, study.cells()) if label in counts]
    rows = []
    for name, found in _residuals(study, variants, items, names, facts).items():
        if found.runs < finished or not found.alike:
            continue
        w = len(found.sizes)
        shares = {v: found.sums.get(v, np.zeros(w)) / counts[v] for v in planned}
        for place, variant in enumerate(planned):
            for other in planned[place:]:
                product = (shares[variant] * shares[other]).tolist()
                rows.append((FINAL + name, variant, other, fsum(product) * w / (w - 1)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass
class Residuals:
    """The residuals of the items of one response, summed over the runs of each variant.

    Attributes:
        sizes: of the items, as in the first run (W,).
        sums: by variant (W,).
        runs: how many of them are summed.
        alike: whether the items are the same in every run, and two at least.
    """

    sizes: Array
    sums: dict[str, Array] = field(default_factory=dict)
    runs: int = 0
    alike: bool = True


def _residuals(
    study: Study,
    variants: Mapping[str, str],
    items: Iterable[tuple[str, Mapping[str, OfItems]]],
    names: list[str],
    facts: Facts,
) -> dict[str, Residuals]:
    """The residuals of each response that some run has the items of, in the order of the names."""
    found: dict[str, Residuals] = {}
    for key, of_run in items:
        for name in of_run.keys() & names if key in variants else ():
            one, variant = of_run[name], variants[key]
            residuals = found.setdefault(name, Residuals(one.sizes))
            if not np.array_equal(residuals.sizes, one.sizes) or len(one.sizes) < 2:
                residuals.alike = False
                continue
            total = fsum(one.sizes)
            whole = fsum((one.means * one.sizes).tolist()) / total
            capped = whole >= cap_of(study.response(FINAL + name), facts)
            residual = one.sizes * (one.means - whole) / total * (not capped)
            residuals.sums[variant] = residuals.sums.get(variant, 0.0) + residual
            residuals.runs += 1
    return {name: found[name] for name in names if name in found}


def covariances(data: StudyData, response: str) -> Covariances:
    """Those of a response, in both orders of the variants; nothing where they are not known."""
    rows = data.clustered[data.clustered["response"] == response]
    pairs = zip(rows["variant"], rows["other"], rows["covariance"], strict=True)
    return {pair: value for one, other, value in pairs for pair in ((one, other), (other, one))}


def item_error(weights: Mapping[str, float], known: Covariances) -> float:
    """The standard error of a contrast over items; NaN where it is not known."""
    used = {variant: weight for variant, weight in weights.items() if weight}
    try:
        variance = fsum(
            one * other * known[variant, second]
            for variant, one in used.items() for second, other in used.items()
        )  # fmt: skip
    except KeyError:
        return NAN
    return sqrt(max(0.0, variance))


def with_items(values: Array, error: float) -> Array:
    """Seed-wise values whose standard error takes in that of the items: the roots of both squares.

    What items and seeds have in common counts in both, so this is on the safe side.

    Args:
        values: one a seed (n,), at least two.
        error: over items.
    """
    centre, n = mean(values), len(values)
    sd = spread(values)
    if sd == 0:  # any pattern will do whose spread is the one wanted
        pattern = np.linspace(-1.0, 1.0, n)
        return np.asarray(centre + pattern / spread(pattern) * error * sqrt(n))
    return np.asarray(centre + (values - centre) * sqrt(1 + n * (error / sd) ** 2))
