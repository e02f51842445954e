"""The ratio that several rounds agree on, and how far chance may have moved it."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

# Student's t, 97.5 %, by degrees of freedom; beyond the last the normal distribution is near.
_T = (
    *(12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23),
    *(2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10, 2.09, 2.09),
)
_T_BEYOND = 2.09


class Interval(NamedTuple):
    """Geometric mean of the rounds' ratios, with its 95 % interval."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.2f} (95 %: {self.low:.2f} to {self.high:.2f})"


def interval(ratios: Sequence[float]) -> Interval:
    """Of at least two rounds.

    >>> interval([1.1, 1.1, 1.1])
    Interval(ratio=1.1, low=1.1, high=1.1)
    """
    logs = [math.log(ratio) for ratio in ratios]
    mean = statistics.fmean(logs)
    freedom = len(logs) - 1
    quantile = _T[freedom - 1] if freedom <= len(_T) else _T_BEYOND
    reach = quantile * statistics.stdev(logs) / math.sqrt(len(logs))
    return Interval(*(round(math.exp(x), 6) for x in (mean, mean - reach, mean + reach)))
