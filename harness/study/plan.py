"""From a study to its runs, and from runs to the stacks that are trained as one."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from harness.study.levels import Levels, level_name, place_label
from harness.study.study import Study
from harness.subjects.subject import Cost, Data, RunFields, Subject

CACHE = 8_000_000  # bytes of weights and activations a stack may hold; LOG.md has the figures
FEW = 3  # groups of twins that are named, and variants of each


@dataclass(frozen=True)
class Run:
    """One variant with one seed: trained once and tracked as one MLflow run.

    Attributes:
        key: the run's identity, a hash of subject, fields, seed and data.
        cell: its level of each factor and tuned field of the study.
        fields: everything that defines the run besides seed and data; a `RunFields` of the subject.
        seed: the block.
    """

    key: str
    cell: Levels
    fields: Any
    seed: int

    @property
    def variant(self) -> str:
        """The variant as a person would say it: "batch, kaiming, output_scale 0.1, depth 5"."""
        return variant_label(self.cell)


@dataclass(frozen=True)
class Stack:
    """Runs of equal tensor shapes, trained together."""

    runs: tuple[Run, ...]

    @property
    def fields(self) -> Any:
        """The first member's fields; all but the stackable ones are every member's."""
        return self.runs[0].fields

    @property
    def name(self) -> str:
        """A name for its checkpoint: a hash of the runs' keys."""
        keys = "".join(sorted(run.key for run in self.runs))
        return hashlib.sha256(keys.encode()).hexdigest()[:16]


def variant_label(cell: Levels) -> str:
    """A variant's name: texts alone; all other levels, and blank texts, with their factor."""
    return ", ".join(level_name(factor, level) for factor, level in cell.items())


def run_key(subject: Subject, fields: RunFields, seed: int, digest: str) -> str:
    """The identity of a run: equal for runs that must end bit-identical.

    Args:
        subject: what is trained.
        fields: what defines the run.
        seed: the block.
        digest: of the data.
    """
    identity = {**fields.model_dump(), "seed": seed, "data": digest,
                "subject": subject.name, "version": subject.version}  # fmt: skip
    if sources := subject.sources(fields):
        identity["sources"] = dict(sources)
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def expand(study: Study, digest: str) -> list[Run]:
    """Every run of the study's full grid, seed by seed within each variant and tuned level."""
    return [
        Run(run_key(study.model, fields, seed, digest), cell, fields, seed)
        for cell in study.trained()
        for fields in [study.fields(cell)]
        for seed in study.seeds
    ]


def twins(study: Study) -> list[list[Levels]]:
    """Groups of variants that train to the same bits, as far as the subject knows.

    What the variants of a group differ in has no effect on them.
    """
    subject, groups = study.model, defaultdict[RunFields, list[Levels]](list)
    for cell in study.trained():
        groups[subject.canonical(study.fields(cell))].append(cell)
    return [group for group in groups.values() if len(group) > 1]


def about_twins(study: Study) -> str:
    """A sentence that names the study's twins and what has no effect; "" where there are none."""
    groups = twins(study)
    if not groups:
        return ""
    count = sum(len(group) - 1 for group in groups)
    which = (
        f"{count:,} variants are twins of others" if count > 1 else "1 variant is another's twin"
    )
    named = [_equation(group) for group in groups[:FEW]]
    named += [f"and {len(groups) - FEW:,} more"] if len(groups) > FEW else []
    return f"{which}, trained to the same bits and counted once by claims: {'; '.join(named)}."


def _equation(group: Sequence[Levels]) -> str:
    """Twins as "A = B (without effect: factor)"."""
    first, *others = group
    names = [variant_label(cell) for cell in group[:FEW]]
    names += [f"{len(group) - FEW:,} more"] if len(group) > FEW else []
    inert = [factor for factor in first if any(cell[factor] != first[factor] for cell in others)]
    return f"{' = '.join(names)} (without effect: {', '.join(inert)})"


def about_partial(study: Study) -> str:
    """What a partial grid leaves out, in sentences; "" of a full grid."""
    if not study.partial:
        return ""
    whole, count = prod(map(len, study.factors.values())), sum(1 for _ in study.cells())
    said = [f"The grid has {count:,} of {whole:,} combinations of levels."]
    if study.design == "one_at_a_time":
        said.append("Changing one factor at a time shows nothing about interactions.")
    if study.only:
        rules = (f"{rule.factor} (with {place_label(rule.where)})" for rule in study.only)
        said.append(f"Varied only in some places: {'; '.join(rules)}.")
    if study.exclude:
        tables = [place_label(table) for table in study.exclude]
        more = [f"{len(tables) - FEW:,} more"] if len(tables) > FEW else []
        said.append(f"Left out: {'; '.join((*tables[:FEW], *more))}.")
    return " ".join(said)


def one_of_each_level(runs: Iterable[Run]) -> list[Run]:
    """A few of the runs, so that every level of every factor is among them."""
    seen: set[tuple[str, object]] = set()
    chosen = []
    for run in runs:
        levels = set(run.cell.items())
        if levels - seen:
            chosen.append(run)
        seen |= levels
    return chosen


class Costs:
    """What runs of a subject cost on some data; asked for many runs of few different fields.

    Attributes:
        subject: its name.
    """

    def __init__(self, subject: Subject, data: Data) -> None:
        self.subject = subject.name
        self._subject, self._data = subject, data
        self._known: dict[tuple[object, ...], Cost] = {}

    def __call__(self, fields: RunFields) -> Cost:
        """The cost of one run."""
        shape = fields.shape
        if shape not in self._known:
            self._known[shape] = self._subject.cost(fields, self._data)
        return self._known[shape]

    def of_runs(self, runs: Iterable[Run]) -> float:
        """Work of these runs from start to end, in millions of multiplications."""
        return float(sum(self(run.fields).step * run.fields.steps for run in runs))


def make_stacks(runs: Iterable[Run], costs: Costs, workers: int = 1) -> list[Stack]:
    """Stacks for so many workers, the costliest first.

    Runs of equal shape are split evenly into stacks that fit a core's cache.
    """
    shapes: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    for run in runs:
        shapes[run.fields.shape].append(run)
    stacks = [
        Stack(tuple(members))
        for alike in shapes.values()
        for members in split(alike, stack_count(len(alike), costs(alike[0].fields), workers))
    ]
    return sorted(stacks, key=lambda stack: costs.of_runs(stack.runs), reverse=True)


def stack_count(runs: int, cost: Cost, workers: int) -> int:
    """Into how many stacks so many runs of one shape are split."""
    fitting = max(1, min(cost.largest_stack, CACHE // cost.memory))
    stacks = -(-runs // fitting)
    return min(runs, -(-stacks // workers) * workers)


def split(runs: Sequence[Run], parts: int) -> list[Sequence[Run]]:
    """The runs in so many parts whose sizes differ by one at most."""
    return [runs[i * len(runs) // parts : (i + 1) * len(runs) // parts] for i in range(parts)]
