"""Moments and lengths of time as people write them: `30d`, `12h`, `2027-01-31T12:00`."""

import re
from datetime import UTC, datetime, timedelta

from gateway.errors import InvalidInput
from gateway.shown import shown

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]+)([smhd])")
MAX_DAYS = 36_500
_MOST_S = MAX_DAYS * 86400
_MOST_DIGITS = len(str(_MOST_S))


def parse_duration(text: str) -> timedelta:
    """`parse_duration("12h")`; raises InvalidInput."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"time {shown(text)} is not NUMBER and s, m, h or d; write it as 12h or 30d"
        )
    digits, unit_s = match[1].lstrip("0") or "0", _UNITS_S[match[2]]
    # Python reads no number of thousands of digits.
    if len(digits) > _MOST_DIGITS or int(digits) * unit_s > _MOST_S:
        raise InvalidInput(f"time {shown(text)} is over {MAX_DAYS} days")
    return timedelta(seconds=int(digits) * unit_s)


def parse_moment(text: str, now: datetime) -> datetime:
    """A length of time from `now`, or a date or time in ISO 8601; UTC unless it says otherwise.

    >>> parse_moment("2027-01-31", datetime.now(UTC)).isoformat()
    '2027-01-31T00:00:00+00:00'
    """
    if _DURATION.fullmatch(text):
        return now + parse_duration(text)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"time {shown(text)} is neither a length of time, as 30d or 12h, nor a date or time in "
            "ISO 8601, as 2027-01-31 or 2027-01-31T12:00+01:00"
        ) from error


def parse_past_moment(text: str, now: datetime) -> datetime:
    """As `parse_moment`, but a length of time lies before `now`: `7d` is a week ago."""
    return now - parse_duration(text) if _DURATION.fullmatch(text) else parse_moment(text, now)


def check_period(not_before: datetime | None, expires: datetime | None, now: datetime) -> None:
    """Raise InvalidInput for a key that would never be in force."""
    if expires is None:
        return
    if expires <= now:
        raise InvalidInput(f"expiry {expires.isoformat(timespec='seconds')} has passed already")
    if not_before is not None and expires <= not_before:
        raise InvalidInput(
            f"expiry {expires.isoformat(timespec='seconds')} is not after "
            f"{not_before.isoformat(timespec='seconds')}, from when the key would hold"
        )
