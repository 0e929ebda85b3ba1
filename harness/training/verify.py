"""Trains sampled runs again, alone and in other stacks, and compares bit for bit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from safetensors.numpy import load

from harness.study.plan import Run, Stack
from harness.subjects.subject import Array, Comparison, Data, Subject, deviation
from harness.subjects.trace import COLUMNS
from harness.training.records import Result
from harness.training.trainer import train

NEIGHBOURS = 2  # other runs that a sampled one is restacked with
LARGEST_SAMPLE = 6  # runs


def sampled(runs: Sequence[Run]) -> list[Run]:
    """Runs to look at: one of each of several shapes, from another place of the grid each time."""
    shapes: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        shapes.setdefault(run.fields.shape, []).append(run)
    chosen = [alike[(7 * number) % len(alike)] for number, alike in enumerate(shapes.values())]
    step = -(-len(chosen) // LARGEST_SAMPLE)
    return chosen[::step]


def retrain(run: Run, others: Sequence[Run], subject: Subject, data: Data) -> Result:
    """The run trained once more, stacked with these others."""
    for event in train(Stack((*others, run)), subject, data):
        if isinstance(event, Result) and event.key == run.key:
            return event
    raise RuntimeError("a trainer must yield a result for each of its runs")


def neighbours(run: Run, runs: Sequence[Run]) -> list[Run]:
    """Other runs of its shape, to be stacked with it; of another seed if the study has none."""
    alike = [other for other in runs if other.fields.shape == run.fields.shape and other != run]
    return alike[:NEIGHBOURS] or [replace(run, key=f"{run.key}+1", seed=run.seed + 1)]


def restacked(
    run: Run, alone: Result, runs: Sequence[Run], subject: Subject, data: Data
) -> Iterator[Comparison]:
    """The run as trained alone against itself trained in a stack with others."""
    together = retrain(run, neighbours(run, runs), subject, data)
    yield from bit_differences("restacked", alone, together.files, together.trace.columns())


def against_reference(
    run: Run, runs: Sequence[Run], subject: Subject, data: Data
) -> Iterator[Comparison]:
    """The run in a stack with others against the subject's slow implementation, if it has one."""
    members = [run, *neighbours(run, runs)]
    return subject.compare_with_reference(
        [member.fields for member in members], [member.seed for member in members], data
    )


def bit_differences(
    compared: str, alone: Result, files: Mapping[str, bytes], trace: Mapping[str, Array]
) -> Iterator[Comparison]:
    """The largest differences in files and in everything measured; none is allowed."""
    for name, payload in alone.files.items():
        yield Comparison(compared, name, file_deviation(payload, files.get(name, b"")), 0.0)
    ours = alone.trace.columns()
    alike = all(np.array_equal(ours[name], trace[name]) for name in COLUMNS if name != "value")
    apart = deviation(ours["value"], trace["value"]) if alike else float("inf")
    yield Comparison(compared, f"{len(ours['value']):,} measurements", apart, 0.0)


def file_deviation(one: bytes, other: bytes) -> float:
    """The largest difference between two files' tensors; infinite if they are other files."""
    if one == other:
        return 0.0
    try:
        ours, theirs = load(one), load(other)
    except Exception:  # no tensors, or damaged: not comparable by numbers
        return float("inf")
    if ours.keys() != theirs.keys():
        return float("inf")
    return max((deviation(ours[name], theirs[name]) for name in ours), default=0.0)


def number_differences(
    compared: str, alone: Result, subject: Subject, numbers: Mapping[str, float]
) -> Iterator[Comparison]:
    """The largest difference between the responses of a run and those kept; none is allowed."""
    found = {name: response.of(alone.trace) for name, response in subject.responses.items()}
    ours = np.array(list(found.values()), np.float64)
    kept = np.array([numbers.get(name, np.nan) for name in found], np.float64)
    apart = deviation(np.where(np.isfinite(ours), ours, np.nan), kept)
    yield Comparison(compared, f"{len(found)} responses", apart, 0.0)
