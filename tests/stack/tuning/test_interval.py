"""The interval of a ratio."""

import math
import random

import pytest

from stack.tuning.interval import interval


def test_rounds_that_agree_have_no_doubt() -> None:
    assert interval([1.1, 1.1, 1.1]) == pytest.approx((1.1, 1.1, 1.1))


def test_it_is_the_same_from_either_side() -> None:
    there, back = interval([1.1, 1.3, 1.2]), interval([1 / 1.1, 1 / 1.3, 1 / 1.2])
    assert back == pytest.approx((1 / there.ratio, 1 / there.high, 1 / there.low), abs=1e-5)


@pytest.mark.parametrize("rounds", [3, 6, 30])
def test_it_holds_the_true_ratio_as_often_as_it_says(rounds: int) -> None:
    rng = random.Random(rounds)
    held = 0
    for _ in range(1000):
        found = interval([1.2 * math.exp(rng.gauss(0, 0.1)) for _ in range(rounds)])
        held += found.low <= 1.2 <= found.high
    assert 925 <= held <= 975
