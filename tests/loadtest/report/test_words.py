"""Figures as a person reads them."""

import pytest

from loadtest.report.words import ms, number, per_second, share


@pytest.mark.parametrize(
    ("value", "text"), [(0.0512, "0.05"), (8.41, "8.41"), (12.34, "12.3"), (1240.2, "1,240")]
)
def test_a_latency_has_three_digits_that_mean_something(value: float, text: str) -> None:
    assert ms(value) == text


def test_a_latency_that_is_not_known_is_a_dash() -> None:
    assert ms(None) == "\N{EN DASH}"


@pytest.mark.parametrize(("value", "text"), [(3.26, "3.3"), (99.96, "100.0"), (12345.6, "12,346")])
def test_a_small_rate_has_a_decimal(value: float, text: str) -> None:
    assert per_second(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.00004, "<0.01%"), (0.0123, "1.23%"), (0.456, "45.6%"), (1.0, "100.0%")],
)
def test_a_small_share_is_not_nothing(value: float, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [("compute", "compute"), (850.0, "850"), (14.3123, "14.31"), (12345.6, "12,346")],
)
def test_an_answer_has_the_digits_that_it_needs(value: float | str, text: str) -> None:
    assert number(value) == text
