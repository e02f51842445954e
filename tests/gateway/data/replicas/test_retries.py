"""How many requests may be sent again."""

from gateway.data.replicas.retries import FREE_PER_S, SHARE, WINDOW_S, RetryBudget
from tests.gateway.helpers import Clock

FREE = FREE_PER_S * WINDOW_S


def take_all(budget: RetryBudget) -> int:
    count = 0
    while budget.take():
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
