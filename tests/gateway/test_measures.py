"""Measures of limits as they are given."""

import pytest

from gateway.errors import InvalidInput
from gateway.limits import Budget, Concurrency, Measure, Period
from gateway.measures import kind_of, parse_measure
from gateway.rates import Rate


@pytest.mark.parametrize(
    ("given", "measure", "kind"),
    [
        ({"rate": "100/s"}, Rate(100, 1, 100), "rate"),
        ({"rate": "60/m", "burst": 7}, Rate(60, 60, 7), "rate"),
        ({"concurrency": 8}, Concurrency(8), "concurrency"),
        ({"budget": "5/month"}, Budget(5, Period.MONTH), "budget"),
    ],
)
def test_one_measure_is_read(given: dict[str, object], measure: Measure, kind: str) -> None:
    parsed = parse_measure(**given)  # type: ignore[arg-type]
    assert (parsed, kind_of(parsed)) == (measure, kind)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "0 measures of one limit"),
        ({"burst": 5}, "0 measures of one limit"),
        ({"rate": "1/s", "budget": "5/day"}, "2 measures of one limit"),
        ({"concurrency": 8, "burst": 5}, "burst 5 without a rate"),
        ({"concurrency": 0}, "concurrency 0"),
        ({"budget": "5/week"}, "budget '5/week'"),
    ],
)
def test_none_or_two_of_them_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_measure(**given)  # type: ignore[arg-type]
