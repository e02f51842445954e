import pytest

from gateway.errors import InvalidInput
from gateway.limits import Budget, Concurrency, Limit, Metric, Period, parse_budget
from gateway.rates import parse_rate


@pytest.mark.parametrize(
    ("text", "budget"),
    [("1000000/day", Budget(1_000_000, Period.DAY)), ("0/month", Budget(0, Period.MONTH))],
)
def test_a_budget_is_read_and_written(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget
    assert str(budget) == text


@pytest.mark.parametrize("text", ["", "5", "5/week", "-1/day", "1.5/day", "٣/day", "5/day/day"])
def test_what_is_no_budget_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(InvalidInput, match="NUMBER/day or NUMBER/month"):
        parse_budget(text)


def test_a_budget_that_redis_could_not_count_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not between 0 and 9007199254740991"):
        parse_budget(f"{2**53}/month")


@pytest.mark.parametrize("slots", [0, 1_000_001])
def test_slots_have_bounds(slots: int) -> None:
    with pytest.raises(InvalidInput, match=f"concurrency {slots} is not between 1 and 1000000"):
        Concurrency(slots)


def test_only_requests_are_in_flight() -> None:
    with pytest.raises(InvalidInput, match="concurrency counts requests, not bytes"):
        Limit("l1", "acme", None, "*", Metric.BYTES, Concurrency(8))


def test_a_rate_may_count_anything() -> None:
    rate = parse_rate("100/s", 200)
    assert rate is not None
    assert Limit("l1", "acme", None, "*", Metric.SAMPLES, rate).measure == rate


@pytest.mark.parametrize("digits", [17, 20, 5000])
def test_a_budget_that_is_too_large_is_told_the_range(digits: int) -> None:
    with pytest.raises(InvalidInput, match="is not between 0 and 9007199254740991") as refused:
        parse_budget(f"{'9' * digits}/day")
    assert len(str(refused.value)) < 250


def test_zeros_before_a_budget_are_no_digits_too_many() -> None:
    assert parse_budget(f"{'0' * 5000}7/day") == Budget(7, Period.DAY)
