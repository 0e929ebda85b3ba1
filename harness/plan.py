"""From a study to its runs, and from runs to the cohorts that are trained stacked."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from harness.fields import Fields
from harness.study import Levels, Study, format_level

TRAINER = 4  # raise when the trainer's arithmetic changes: tests/test_golden.py says when
CACHE = 8_000_000  # bytes of weights and activations a stack may hold; LOG.md has the figures
LARGEST_STACK = 64


@dataclass(frozen=True)
class Run:
    """One variant with one seed: what is trained once and tracked as one MLflow run.

    Attributes:
        key: the run's identity, a hash of fields, seed, data and trainer.
        cell: the variant's level of each factor of the study.
        fields: everything that defines the run besides seed and data.
        seed: the block.
    """

    key: str
    cell: Levels
    fields: Fields
    seed: int

    @property
    def variant(self) -> str:
        """The variant as a person would say it: "batch, kaiming, output_scale 0.1, depth 5"."""
        return variant_label(self.cell)


@dataclass(frozen=True)
class Cohort:
    """Runs of equal tensor shapes, trained stacked."""

    runs: tuple[Run, ...]

    @property
    def fields(self) -> Fields:
        """The first member's fields; all but the stackable ones are every member's."""
        return self.runs[0].fields


def variant_label(cell: Levels) -> str:
    """A variant's name: named levels alone, numbers with their factor."""
    return ", ".join(
        level if isinstance(level, str) else f"{factor} {format_level(level)}"
        for factor, level in cell.items()
    )


def run_key(fields: Fields, seed: int, digest: str) -> str:
    """The identity of a run: equal for runs that must end bit-identical.

    Args:
        fields: what defines the run.
        seed: the block.
        digest: of the corpus.
    """
    identity = {**fields.model_dump(), "seed": seed, "data": digest, "trainer": TRAINER}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def expand(study: Study, digest: str) -> list[Run]:
    """Every run of the study's full grid, seed by seed within each variant."""
    return [
        Run(run_key(fields, seed, digest), cell, fields, seed)
        for cell in study.cells()
        for fields in [study.fields(cell)]
        for seed in study.seeds
    ]


def parameters(fields: Fields, vocabulary: int) -> int:
    """How many numbers a network of these fields trains.

    >>> parameters(Fields(), 27)
    47024
    """
    widths = [fields.context * fields.embedding] + [fields.width] * fields.depth + [vocabulary]
    weights = sum(a * b for a, b in pairwise(widths))
    hidden = fields.depth * fields.width * (1 if fields.norm == "none" else 2)
    last = vocabulary * (1 if fields.output_norm == "none" else 2)
    return vocabulary * fields.embedding + weights + hidden + last


def stack(runs: Iterable[Run], workers: int = 1) -> list[Cohort]:
    """Cohorts for so many workers, the costliest first.

    Runs of equal shape are split evenly into stacks that fit a core's cache.
    """
    shapes: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        shapes[run.fields.shape].append(run)
    cohorts = [
        Cohort(tuple(members))
        for alike in shapes.values()
        for members in split(alike, stack_count(alike, workers))
    ]
    return sorted(cohorts, key=cohort_cost, reverse=True)


def stack_count(alike: list[Run], workers: int) -> int:
    """Into how many stacks runs of one shape are split."""
    fitting = max(1, min(LARGEST_STACK, CACHE // member_bytes(alike[0].fields)))
    stacks = -(-len(alike) // fitting)
    return min(len(alike), -(-stacks // workers) * workers)


def split(runs: list[Run], parts: int) -> list[list[Run]]:
    """The runs in so many parts whose sizes differ by one at most."""
    return [runs[i * len(runs) // parts : (i + 1) * len(runs) // parts] for i in range(parts)]


def member_bytes(fields: Fields) -> int:
    """Roughly what one member keeps in cache during a step: float32 weights and activations."""
    weights = parameters(fields, 27)
    activations = 4 * fields.batch * fields.width * fields.depth
    return 4 * (weights + activations)


def step_cost(fields: Fields) -> float:
    """Multiplications of one step's matrix products, in millions: what the time is mostly spent on.

    Elementwise work counts as 20 multiplications an element.
    """
    widths = [fields.context * fields.embedding] + [fields.width] * fields.depth + [27]
    products = 3 * fields.batch * sum(a * b for a, b in pairwise(widths))
    elementwise = 20 * fields.batch * sum(widths[1:])
    return (products + elementwise) / 1e6


def cohort_cost(cohort: Cohort) -> float:
    """Multiplications to train the whole cohort, in millions."""
    return step_cost(cohort.fields) * cohort.fields.steps * len(cohort.runs)
