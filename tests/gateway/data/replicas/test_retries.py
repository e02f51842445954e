"""How many requests may be sent again."""

from gateway.data.replicas.retries import (
    FREE_PER_S,
    HEDGING_SHARE,
    SHARE,
    WINDOW_S,
    RetryBudget,
)
from tests.gateway.helpers import Clock

FREE = FREE_PER_S * WINDOW_S


def take_all(budget: RetryBudget, share: float = 1.0) -> int:
    count = 0
    while budget.take(share):
        count += 1
    return count


def test_without_traffic_a_few_are_free() -> None:
    assert take_all(RetryBudget(Clock().seconds)) == FREE


def test_a_tenth_of_the_last_ten_seconds_requests_may_be_repeated() -> None:
    clock = Clock()
    budget = RetryBudget(clock.seconds)
    for _ in range(WINDOW_S):
        budget.sent += 1000
        clock.now_s += 1
        budget.pass_time()
    budget.sent += 500
    # The second under way and the nine before it.
    assert take_all(budget) == FREE + SHARE * (500 + 9 * 1000)


def test_what_was_taken_is_given_again_after_ten_seconds() -> None:
    clock = Clock()
    budget = RetryBudget(clock.seconds)
    take_all(budget)
    clock.now_s += WINDOW_S - 1
    assert take_all(budget) == 0
    clock.now_s += 1
    assert take_all(budget) == FREE


def test_hedging_leaves_half_to_those_that_failed_who_may_take_all() -> None:
    budget = RetryBudget(Clock().seconds)
    assert take_all(budget, HEDGING_SHARE) == FREE / 2
    assert take_all(budget) == FREE / 2
    other = RetryBudget(Clock().seconds)
    assert take_all(other) == FREE
    assert take_all(other, HEDGING_SHARE) == 0
