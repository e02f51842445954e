"""Rates as people write them."""

import pytest

from gateway.errors import InvalidInput
from gateway.rates import Rate, parse_rate


@pytest.mark.parametrize(
    ("rate", "burst", "limit"),
    [
        ("100/s", 200, Rate(100, 1, 200)),
        ("6000/m", None, Rate(6000, 60, 6000)),
        ("10/h", 1, Rate(10, 3600, 1)),
        (None, None, None),
    ],
)
def test_a_rate_is_read(rate: str | None, burst: int | None, limit: Rate | None) -> None:
    assert parse_rate(rate, burst) == limit


def test_a_limit_is_shown_as_it_was_written() -> None:
    assert str(Rate(6000, 60, 10)) == "6000/m"


@pytest.mark.parametrize(
    "rate", ["100/x", "100", "/s", "-1/s", "1.5/s", "1 /s", "", "0/s", "9" * 13, "8000000001/h"]
)
def test_a_wrong_rate_is_named(rate: str) -> None:
    with pytest.raises(InvalidInput, match=f"rate {rate!r}"):
        parse_rate(rate, None)


@pytest.mark.parametrize("burst", [0, -1, 10**12 + 1])
def test_a_wrong_burst_is_named(burst: int) -> None:
    with pytest.raises(InvalidInput, match=f"burst {burst}"):
        parse_rate("1/s", burst)


def test_a_burst_alone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="without a rate"):
        parse_rate(None, 5)


@pytest.mark.parametrize("digits", [10, 20, 5000])
def test_a_rate_that_is_too_large_is_told_the_range(digits: int) -> None:
    with pytest.raises(InvalidInput, match="is not between 1/s and 8000000000/s") as refused:
        parse_rate(f"{'9' * digits}/s", None)
    assert len(str(refused.value)) < 250
