import numpy as np
import pytest

from exporters.manifest import HISTOGRAM_EDGES
from exporters.proving.differences import difference, histogram
from exporters.spec import TensorSpec, Tolerance

NAN, INF = float("nan"), float("inf")


def output(dtype: str = "float32", tolerance: Tolerance | None = None) -> TensorSpec:
    return TensorSpec(name="y", dtype=dtype, shape=(2,), tolerance=tolerance)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_worst_value_is_the_one_that_exceeds_its_limit_most() -> None:
    found = difference(output(tolerance=Tolerance(1, 0.1)), floats(100, 0), floats(108, 3))
    assert (found.error, found.limit, found.mismatch_share) == (3, 1, 0.5)
    assert found.max_abs_error == 8


def test_values_within_the_absolute_tolerance_have_no_relative_error() -> None:
    found = difference(output(tolerance=Tolerance(1, 0)), floats(0.5, 4), floats(1, 5))
    assert found.max_rel_error == 0.25


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_same_nan_or_infinity_is_no_error(value: float) -> None:
    found = difference(output(), floats(value, 1), floats(value, 1))
    assert found.accepted
    assert found.max_abs_error == found.max_rel_error == 0


@pytest.mark.parametrize(
    ("expected", "actual"), [(NAN, 1.0), (1.0, NAN), (INF, -INF), (INF, 5.0), (NAN, INF)]
)
def test_another_nan_or_infinity_is_an_error(expected: float, actual: float) -> None:
    found = difference(output(), floats(expected, 1), floats(actual, 1))
    assert not found.accepted
    assert found.mismatch_share == 0.5


def test_whole_numbers_are_compared_to_their_last_digit() -> None:
    expected, actual = np.array([2**53, 0]), np.array([2**53 + 1, 0])
    found = difference(output("int64"), expected, actual)
    assert (found.max_abs_error, found.mismatch_share) == (1, 0.5)


def test_the_difference_of_whole_numbers_does_not_overflow() -> None:
    bounds = np.iinfo(np.int64)
    found = difference(output("int64"), np.array([bounds.min]), np.array([bounds.max]))
    assert found.max_abs_error == pytest.approx(2.0**64)


def test_truth_values_are_compared() -> None:
    found = difference(output("bool"), np.array([True, False]), np.array([True, True]))
    assert found.mismatch_share == 0.5


def test_the_histogram_counts_every_value_by_its_error() -> None:
    counts = histogram(floats(1, 1, 1), floats(1, 1.5, 21))
    assert len(counts) == len(HISTOGRAM_EDGES) - 1
    assert (counts[0], counts[-3], counts[-1], counts.sum()) == (1, 1, 1, 3)
