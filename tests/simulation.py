"""How often verdicts are wrong when the truth is known: `make simulation`.

The grid is that of `core`, and the truth puts all nine of its claims exactly on their bounds, where
each fails by nothing: SUPPORTED is wrong, and so are OPPOSITE and, beyond the margin, NEGLIGIBLE.
A scenario says how seeds vary; each is drawn many times, and every claim is judged as in a report.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.analysis.grid import Grid
from harness.analysis.intervals import estimate
from harness.analysis.one_sided import T_TEST
from harness.analysis.statements import Region, Statement, cells_of, lower, statement
from harness.analysis.tuning import best, jackknifed
from harness.analysis.verdicts import (
    ALPHA,
    FAILS,
    INCONCLUSIVE,
    NEGLIGIBLE,
    NOT_EVERYWHERE,
    OPPOSITE,
    SUPPORTED,
    decide,
    judge,
    level,
    looks,
    worst_interval,
)
from harness.study.claims import Claim
from harness.study.files import load_study
from harness.study.levels import Levels
from harness.study.plan import variant_label
from harness.study.study import Study
from tests.support import simulated

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Array]  # variants × seeds, mean 0, sd about 1
FAILING = "none, kaiming, output_scale 0.1, depth 10"  # the variant whose runs fail, in mixtures
SD = 0.004  # nats, and of shares


def core(**seeds: Any) -> Study:
    """The study `core`, with other seeds."""
    return Study.model_validate(load_study("core").model_dump(mode="json") | seeds)


def on_all_bounds(cell: Levels) -> float:
    """A loss that puts the six claims of `core` on dev loss on their bounds, all at once."""
    naive, batch = cell["init"] == "naive", cell["norm"] == "batch"
    value = 2.0 + 0.01 * (cell["output_scale"] == 0.1) + 0.01 * naive
    if cell["depth"] == 1:
        return value + 0.015 * batch + 0.03 * (naive and not batch)
    return value - 0.01 * batch


BOUNDS: dict[str, Callable[[Levels], float]] = {
    "final/dev_loss": on_all_bounds,
    "init/saturation_worst": lambda _: 0.05,
    "final/saturation_worst": lambda _: 0.05,
    "init/loss": lambda _: 3.35,
}


def normal(generator: np.random.Generator, variants: int, seeds: int) -> Array:
    """Alike in all variants."""
    return generator.standard_normal((variants, seeds))


def skewed(generator: np.random.Generator, variants: int, seeds: int) -> Array:
    """Exponential, with its tail towards high losses."""
    return generator.standard_exponential((variants, seeds)) - 1


def heavy(generator: np.random.Generator, variants: int, seeds: int) -> Array:
    """Student's t on three degrees of freedom."""
    return generator.standard_t(3, (variants, seeds)) / 3**0.5


def unequal(generator: np.random.Generator, variants: int, seeds: int) -> Array:
    """Normal, with standard deviations that differ between variants by a factor of ten."""
    return normal(generator, variants, seeds) * np.geomspace(0.3, 3, variants)[:, None]


def near_constant(generator: np.random.Generator, variants: int, seeds: int) -> Array:
    """Normal, a thousand times narrower."""
    return normal(generator, variants, seeds) / 1000


def blocked(generator: np.random.Generator, variants: int, seeds: int) -> Array:
    """Normal, with a part that all variants of a seed share."""
    shared = generator.standard_normal((1, seeds))
    return shared + normal(generator, variants, seeds) / 2


@dataclass(frozen=True)
class Scenario:
    """How runs vary around the truth.

    Attributes:
        draw: the noise.
        share, jump: how often runs of the failing variant fail, and by how many nats, or by how
            much of a share, they end higher then; the mean stays where the truth puts it.
    """

    draw: Draw
    share: float = 0.0
    jump: float = 0.0


SCENARIOS = {
    "normal": Scenario(normal),
    "blocked": Scenario(blocked),
    "unequal": Scenario(unequal),
    "near-constant": Scenario(near_constant),
    "t3": Scenario(heavy),
    "skewed": Scenario(skewed),
    **{
        f"failing {share:.0%} by {jump}": Scenario(normal, share, jump)
        for share in (0.1, 0.2) for jump in (0.1, 1.1)
    },
}  # fmt: skip


@dataclass
class Counts:
    """What was counted over families of claims.

    Attributes:
        families: how many studies were drawn.
        wrong: studies with at least one wrong verdict.
        unwarned: studies with a wrong verdict that does not say "if no run fails".
        covered: studies whose intervals all cover.
        words: how often each word was given.
    """

    families: int = 0
    wrong: int = 0
    unwarned: int = 0
    covered: int = 0
    words: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        n = self.families
        return (f"wrong {self.wrong / n:.3f}, without a warning {self.unwarned / n:.3f}, intervals"
                f" hold together {self.covered / n:.3f}")  # fmt: skip


@dataclass(frozen=True)
class Known:
    """A claim with its weights over the variants, and the truth.

    Attributes:
        claim: the claim.
        said: its statement.
        weights: cells × variants, with the statement's sign.
        truth: u of each cell.
    """

    claim: Claim
    said: Statement
    weights: Array
    truth: Array

    def is_wrong(self, word: str) -> bool:
        """Whether a verdict says what is not true."""

        def everywhere(regions: tuple[Region, ...]) -> bool:
            return all(any(low - 1e-9 <= u <= high + 1e-9 for low, high in regions)
                       for u in self.truth)  # fmt: skip

        holds = all(any(low < u < high - 1e-9 for low, high in self.said.holds)
                    for u in self.truth)  # fmt: skip
        return {
            SUPPORTED: not holds, NOT_EVERYWHERE: holds, INCONCLUSIVE: False,
            OPPOSITE: not everywhere(self.said.opposite) or holds,
            NEGLIGIBLE: not everywhere(self.said.negligible) or holds,
            FAILS: not everywhere(self.said.fails),
        }[word]  # fmt: skip


def known(study: Study) -> list[Known]:
    """The study's claims with the truth of each."""
    variants = [variant_label(cell) for cell in study.cells()]
    found = []
    for claim in study.claims:
        said, cells = statement(claim), list(cells_of(study, claim))
        weights = np.array([[said.sign * cell.weights.get(v, 0.0) for v in variants]
                            for cell in cells])  # fmt: skip
        values = np.array([BOUNDS[claim.response](cell) for cell in study.cells()])
        found.append(Known(claim, said, weights, weights @ values))
    return found


def drawn(study: Study, scenario: Scenario, generator: np.random.Generator) -> dict[str, Array]:
    """Every response of every run, variants × seeds."""
    variants = [variant_label(cell) for cell in study.cells()]
    responses = {}
    for response, truth in BOUNDS.items():
        values = np.array([[truth(cell)] for cell in study.cells()])
        noise = SD * scenario.draw(generator, len(variants), len(study.seeds))
        if not response.startswith("init/"):
            failed = generator.random(len(study.seeds)) < scenario.share
            place = variants.index(FAILING)
            noise[place] += scenario.jump * (failed - scenario.share)
        responses[response] = values + noise
    return responses


def count(study: Study, scenario: Scenario, families: int, seed: int = 0) -> Counts:
    """Draw so many studies and judge their claims at every look."""
    data = simulated.data(study, lambda *_: 2.0)
    claims, generator, counts = known(study), np.random.default_rng(seed), Counts()
    tail = level(study) / 2
    for _ in range(families):
        values = drawn(study, scenario, generator)
        wrong, unwarned, covered = False, False, True
        for one in claims:
            u = one.weights @ values[one.claim.response]
            for seeds in looks(study):
                columns = u[:, : len(seeds)].T
                word = decide(columns, one.said, T_TEST.shows, tail)
                counts.words[word] = counts.words.get(word, 0) + 1
                low, high = worst_interval(columns, one.said, T_TEST, tail)
                worst = np.abs(one.truth).max() if one.said.two_sided else one.truth.max()
                covered &= bool(low - 1e-12 <= worst <= high + 1e-12)
                if one.is_wrong(word):
                    wrong = True
                    grid = as_grid(study, one.claim.response, values[one.claim.response])
                    unwarned |= not judge(data, one.claim, grid.of_seeds(seeds)).if_no_run_fails
                if word != INCONCLUSIVE:
                    break
        counts.families += 1
        counts.wrong += wrong
        counts.unwarned += unwarned
        counts.covered += covered
    return counts


def as_grid(study: Study, response: str, values: Array) -> Grid:
    """The same values as the analysis takes them, losses capped at ln 27."""
    variants = [variant_label(cell) for cell in study.cells()]
    if study.response(response).cap:
        values = np.minimum(values, log(27))
    table = pd.DataFrame(values, index=variants, columns=list(study.seeds))
    return Grid(response, table, None, table.isna())


def lines(families: int, counts: tuple[int, ...] = (3, 5, 10, 20)) -> Iterator[str]:
    """One line a scenario and number of seeds."""
    for name, scenario in SCENARIOS.items():
        for n in counts:
            yield f"{name}, {n} seeds: {count(core(seeds=n), scenario, families)}"
        looked = core(seeds={"looks": [5, 10, 20]})
        yield f"{name}, looks at 5, 10, 20: {count(looked, scenario, families)}"


@dataclass
class Tuned:
    """What was counted of a variant, or a pair of variants, judged at their best levels.

    Attributes:
        bias: mean error of the estimate, in standard deviations of a run.
        covered: how often 95 % intervals cover the loss after tuning on n − 1 seeds: from the
            chosen responses as they are, and from `jackknifed` ones.
        wrong: how often a verdict on two such variants is wrong, likewise; the truth lies on the
            bound of the claim.
    """

    bias: float
    covered: tuple[float, float]
    wrong: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"bias {self.bias:+.3f}, covered: plain {self.covered[0]:.3f}, jackknife "
            f"{self.covered[1]:.3f}, wrong: plain {self.wrong[0]:.3f}, jackknife "
            f"{self.wrong[1]:.3f}"
        )


def tuned(means: tuple[float, ...], n: int, draws: int, seed: int = 0) -> Tuned:
    """Draw variants whose levels have these means and vary by sd 1, and judge them.

    The claim is that one variant is lower than the other by more than a margin of 1, and its levels
    are lower by exactly that: SUPPORTED, OPPOSITE and NEGLIGIBLE are wrong.
    """
    generator, centre = np.random.default_rng(seed), np.array(means)[:, None]
    others = centre + generator.standard_normal((40_000, len(means), n - 1))
    expected = np.take(means, others.mean(axis=2).argmin(axis=1)).mean()

    def both(values: Array) -> Array:
        chosen = [values[best(np.delete(values, i, axis=1), 1), i] for i in range(n)]
        return np.array([chosen, jackknifed(values, values, 1)])

    error, covered, wrong = 0.0, np.zeros(2), np.zeros(2)
    for _ in range(draws):
        one, other = (both(centre + generator.standard_normal((len(means), n))) for _ in range(2))
        error += float(one[0].mean()) - float(expected)
        found = [estimate(values) for values in one]
        covered += [each.low <= expected <= each.high for each in found]
        wrong += [
            decide(u[:, None], lower(1.0), T_TEST.shows, ALPHA / 2) != INCONCLUSIVE
            for u in one - 1.0 - other
        ]
    covered_share, wrong_share = (covered / draws).tolist(), (wrong / draws).tolist()
    return Tuned(error / draws, tuple(covered_share), tuple(wrong_share))


def tuned_lines(draws: int) -> Iterator[str]:
    """One line for each number of seeds and levels' means."""
    for n in (5, 10, 20):
        for means in ((0.0,) * 4, (0.0, 0.2, 0.5), (0.0, 1.0, 3.0), (0.0, 5.0, 10.0)):
            yield f"tuned, {n} seeds, levels {means}: {tuned(means, n, draws)}"


if __name__ == "__main__":
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for line in chain(tuned_lines(many), lines(many)):
        print(line, flush=True)
