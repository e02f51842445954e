"""Windows of the calendar, in UTC."""

from datetime import UTC, datetime, timedelta

from gateway.quotas.protocol import Kind

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def window_end_us(kind: Kind, wall_us: int) -> int:
    """When the day or month of this Unix time ends, which is when the next begins."""
    now = _EPOCH + timedelta(microseconds=wall_us)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    # From the first of a month, 31 days lead into the next, whatever the month.
    first = midnight.replace(day=1)
    ends = (
        midnight + timedelta(days=1)
        if kind is Kind.DAY
        else (first + timedelta(days=31)).replace(day=1)
    )
    return (ends - _EPOCH) // _MICROSECOND
