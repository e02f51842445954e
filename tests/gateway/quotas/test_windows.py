"""Days and months of the calendar, in UTC."""

from datetime import UTC, datetime

import pytest

from gateway.quotas.protocol import Kind
from gateway.quotas.windows import window_end_us


def us(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("kind", "now_us", "ends_us"),
    [
        (Kind.DAY, us(2026, 11, 26), us(2026, 11, 27)),
        (Kind.DAY, us(2026, 11, 27) - 1, us(2026, 11, 27)),
        (Kind.DAY, us(2028, 2, 28, 12), us(2028, 2, 29)),
        (Kind.MONTH, us(2028, 2, 1), us(2028, 3, 1)),
        (Kind.MONTH, us(2026, 12, 31, 23, 59, 59), us(2027, 1, 1)),
        (Kind.MONTH, us(2026, 1, 31), us(2026, 2, 1)),
    ],
)
def test_a_window_ends_when_the_next_begins(kind: Kind, now_us: int, ends_us: int) -> None:
    assert window_end_us(kind, now_us) == ends_us
