"""The seed-wise values that a claim is judged by."""

from dataclasses import dataclass

import numpy as np

from harness.analysis.grid import Grid, contrast
from harness.analysis.intervals import Array
from harness.analysis.statements import Cell, Statement, cells_of, statement, variants_of
from harness.study.claims import Claim
from harness.study.study import Study


@dataclass(frozen=True)
class Evidence:
    """The seed-wise values that a claim is judged by.

    Attributes:
        claim: as written in the study.
        statement: what it says of each cell.
        cells: the distinct cells it is about.
        twins: of a distinct cell's name, the names of cells with the same bits.
        seeds: that have every run needed.
        values: u of each seed and distinct cell (n, k).
        reason: why it cannot be tested; "" if it can.
        settled: whether more seeds cannot change that.
    """

    claim: Claim
    statement: Statement
    cells: tuple[Cell, ...]
    twins: dict[str, tuple[str, ...]]
    seeds: tuple[int, ...]
    values: Array
    reason: str = ""
    settled: bool = False


def gather_evidence(study: Study, claim: Claim, measured: Grid) -> Evidence:
    """The values that a claim is judged by, bit-equal cells merged.

    Args:
        study: whose claim it is.
        claim: the claim.
        measured: its response.
    """
    needed = variants_of(study, claim)
    whole = contrast(measured, dict.fromkeys(needed, 1.0))  # for its seeds: those with every run
    at_init = study.response(claim.response).at_init
    if measured.diverged.loc[needed].all(axis=None) and not at_init:
        return untestable(study, claim, "every run it needs diverged", settled=True)
    if whole.reason:
        return untestable(study, claim, whole.reason, settled=whole.diverged > 0)
    if len(whole.seeds) < 2:
        return untestable(study, claim, "one seed")
    stated = statement(claim)
    alike: dict[bytes, list[tuple[Cell, Array]]] = {}  # cells by the bits of their values
    for cell in cells_of(study, claim):
        values = stated.sign * contrast(measured, cell.weights).values + 0.0  # −0 is 0
        alike.setdefault(values.tobytes(), []).append((cell, values))
    firsts = [group[0] for group in alike.values()]
    return Evidence(
        claim, stated,
        cells=tuple(cell for cell, _ in firsts),
        twins={first.name: tuple(twin.name for twin, _ in twins)
               for (first, _), *twins in alike.values() if twins},
        seeds=whole.seeds,
        values=np.column_stack([values for _, values in firsts]),
    )  # fmt: skip


def untestable(study: Study, claim: Claim, reason: str, *, settled: bool = False) -> Evidence:
    """The evidence of a claim that cannot be tested, and why."""
    cells = tuple(cells_of(study, claim))
    nothing = np.empty((0, len(cells)))
    return Evidence(claim, statement(claim), cells, {}, (), nothing, reason, settled)
