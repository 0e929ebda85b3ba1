"""Standard errors over items: against statsmodels, against fresh items, and in verdicts."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from harness.analysis.claims_table import claim_cells_table, stability_table
from harness.analysis.clustered import covariances, item_error, with_items
from harness.analysis.frames import StudyData
from harness.analysis.intervals import mean, spread
from harness.analysis.verdicts import verdicts
from harness.study.levels import Levels
from harness.study.plan import Run, expand, variant_label
from harness.study.study import Study
from harness.subjects.items import Items
from tests.support import simulated

RESPONSE = "final/dev_loss"
LOWER: dict[str, Any] = {
    "id": "lower", "says": "s", "kind": "difference", "factor": "norm", "level": "batch",
    "versus": "none", "direction": "lower",
}  # fmt: skip
WORDS = 60


def study(seeds: int = 4) -> Study:
    return Study.model_validate({
        "name": "items", "question": "?", "seeds": seeds, "factors": {"norm": ["none", "batch"]},
        "baseline": {"norm": "none"}, "claims": [LOWER],
    })  # fmt: skip


def made_up(asked: Study, words: int = WORDS, seed: int = 0, gain: float = 0.1) -> dict[str, Items]:
    """Losses of each word, by run: words differ, and in how much they gain by the norm."""
    random = np.random.default_rng(seed)
    sizes = random.integers(2, 12, words).astype(float)
    hard, gains = random.normal(2, 0.5, words), random.normal(gain, 0.3, words)
    return {
        run.key: Items(
            hard - gains * (run.cell["norm"] == "batch") + random.normal(0, 0.05, words), sizes
        )
        for run in expand(asked, simulated.DIGEST)
    }


def whole(items: Items) -> float:
    return float((items.means * items.sizes).sum() / items.sizes.sum())


def data(asked: Study, items: dict[str, Items], **more: Any) -> StudyData:
    keys = {(variant_label(run.cell), run.seed): run.key for run in expand(asked, simulated.DIGEST)}

    def truth(cell: Levels, seed: int) -> float:
        return whole(items[keys[variant_label(cell), seed]])

    kept = {key: {"dev_loss": one} for key, one in items.items()}
    return simulated.data(asked, truth, items=kept, **more)


def of(items: dict[str, Items], runs: list[Run], norm: str) -> np.ndarray[Any, Any]:
    means = [items[run.key].means for run in runs if run.cell["norm"] == norm]
    return np.asarray(np.mean(means, axis=0))


def test_the_error_of_a_difference_is_that_of_a_regression_with_clusters() -> None:
    asked = study()
    items, runs = made_up(asked), expand(asked, simulated.DIGEST)
    sizes = items[runs[0].key].sizes.astype(int)
    apart = of(items, runs, "batch") - of(items, runs, "none")
    each, words = np.repeat(apart, sizes), np.repeat(np.arange(WORDS), sizes)
    fit = sm.OLS(each, np.ones_like(each)).fit(
        cov_type="cluster", cov_kwds={"groups": words, "use_correction": False}
    )
    expected = float(fit.bse[0]) * sqrt(WORDS / (WORDS - 1))
    known = covariances(data(asked, items), RESPONSE)
    assert item_error({"batch": 1.0, "none": -1.0}, known) == pytest.approx(expected, rel=1e-9)


def test_the_error_is_the_spread_of_the_estimate_over_fresh_items() -> None:
    asked = study(seeds=2)
    runs = expand(asked, simulated.DIGEST)
    estimates, errors = [], []
    for draw in range(300):
        items = made_up(asked, words=200, seed=draw)
        estimates.append(
            sum((1 if run.cell["norm"] == "batch" else -1) * whole(items[run.key]) / 2
                for run in runs)
        )  # fmt: skip
        if draw < 20:
            known = covariances(data(asked, items), RESPONSE)
            errors.append(item_error({"batch": 1.0, "none": -1.0}, known))
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.12)  # 300 draws: ± 4 %


def test_both_errors_add_in_squares() -> None:
    values = np.random.default_rng(1).normal(2, 0.3, 7)
    wider = with_items(values, 0.4)
    assert mean(wider) == pytest.approx(mean(values))
    assert spread(wider) ** 2 / 7 == pytest.approx(spread(values) ** 2 / 7 + 0.4**2)
    alike = with_items(np.full(5, 2.0), 0.4)
    assert spread(alike) / sqrt(5) == pytest.approx(0.4)
    assert np.array_equal(with_items(values, 0.0), values)


def test_a_verdict_that_rests_on_the_items_in_the_split_says_so() -> None:
    """The seeds agree; the words do not."""
    asked = study()
    found = data(asked, made_up(asked, gain=0.08))
    known = verdicts(found)
    row = stability_table(found, known).iloc[0]
    assert (row["verdict"], row["other_items"]) == ("SUPPORTED", "INCONCLUSIVE")
    cells = claim_cells_table(found, known).iloc[0]
    assert cells["se_items"] > 3 * cells["se"]
    certain = data(asked, made_up(asked, gain=0.5))
    assert stability_table(certain, verdicts(certain)).iloc[0]["other_items"] == "SUPPORTED"


def test_nothing_is_said_of_items_that_differ_or_are_not_all_known() -> None:
    asked = study()
    items = made_up(asked)
    first, *others = items
    redrawn = items | {first: Items(items[first].means, items[first].sizes[::-1])}
    for kept in (redrawn, {key: items[key] for key in others}, {}):
        found = simulated.data(
            asked, simulated.noise(), items={k: {"dev_loss": i} for k, i in kept.items()}
        )
        assert found.clustered.empty
        assert stability_table(found, verdicts(found)).iloc[0]["other_items"] == ""


@pytest.mark.parametrize("outcome", ["finished", "diverged"])
def test_a_run_at_the_cap_counts_as_that_whatever_the_items(outcome: str) -> None:
    asked = study(seeds=2)
    items = made_up(asked)
    capped, other = [r for r in expand(asked, simulated.DIGEST) if r.cell["norm"] == "none"]
    high = items | {capped.key: Items(items[capped.key].means + 9, items[capped.key].sizes)}
    kept = high if outcome == "finished" else {k: i for k, i in items.items() if k != capped.key}
    runs = simulated.runs_of(asked, simulated.noise())
    runs.loc[runs["run_key"] == capped.key, "outcome"] = outcome
    found = covariances(data(asked, kept, runs=runs), RESPONSE)
    alone = items[other.key]
    residual = alone.sizes * (alone.means - whole(alone)) / alone.sizes.sum() / 2
    expected = float((residual**2).sum()) * WORDS / (WORDS - 1)
    assert found["none", "none"] == pytest.approx(expected, rel=1e-9)


def test_covariances_are_read_back_as_they_were_written(tmp_path: Any) -> None:
    asked = study()
    found = data(asked, made_up(asked))
    found.write(tmp_path)
    assert len(found.clustered) == 3
    assert StudyData.load(tmp_path) == found
