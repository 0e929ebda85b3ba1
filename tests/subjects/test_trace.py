"""A trace gives back what it was given, in every shape, as columns and as arrays."""

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.subjects.trace import COLUMNS, Trace

SHAPES = [(), (1,), (5,), (2, 4)]
NAMES = st.sampled_from(["", "act", "act (2)", "0.norm", "größe\n"])


def example() -> Trace:
    trace = Trace(10)
    trace.add("train/loss", 0, 3.0)
    trace.add("train/loss", 9, np.nan)
    trace.add("mean", 0, np.array([0.1, np.inf, 0.3]))
    trace.add("update_data", 9, np.array([-3.0, -2.0]), first_layer=0)
    trace.add("gradient_histogram", 0, np.array([[1.0, 2.0], [3.0, 4.0]]))
    trace.add("std", 9, np.array([np.nan, 0.2]), names=["0.norm", "head"])
    trace.add("act_histogram", 9, np.array([[5.0, 6.0]]), names=["act"])
    return trace


def test_the_long_form_has_a_row_for_every_finite_number() -> None:
    columns = example().columns()
    assert tuple(columns) == COLUMNS
    rows = list(zip(*(columns[name].tolist() for name in COLUMNS), strict=True))
    assert rows == [
        ("train/loss", 0, 0, "", 0, 3.0),
        ("mean", 0, 1, "", 0, 0.1),
        ("mean", 0, 3, "", 0, 0.3),
        ("update_data", 9, 0, "", 0, -3.0),
        ("update_data", 9, 1, "", 0, -2.0),
        ("gradient_histogram", 0, 1, "", 0, 1.0),
        ("gradient_histogram", 0, 1, "", 1, 2.0),
        ("gradient_histogram", 0, 2, "", 0, 3.0),
        ("gradient_histogram", 0, 2, "", 1, 4.0),
        ("std", 9, 2, "head", 0, 0.2),
        ("act_histogram", 9, 1, "act", 0, 5.0),
        ("act_histogram", 9, 1, "act", 1, 6.0),
    ]


def test_an_empty_trace_has_columns_and_no_rows() -> None:
    columns = Trace(10).columns()
    assert tuple(columns) == COLUMNS
    assert {len(column) for column in columns.values()} == {0}
    assert Trace.from_arrays(10, *Trace(10).to_arrays()).columns().keys() == columns.keys()


def test_curves_are_the_finite_points_of_series_with_a_slash() -> None:
    assert list(example().curves()) == [("train/loss", 0, 3.0)]


def test_numbers_whose_squares_are_infinite_count_as_infinite() -> None:
    trace = Trace(10)
    trace.add("final_error", 9, 1.5e308)
    trace.add("mean", 9, np.array([1e100, -1e101]))
    assert trace.last("final_error") == np.inf
    assert trace.columns()["value"].tolist() == [1e100]


def test_values_are_found_by_step_and_are_nan_where_nothing_was_measured() -> None:
    trace = example()
    assert trace.at("train/loss", 0) == 3.0
    assert np.isnan(trace.last("train/loss"))
    assert np.isnan(trace.at("train/loss", 5))
    assert np.isnan(trace.last("nothing"))


def test_the_last_goes_by_steps_in_whatever_order_they_came() -> None:
    trace = Trace(10)
    for step in (5, 9, 2):
        trace.add("mean", step, float(step))
    assert trace.last("mean") == 9.0


def test_a_trace_keeps_a_copy() -> None:
    values = np.ones(3)
    trace = Trace(1)
    trace.add("mean", 0, values)
    values[:] = 0
    assert trace.at("mean", 0).tolist() == [1, 1, 1]


def test_there_is_one_name_a_layer_or_none() -> None:
    trace = Trace(1)
    for values in (1.0, np.ones(2)):
        with pytest.raises(ValueError, match="layers and 3 names"):
            trace.add("std", 0, values, names=["a", "b", "c"])


def numbers(shape: tuple[int, ...]) -> st.SearchStrategy[npt.NDArray[np.float64]]:
    size = int(np.prod(shape))
    floats = st.lists(st.floats(), min_size=size, max_size=size)
    return floats.map(lambda values: np.array(values).reshape(shape))


def names_of(values: npt.NDArray[np.float64]) -> st.SearchStrategy[list[str]]:
    layers = len(values) if values.ndim else 0
    return st.just([]) | st.lists(NAMES, min_size=layers, max_size=layers)


ENTRIES = st.sampled_from(SHAPES).flatmap(numbers).flatmap(
    lambda values: st.tuples(
        st.sampled_from(["a", "b/c", "d_histogram"]), st.integers(0, 20), st.just(values),
        st.integers(0, 1), names_of(values),
    )
)  # fmt: skip


@given(st.lists(ENTRIES, max_size=8))
def test_arrays_restore_a_trace_to_the_bit(
    entries: list[tuple[str, int, npt.NDArray[np.float64], int, list[str]]],
) -> None:
    trace = Trace(20)
    for entry in entries:
        trace.add(*entry)
    texts, arrays = trace.to_arrays()
    restored = Trace.from_arrays(20, json.loads(json.dumps(texts)), arrays)
    again, arrays_again = restored.to_arrays()
    assert again == texts
    for name, array in arrays.items():
        assert array.tobytes() == arrays_again[name].tobytes()
    for name, column in trace.columns().items():
        assert np.array_equal(column, restored.columns()[name])


@pytest.mark.parametrize("shape", SHAPES)
def test_an_entry_keeps_its_shape(shape: tuple[int, ...]) -> None:
    trace = Trace(1)
    trace.add("a", 0, np.zeros(shape))
    assert Trace.from_arrays(1, *trace.to_arrays()).at("a", 0).shape == shape
