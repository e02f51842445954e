"""Moments and lengths of time as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.errors import InvalidInput
from gateway.moments import check_period, parse_duration, parse_moment, parse_past_moment

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("5s", timedelta(seconds=5)),
        ("0h", timedelta()),
        ("36500d", timedelta(days=36500)),
    ],
)
def test_a_length_of_time_has_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "12", "h", "-1h", "1.5h", "12 h", "12h ", "1w", "٣h", "36501d"]
)
def test_what_is_no_length_of_time_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="time"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30d", NOON + timedelta(days=30)),
        ("2027-02-01", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2027-02-01T08:30", datetime(2027, 2, 1, 8, 30, tzinfo=UTC)),
        ("2027-02-01T08:30Z", datetime(2027, 2, 1, 8, 30, tzinfo=UTC)),
        ("2027-02-01T08:30+01:00", datetime(2027, 2, 1, 7, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_counted_from_now_or_said_in_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOON) == moment
    assert parse_moment(text, NOON).utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "soon", "2027-02-30", "0001-01-01T00:00+23:00", "999999999d"])
def test_what_is_no_moment_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="time"):
        parse_moment(text, NOON)


def test_a_period_must_have_something_of_it_left() -> None:
    second = timedelta(seconds=1)
    check_period(None, None, NOON)
    check_period(NOON, NOON + second, NOON)
    check_period(NOON - second, None, NOON)
    with pytest.raises(InvalidInput, match="has passed already"):
        check_period(None, NOON, NOON)
    with pytest.raises(InvalidInput, match="is not after 2027-01-31T12:00:02"):
        check_period(NOON + 2 * second, NOON + 2 * second, NOON)


def test_a_length_of_time_can_be_one_that_has_passed() -> None:
    now = datetime(2026, 11, 8, 12, tzinfo=UTC)
    assert parse_past_moment("7d", now) == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert parse_past_moment("2026-11-01", now) == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", [f"{10**10}s", f"{10**12}d", f"{'9' * 5000}h"])
def test_a_length_of_time_that_is_too_large_is_told_the_most(text: str) -> None:
    with pytest.raises(InvalidInput, match="is over 36500 days"):
        parse_moment(text, NOON)
