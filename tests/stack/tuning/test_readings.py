"""The few figures that are compared."""

import pytest

from stack.tuning.readings import figures_of
from tests.stack.tuning.planted import load, step


def test_a_moment_in_which_the_machine_was_busy_decides_nothing() -> None:
    pieces = [step("m", load(2), rate) for rate in (100, 100, 3, 100, 100)]
    assert figures_of(pieces).per_second == pytest.approx(100)
    assert figures_of(pieces).p99_ms == pytest.approx(20, rel=0.02)


def test_failed_requests_of_all_pieces_are_counted() -> None:
    pieces = [step("m", load(2), 100, failed=number) for number in (0, 2, 0)]
    assert figures_of(pieces).failed == 2
