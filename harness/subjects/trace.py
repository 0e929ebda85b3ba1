"""The trace of a run: everything measured of it, in one tidy shape from training to analysis."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
TraceTable: TypeAlias = Any  # a pandas DataFrame; typed loosely, so that workers need no pandas

COLUMNS = ("series", "step", "layer", "bin", "value")


class Trace:
    """What was measured of one run, entry by entry: a series at a step.

    A histogram is a series named "…_histogram" with counts a layer and bin; its bins are equally
    wide and cover ± the value of the series "…_range" of the same layer.

    Args:
        steps: that the run takes in all.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._entries: dict[str, dict[int, tuple[int, Array]]] = {}

    def add(self, series: str, step: int, values: Array | float, first_layer: int = 1) -> None:
        """Take one measurement.

        Args:
            series: its name.
            step: it belongs to.
            values: a number, one a layer (L,), or one a layer and bin (L, BINS).
            first_layer: number of the first layer.
        """
        kept = np.array(values, np.float64)
        self._entries.setdefault(series, {})[step] = (first_layer, kept)

    def at(self, series: str, step: int) -> Array:
        """The values of a series at a step; NaN where it was not measured then."""
        found = self._entries.get(series, {}).get(step)
        return np.array(np.nan) if found is None else found[1]

    def first(self, series: str) -> Array:
        """The values of a series where it was first measured; NaN if it never was."""
        return self.at(series, min(self._entries.get(series, {-1: 0})))

    def last(self, series: str) -> Array:
        """The values of a series where it was last measured; NaN if it never was."""
        return self.at(series, max(self._entries.get(series, {-1: 0})))

    def curves(self) -> Iterator[tuple[str, int, float]]:
        """Name, step and value of every finite point of the series that are curves."""
        for series, entries in self._entries.items():
            if "/" in series:
                for step, (_, value) in entries.items():
                    if np.isfinite(value):
                        yield series, step, float(value)

    def columns(self) -> dict[str, Array]:
        """The trace in long form, a row a finite number.

        Returns:
            By name of `COLUMNS`: series (text), step, layer (0 where there is none), bin (0 where
            there is none), value.
        """
        names, arrays = self.to_arrays()
        number, step, first, layers, bins = arrays["places"].T
        values, width = arrays["values"], np.maximum(bins, 1)
        sizes = np.maximum(layers, 1) * width
        entry = np.repeat(np.arange(len(sizes)), sizes)  # of each value
        place = np.arange(len(values)) - (np.cumsum(sizes) - sizes)[entry]  # within its entry
        layer = np.where(layers > 0, first, 0)[entry] + place // width[entry]
        columns = np.array(names, object)[number[entry]], step[entry], layer, place % width[entry]
        measured = np.isfinite(values)
        kept = [column[measured] for column in (*columns, values)]
        return dict(zip(COLUMNS, kept, strict=True))

    def to_arrays(self) -> tuple[list[str], dict[str, Array]]:
        """The trace as names of series and arrays, exact to the bit: for files."""
        names = list(self._entries)
        entries = [(number, step, first, *_shape(values), values)
                   for number, name in enumerate(names)
                   for step, (first, values) in self._entries[name].items()]  # fmt: skip
        places = np.array([entry[:-1] for entry in entries], np.int64).reshape(-1, 5)
        values = [entry[-1].ravel() for entry in entries]
        return names, {"places": places, "values": np.concatenate(values or [np.zeros(0)])}

    @classmethod
    def from_arrays(cls, steps: int, names: list[str], arrays: dict[str, Array]) -> "Trace":
        """The trace that `to_arrays` wrote."""
        trace, start, values = cls(steps), 0, arrays["values"]
        for number, step, first, layers, bins in arrays["places"].tolist():
            shape = (layers, bins) if bins else (layers,) if layers else ()
            end = start + max(layers, 1) * max(bins, 1)
            trace.add(names[number], step, values[start:end].reshape(shape), first)
            start = end
        return trace


def _shape(values: Array) -> tuple[int, int]:
    """How many layers and bins there are, 0 where there are none."""
    layers, bins = (*values.shape, 0, 0)[:2]
    return layers, bins
