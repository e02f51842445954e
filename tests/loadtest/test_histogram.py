import random

import msgspec
import pytest

from loadtest import histogram
from loadtest.histogram import LatencyHistogram, TooFewSamplesError
from loadtest.results import Histogram


def of(latencies_us: list[float]) -> Histogram:
    recorded = LatencyHistogram()
    for us in latencies_us:
        recorded.record(us)
    return recorded.frozen()


@pytest.mark.parametrize("us", [10.1, 11, 99.99, 1_000, 4_321.5, 1e6, 3e7, 1e9])
def test_a_latency_comes_back_within_one_percent(us: float) -> None:
    two = of([us, 2 * us])
    assert histogram.percentile(two, 0.5) == pytest.approx(us, rel=0.01)


@pytest.mark.parametrize("quantile", [0.01, 0.5, 0.9, 0.95, 0.99, 0.999])
def test_percentiles_are_within_one_percent_of_the_sorted_samples(quantile: float) -> None:
    rng = random.Random(1)
    samples = sorted(rng.lognormvariate(8, 1.5) + 10 for _ in range(10_000))
    true = samples[round(quantile * 10_000) - 1]
    assert histogram.percentile(of(samples), quantile) == pytest.approx(true, rel=0.01)


def test_what_is_below_the_floor_counts_as_the_floor_and_no_more_than_the_largest() -> None:
    assert histogram.percentile(of([3.0, 100.0]), 0.5) == 10.0
    assert histogram.percentile(of([3.0]), 0.5) == 3.0


def test_a_latency_of_nothing_or_less_is_counted() -> None:
    # A clock that is read twice in one tick.
    assert histogram.count(of([0.0, -0.0])) == 2


def test_the_largest_is_exact() -> None:
    assert of([20.0, 123_456.789]).max_us == 123_456.789


def test_the_mean_is_exact() -> None:
    assert histogram.mean_us(of([10.0, 20.0, 60.0])) == 30.0
    assert histogram.mean_us(Histogram()) == 0.0


def test_merged_histograms_equal_one() -> None:
    rng = random.Random(2)
    samples = [float(rng.randint(1, 10**6)) for _ in range(3_000)]
    parts = [of(samples[n::3]) for n in range(3)]
    assert histogram.merged(parts) == of(samples)


def test_merging_nothing_gives_nothing() -> None:
    assert histogram.merged([]) == Histogram()


def test_p99_9_is_refused_below_ten_thousand_samples() -> None:
    few, enough = of([50.0] * 9_999), of([50.0] * 10_000)
    with pytest.raises(TooFewSamplesError, match=r"p99\.9 needs 10000 samples; there are 9999"):
        histogram.percentile(few, 0.999)
    assert histogram.percentile_if_known(few, 0.999) is None
    assert histogram.percentile(enough, 0.999) == 50.0


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(TooFewSamplesError, match="p50 needs 1 samples; there are 0"):
        histogram.percentile(Histogram(), 0.5)
    assert histogram.percentile_if_known(Histogram(), 0.5) is None


def test_it_survives_json() -> None:
    kept = of([15.0, 200.0, 200.0])
    assert msgspec.json.decode(msgspec.json.encode(kept), type=Histogram) == kept
