"""Rates as people write them: `100/s`, `6000/m`, `10/h`, with a burst."""

import re
from dataclasses import dataclass

from gateway.errors import InvalidInput
from gateway.shown import shown

PERIODS_S = {"s": 1, "m": 60, "h": 3600}
# Times a million, the clock of a bucket, it is still a number that a double holds exactly: Redis
# counts in them.
MAX_AMOUNT = 8_000_000_000
MAX_BURST = 1_000_000_000_000

_FORM = re.compile(r"([0-9]+)/([smh])")
_MOST_DIGITS = len(str(MAX_AMOUNT))


@dataclass(frozen=True, slots=True)
class Rate:
    """`amount` units each `period_s` seconds on average, at most `burst` at once."""

    amount: int
    period_s: int
    burst: int

    def __str__(self) -> str:
        unit = next(unit for unit, period_s in PERIODS_S.items() if period_s == self.period_s)
        return f"{self.amount}/{unit}"


def parse_rate(rate: str | None, burst: int | None) -> Rate | None:
    """`parse_rate("100/s", 200)`; without a burst it is the rate's own number; None: no limit."""
    if rate is None:
        if burst is not None:
            raise InvalidInput(f"burst {burst} without a rate limits nothing; add a rate: 100/s")
        return None
    amount, period_s = _parse_amount(rate)
    return Rate(amount, period_s, amount if burst is None else check_burst(burst))


def check_burst(burst: int) -> int:
    """The burst itself; raises InvalidInput for one that no rate can have."""
    if not 1 <= burst <= MAX_BURST:
        raise InvalidInput(
            f"burst {shown(burst)} is not between 1 and {MAX_BURST}; a usual one is 200"
        )
    return burst


def _parse_amount(rate: str) -> tuple[int, int]:
    match = _FORM.fullmatch(rate)
    if match is None:
        raise InvalidInput(
            f"rate {shown(rate)} is not NUMBER/s, NUMBER/m or NUMBER/h; write it as 100/s"
        )
    digits, unit = match[1].lstrip("0") or "0", match[2]
    # Python reads no number of thousands of digits.
    if len(digits) > _MOST_DIGITS or not 1 <= int(digits) <= MAX_AMOUNT:
        raise InvalidInput(
            f"rate {shown(rate)} is not between 1/{unit} and {MAX_AMOUNT}/{unit}; "
            "a usual one is 100/s"
        )
    return int(digits), PERIODS_S[unit]
