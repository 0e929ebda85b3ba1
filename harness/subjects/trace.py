"""The trace of a run: everything measured of it, in one tidy shape from training to analysis."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
TraceTable: TypeAlias = Any  # a pandas DataFrame; typed loosely, so that workers need no pandas

LARGEST = 1e100  # the squares of larger numbers, which the analysis needs, may be infinite
COLUMNS = ("series", "step", "layer", "name", "bin", "value")


class Entry(NamedTuple):
    """One series at one step.

    Attributes:
        values: a number, one a layer (L,), or one a layer and bin (L, BINS).
        first_layer: number of the first layer.
        names: of the layers (L); empty where they are just numbered.
    """

    values: Array
    first_layer: int
    names: tuple[str, ...]

    @property
    def layers(self) -> int:
        """How many layers there are, 0 where there are none."""
        return len(self.values) if self.values.ndim else 0

    @property
    def bins(self) -> int:
        """How many bins each layer has, 0 where there are none."""
        return self.values.shape[1] if self.values.ndim > 1 else 0


class Trace:
    """What was measured of one run, entry by entry: a series at a step.

    A histogram is a series named "…_histogram" with counts a layer and bin; its bins are equally
    wide and cover ± the value of the series "…_range" of the same layer.

    Args:
        steps: that the run takes in all.
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._entries: dict[str, dict[int, Entry]] = {}

    def add(
        self,
        series: str,
        step: int,
        values: Array | float,
        first_layer: int = 1,
        names: Sequence[str] = (),
    ) -> None:
        """Take one measurement; numbers beyond `LARGEST` count as infinite.

        Args:
            series: its name.
            step: it belongs to.
            values: a number, one a layer (L,), or one a layer and bin (L, BINS).
            first_layer: number of the first layer.
            names: of the layers (L); empty where they are just numbered.

        Raises:
            ValueError: there are names, but not one a layer.
        """
        entry = Entry(np.array(values, np.float64), first_layer, tuple(names))
        entry.values[np.abs(entry.values) > LARGEST] = np.inf
        if entry.names and len(entry.names) != entry.layers:
            raise ValueError(f"{series} has {entry.layers} layers and {len(entry.names)} names")
        self._entries.setdefault(series, {})[step] = entry

    def at(self, series: str, step: int) -> Array:
        """The values of a series at a step; NaN where it was not measured then."""
        found = self._entries.get(series, {}).get(step)
        return np.array(np.nan) if found is None else found.values

    @property
    def series(self) -> Collection[str]:
        """The names of all series."""
        return self._entries.keys()

    def entries(self, series: str) -> Mapping[int, Entry]:
        """What was measured of a series, by step."""
        return self._entries.get(series, {})

    def last(self, series: str) -> Array:
        """The values of a series where it was last measured; NaN if it never was."""
        return self.at(series, max(self.entries(series), default=-1))

    def curves(self) -> Iterator[tuple[str, int, float]]:
        """Name, step and value of every finite point of the series that are curves."""
        for series, entries in self._entries.items():
            if "/" in series:
                for step, entry in entries.items():
                    if np.isfinite(entry.values):
                        yield series, step, float(entry.values)

    def columns(self) -> dict[str, Array]:
        """The trace in long form, a row a finite number.

        Returns:
            By name of `COLUMNS`: series (text), step, layer (0 where there is none), name of the
            layer (text, "" where there is none), bin (0 where there is none), value.
        """
        texts, arrays = self.to_arrays()
        number, step, first, layers, bins = arrays["places"].T
        values, width = arrays["values"], np.maximum(bins, 1)
        sizes = np.maximum(layers, 1) * width
        entry = np.repeat(np.arange(len(sizes)), sizes)  # of each value
        place = np.arange(len(values)) - (np.cumsum(sizes) - sizes)[entry]  # within its entry
        above = place // width[entry]  # layers within its entry that come before
        named = np.array([len(text) > 1 for text in texts], bool)[number[entry]]
        starts = np.cumsum([0, *map(len, texts)])[number[entry]]  # of its entry's texts
        flat = np.array(["", *(text for one in texts for text in one)], object)
        columns = {
            "series": flat[1 + starts],
            "step": step[entry],
            "layer": np.where(layers > 0, first, 0)[entry] + above,
            "name": flat[np.where(named, 2 + starts + above, 0)],
            "bin": place % width[entry],
            "value": values,
        }
        measured = np.isfinite(values)
        return {name: columns[name][measured] for name in COLUMNS}

    def to_arrays(self) -> tuple[list[list[str]], dict[str, Array]]:
        """The trace as texts and arrays, exact to the bit: for files.

        Returns:
            Series with the names of their layers behind, and by name: where each entry belongs and
            of which shape it is, all values.
        """
        numbers: dict[tuple[str, ...], int] = {}  # of the texts, in the order of their first entry
        places, values = [], [np.zeros(0)]
        for series, entries in self._entries.items():
            for step, entry in entries.items():
                number = numbers.setdefault((series, *entry.names), len(numbers))
                places.append((number, step, entry.first_layer, entry.layers, entry.bins))
                values.append(entry.values.ravel())
        return [list(texts) for texts in numbers], {
            "places": np.array(places, np.int64).reshape(-1, 5),
            "values": np.concatenate(values),
        }

    @classmethod
    def from_arrays(cls, steps: int, texts: list[list[str]], arrays: dict[str, Array]) -> "Trace":
        """The trace that `to_arrays` wrote.

        Raises:
            ValueError: names and layers do not fit.
        """
        trace, start, values = cls(steps), 0, arrays["values"]
        for number, step, first, layers, bins in arrays["places"].tolist():
            shape = (layers, bins) if bins else (layers,) if layers else ()
            end = start + max(layers, 1) * max(bins, 1)
            series, *names = texts[number]
            trace.add(series, step, values[start:end].reshape(shape), first, names)
            start = end
        return trace
