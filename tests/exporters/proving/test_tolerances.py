import numpy as np
import pytest

from exporters.arrays import Arrays
from exporters.capturing.capture import capture
from exporters.errors import SpecError
from exporters.proving.tolerances import with_tolerances
from exporters.spec import TensorSpec, Tolerance
from tests.exporters.models import WIDTH, Centred, Doubler, Faint, spec_of

OWN = Tolerance(1e-4, 0.0)


def answering(*values: float) -> list[Arrays]:
    return [{"y": np.array(values, np.float32)}]


def limit_of(answers: list[Arrays], tolerance: Tolerance | None = None) -> float:
    output = TensorSpec(name="y", dtype="float32", shape=(WIDTH,), tolerance=tolerance)
    (found,) = with_tolerances(spec_of(Doubler, outputs=(output,)), "fp32", answers).outputs
    return found.accepted.absolute


def test_small_answers_have_a_small_tolerance() -> None:
    assert limit_of(answering(0, -1e-2)) == pytest.approx(1e-6)


def test_large_answers_have_the_default_tolerance() -> None:
    assert limit_of(answering(0, 1e6)) == 1e-4


def test_what_may_be_rounding_alone_is_not_measured_exactly() -> None:
    assert limit_of(answering(0, 0)) == pytest.approx(1e-7)


def test_infinity_is_not_the_size_of_an_answer() -> None:
    assert limit_of(answering(1e-2, np.inf, np.nan)) == pytest.approx(1e-6)


def test_a_declared_tolerance_does_not_shrink() -> None:
    assert limit_of(answering(1e-9), OWN) == OWN.absolute


def test_items_with_small_answers_that_are_mixed_are_refused() -> None:
    with pytest.raises(SpecError, match="mixes the items"):
        capture(spec_of(lambda: Faint(Centred())))
