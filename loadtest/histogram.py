"""Histograms of latencies: logarithmic buckets from 10 us on, each 2 % wider than the last.

A bucket tells its geometric middle, so that a percentile is within 1 % of the true one; the
largest latency and the sum are kept as they were. Histograms of windows and of processes add up.
"""

import math
from collections import Counter
from collections.abc import Iterable

from loadtest.errors import LoadTestError
from loadtest.results import Histogram

FLOOR_US = 10.0
# From one bucket to the next: two percentiles that are nearly the same may be this ratio apart.
GROWTH = 1.02
_PER_LOG = 1.0 / math.log(GROWTH)
# A percentile above this one says something only where some ten samples lie beyond it.
_PLAIN_QUANTILE = 0.99
_SAMPLES_BEYOND = 10


class TooFewSamplesError(LoadTestError):
    """A percentile was asked of fewer samples than it needs."""


class LatencyHistogram:
    """A histogram that latencies are recorded into."""

    __slots__ = ("_counts", "_max_us", "_sum_us")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._max_us = 0.0
        self._sum_us = 0.0

    def record(self, us: float) -> None:
        """Count one latency, in microseconds."""
        bucket = 0 if us <= FLOOR_US else 1 + int(math.log(us / FLOOR_US) * _PER_LOG)
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._sum_us += us
        if us > self._max_us:
            self._max_us = us

    def frozen(self) -> Histogram:
        """What was recorded so far, as it is kept and sent."""
        return Histogram(counts=dict(self._counts), max_us=self._max_us, sum_us=self._sum_us)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All of them as one: the same as if everything had been recorded into one."""
    counts: Counter[int] = Counter()
    max_us = sum_us = 0.0
    for histogram in histograms:
        counts.update(histogram.counts)
        max_us = max(max_us, histogram.max_us)
        sum_us += histogram.sum_us
    return Histogram(counts=dict(counts), max_us=max_us, sum_us=sum_us)


def count(histogram: Histogram) -> int:
    """How many latencies it holds."""
    return sum(histogram.counts.values())


def mean_us(histogram: Histogram) -> float:
    """The exact mean; 0 of nothing."""
    samples = count(histogram)
    return histogram.sum_us / samples if samples else 0.0


def samples_needed(quantile: float) -> int:
    """How few samples a percentile may be read from: 1 up to p99, 10,000 for p99.9."""
    if quantile <= _PLAIN_QUANTILE:
        return 1
    return round(_SAMPLES_BEYOND / (1 - quantile))


def percentile(histogram: Histogram, quantile: float) -> float:
    """The latency in microseconds that this share of the samples does not exceed.

    Example: percentile(step_latency, 0.99). Raises TooFewSamplesError below `samples_needed`.
    """
    samples = count(histogram)
    if samples < samples_needed(quantile):
        raise TooFewSamplesError(
            f"p{quantile * 100:g} needs {samples_needed(quantile)} samples; there are {samples}."
        )
    rank = max(1, math.ceil(quantile * samples - 1e-9))
    seen = 0
    for bucket in sorted(histogram.counts):
        seen += histogram.counts[bucket]
        if seen >= rank:
            return min(middle_us(bucket), histogram.max_us)
    raise AssertionError("the rank is at most the number of samples")


def percentile_if_known(histogram: Histogram, quantile: float) -> float | None:
    """The percentile, or None where the samples are too few for it."""
    if count(histogram) < samples_needed(quantile):
        return None
    return percentile(histogram, quantile)


def middle_us(bucket: int) -> float:
    """The latency that stands for all of a bucket."""
    return FLOOR_US if bucket == 0 else FLOOR_US * GROWTH ** (bucket - 0.5)
