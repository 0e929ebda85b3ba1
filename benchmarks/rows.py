"""The rows of the table: a measured quantity each, beside its target."""

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch

from benchmarks import ways
from benchmarks.cores import both_over_one, workers
from benchmarks.timing import Measured, side_by_side
from benchmarks.ways import MEMBERS, SEED_NETWORK
from harness.subjects.char_mlp.fields import Fields
from harness.subjects.char_mlp.members import MOST_AT_ONCE

ROUNDS = 2  # of measuring both cores, after each row
PRODUCTS = "matrix products alone, by torch.bmm"
LIMIT = "the physical limit of these products"
OTHERS: dict[str, dict[str, object]] = {  # networks, and the fields in which they differ
    "norm none": {"norm": "none"},
    "norm layer": {"norm": "layer"},
    "relu": {"activation": "relu"},
    "residual": {"residual": True},
    "depth 1": {"depth": 1},
    "depth 10": {"depth": 10},
    "width 200": {"width": 200},
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        label: what was measured.
        measured: in the unit of the target.
        unit: "×" for ratios, "s", "MB", "%", "µs".
        target, beyond: what it is to reach, and what would be better still.
        at_least: whether larger is better.
    """

    label: str
    measured: Measured
    unit: str = "×"
    target: float | None = None
    beyond: float | None = None
    at_least: bool = False

    def verdict(self) -> str:
        """Whether the median reaches the target, in words; "" where there is none."""
        if self.target is None:
            return ""
        if self.beyond is not None and self._reaches(self.beyond):
            return "beyond"
        return "met" if self._reaches(self.target) else "MISSED"

    def _reaches(self, bound: float) -> bool:
        value = self.measured.median
        return value >= bound if self.at_least else value <= bound


def network_rows(rounds: int) -> Iterator[Row]:
    """What a step costs, in one thread, relative to its matrix products by torch.bmm."""
    torch.set_num_threads(1)
    products, many = multiplications(SEED_NETWORK), MEMBERS * MOST_AT_ONCE
    stack, bmm, loop, modules, peak = side_by_side(
        [ways.stacked(SEED_NETWORK, MEMBERS), ways.products(SEED_NETWORK, MEMBERS),
         ways.textbook(SEED_NETWORK), ways.torch_nn(SEED_NETWORK),
         ways.multiply_adds(products * MEMBERS)], rounds,
    )  # fmt: skip
    for label, seconds, runs in (
        ("textbook loop, one run", loop, 1), ("torch.nn + SGD, one run", modules, 1),
        (f"stack of {MEMBERS}", stack, many), (PRODUCTS, bmm, MEMBERS),
        (LIMIT, peak, MEMBERS),
    ):  # fmt: skip
        per_run = Measured(tuple(value * 1e6 / runs for value in seconds.values))
        yield Row(f"a run-step of the seed network: {label}", per_run, "µs")
    if importlib.util.find_spec("jax"):
        (seconds,) = side_by_side([ways.jax_scan(SEED_NETWORK, MEMBERS)], rounds)
        per_run = Measured(tuple(value * 1e6 / many for value in seconds.values))
        yield Row(f"a run-step of the seed network: jax, jit(vmap(scan)), {MEMBERS}", per_run, "µs")
    yield Row("stacked run-step over its matrix products", stack.over(bmm, 1 / MOST_AT_ONCE),
              "×", 0.8, 0.75)  # fmt: skip
    yield Row("stacked run-step over the physical limit", stack.over(peak, 1 / MOST_AT_ONCE),
              "×", 1.7, 1.5)  # fmt: skip
    yield Row("textbook loop over a stacked run-step", loop.over(stack, many),
              "×", 14, 25, at_least=True)  # fmt: skip
    yield Row("torch.nn + SGD over a stacked run-step", modules.over(stack, many),
              "×", 8, 15, at_least=True)  # fmt: skip
    for label, changed in OTHERS.items():
        fields = Fields.model_validate(changed)
        yield Row(f"{label}: over its products", _over_products(fields, rounds), "×", 1.0)


def with_both_cores(rows: Iterable[Row]) -> Iterator[Row]:
    """These rows, and how much more both cores train than one.

    Measured after every row, because neighbours on the machine come and go.
    """
    ratios: list[float] = []
    with workers(2) as team:
        for row in rows:
            yield row
            ratios += both_over_one(team, ROUNDS)
    yield Row("throughput of both cores over one's", Measured(tuple(ratios)), "×", 1.8,
              at_least=True)  # fmt: skip


def multiplications(fields: Fields) -> int:
    """How many multiplications the matrix products of a run-step have, forward and backward."""
    widths = [fields.context * fields.embedding, *[fields.width] * fields.depth, ways.V]
    return 3 * fields.batch * sum(a * b for a, b in pairwise(widths))


def _over_products(fields: Fields, rounds: int) -> Measured:
    members = max(2, min(MEMBERS, MEMBERS * 10_000 // fields.width**2))
    stack, bmm = side_by_side(
        [ways.stacked(fields, members), ways.products(fields, members)], rounds
    )
    return stack.over(bmm, 1 / MOST_AT_ONCE)
