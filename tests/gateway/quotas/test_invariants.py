"""The judge of the other tests."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rates import Rate
from tests.gateway.quotas.invariants import largest_sum, most_above_rate

EVENTS = st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(1, 4)), max_size=12)


@given(EVENTS, st.integers(1, 5), st.integers(1, 5))
def test_every_interval_is_looked_at(
    events: list[tuple[int, int]], amount: int, burst: int
) -> None:
    events = sorted(events, key=lambda event: event[0])
    rate = Rate(amount, 1, burst)
    too_much = any(
        sum(units for _, units in events[first : last + 1]) * 1_000_000
        > burst * 1_000_000 + amount * (events[last][0] - events[first][0])
        for first in range(len(events))
        for last in range(first, len(events))
    )
    assert (most_above_rate(events, rate) > 0) == too_much


def test_windows_are_summed_apart() -> None:
    assert largest_sum([(1, 2), (2, 5), (1, 4)]) == 6
