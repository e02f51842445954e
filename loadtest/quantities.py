"""Times, shares and rates as people write them: `20ms`, `0.1%`, `100/s`; and how they are told."""

import math
import re

from loadtest.errors import OptionError

_NUMBER_AND_UNIT = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([a-zµ%/]*)\s*", re.IGNORECASE)
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_PER_SECOND = {"": 1.0, "/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600}


def parse_time_s(text: str, name: str) -> float:
    """`20ms`, `1.5s`, `10m` or `2h` in seconds. Raises OptionError that names the option.

    >>> parse_time_s("20ms", "--p99")
    0.02
    """
    number, unit = _split(text)
    if unit not in _SECONDS or not number > 0:
        raise OptionError(
            f"{name} is {text!r}, which is no time. Write a number above 0 and its unit: "
            "500us, 20ms, 5s, 10m or 1h."
        )
    return number * _SECONDS[unit]


def parse_share(text: str, name: str) -> float:
    """`0.1%` or `0.001` as a part of 1. Raises OptionError that names the option.

    >>> parse_share("0.1%", "--errors")
    0.001
    """
    number, unit = _split(text)
    share = number / 100 if unit == "%" else number
    if unit not in ("", "%") or not 0 <= share <= 1:
        raise OptionError(
            f"{name} is {text!r}, which is no share. Write a percentage, 0.1%, or a part of 1, "
            "0.001."
        )
    return share


def parse_rate(text: str, name: str) -> float:
    """`100`, `100/s`, `6000/m` as requests a second. Raises OptionError that names the option.

    >>> parse_rate("6000/m", "--rate")
    100.0
    """
    number, unit = _split(text)
    if unit not in _PER_SECOND or not number > 0:
        raise OptionError(
            f"{name} is {text!r}, which is no rate. Write requests a second, 100, or 100/s, "
            "6000/m or 10/h."
        )
    return number * _PER_SECOND[unit]


def ms_text(us: float) -> str:
    """Microseconds as milliseconds with three digits: `0.123 ms`, `12.3 ms`, `1,230 ms`."""
    ms = us / 1e3
    digits = 0 if ms >= 100 else 1 if ms >= 10 else 2 if ms >= 1 else 3
    return f"{ms:,.{digits}f} ms"


def _split(text: str) -> tuple[float, str]:
    found = _NUMBER_AND_UNIT.fullmatch(text)
    return (float(found[1]), found[2].lower()) if found else (math.nan, "")
