"""The rows of the table: a measured quantity each, beside its target."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from benchmarks import ways
from benchmarks.cores import both_over_one, workers
from benchmarks.timing import Measured, side_by_side
from benchmarks.ways import MEMBERS, SEED_NETWORK
from harness.subjects.char_mlp.fields import Fields

ROUNDS = 2  # of measuring both cores, after each row
PRODUCTS = "matrix products alone, by torch.bmm"


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
    stack, bmm, loop, modules = side_by_side(
        [ways.stacked(SEED_NETWORK, MEMBERS), ways.products(SEED_NETWORK, MEMBERS),
         ways.textbook(SEED_NETWORK), ways.torch_nn(SEED_NETWORK)], rounds,
    )  # fmt: skip
    for label, seconds, members in (
        ("textbook loop, one run", loop, 1), ("torch.nn + SGD, one run", modules, 1),
        (f"stack of {MEMBERS}", stack, MEMBERS), (PRODUCTS, bmm, MEMBERS),
    ):  # fmt: skip
        per_run = Measured(tuple(value * 1e6 / members for value in seconds.values))
        yield Row(f"a run-step of the seed network: {label}", per_run, "µs")
    yield Row("stacked run-step over its matrix products", stack.over(bmm), "×", 2.0, 1.5)
    yield Row("textbook loop over a stacked run-step", loop.over(stack, MEMBERS), "×", 9, 13, True)
    yield Row("torch.nn + SGD over a stacked run-step", modules.over(stack, MEMBERS),
              "×", 5.5, 8, True)  # fmt: skip
    for norm in ("none", "batch", "layer"):
        fields = SEED_NETWORK.model_copy(update={"depth": 10, "width": 200} | _norms(norm))
        yield Row(f"depth 10, width 200, norm {norm}: over its products",
                  _over_products(fields, rounds), "×", 2.5)  # fmt: skip
    for norm in ("none", "batch"):
        fields = SEED_NETWORK.model_copy(update={"depth": 1} | _norms(norm))
        yield Row(f"depth 1, norm {norm}: over its products",
                  _over_products(fields, rounds), "×", 3.5)  # fmt: skip


def with_both_cores(rows: Iterable[Row]) -> Iterator[Row]:
    """These rows, and how much more both cores train than one.

    Measured after every row, because neighbours on the machine come and go.
    """
    ratios: list[float] = []
    with workers(2) as team:
        for row in rows:
            yield row
            ratios += both_over_one(team, ROUNDS)
    yield Row("throughput of both cores over one's", Measured(tuple(ratios)), "×", 1.8, None, True)


def _norms(name: str) -> dict[str, str]:
    return {"norm": name, "output_norm": name}


def _over_products(fields: Fields, rounds: int) -> Measured:
    members = max(2, min(MEMBERS, MEMBERS * 10_000 // fields.width**2))
    stack, bmm = side_by_side(
        [ways.stacked(fields, members), ways.products(fields, members)], rounds
    )
    return stack.over(bmm)
