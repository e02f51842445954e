"""The token bucket, against its promise and against an exact model of it."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.data import limits
from gateway.data.limits import NANOSECONDS, TokenBuckets, policy_of, quota_exceeded, refill_s
from gateway.rates import Rate

LIMITS = st.builds(
    Rate,
    amount=st.integers(1, 1000),
    period_s=st.sampled_from([1, 60, 3600]),
    burst=st.integers(1, 50),
)
STEPS_NS = st.lists(st.integers(0, 3 * NANOSECONDS), min_size=1, max_size=200)


@given(LIMITS, STEPS_NS, st.integers(0, 10**18))
def test_no_interval_admits_more_than_burst_and_rate_allow(
    limit: Rate, steps_ns: list[int], start_ns: int
) -> None:
    buckets, now_ns, admitted_ns = TokenBuckets(), start_ns, []
    for step_ns in steps_ns:
        now_ns += step_ns
        if buckets.admit("k", limit, now_ns).admitted:
            admitted_ns.append(now_ns)
    per_ns = Fraction(limit.amount, limit.period_s * NANOSECONDS)
    for first in range(len(admitted_ns)):
        for last in range(first, len(admitted_ns)):
            allowed = limit.burst + per_ns * (admitted_ns[last] - admitted_ns[first])
            assert last - first + 1 <= allowed


@given(LIMITS, STEPS_NS)
def test_after_retry_after_a_request_succeeds(limit: Rate, steps_ns: list[int]) -> None:
    buckets, now_ns = TokenBuckets(), 0
    for step_ns in steps_ns:
        now_ns += step_ns
        decision = buckets.admit("k", limit, now_ns)
        if not decision.admitted:
            assert decision.retry_after_s >= 1
            now_ns += decision.retry_after_s * NANOSECONDS
            assert buckets.admit("k", limit, now_ns).admitted


@given(LIMITS, st.integers(1, 100))
def test_a_refused_request_takes_nothing(limit: Rate, refused: int) -> None:
    asked, untouched = TokenBuckets(), TokenBuckets()
    for buckets in (asked, untouched):
        for _ in range(limit.burst):
            assert buckets.admit("k", limit, 0).admitted
    for _ in range(refused):
        assert not asked.admit("k", limit, 0).admitted
    for now_ns in range(0, 10 * NANOSECONDS, NANOSECONDS // 3):
        first, second = (b.admit("k", limit, now_ns) for b in (asked, untouched))
        assert first == second


def test_what_is_allowed_is_given() -> None:
    buckets, limit = TokenBuckets(), Rate(100, 1, 10)
    admitted = sum(buckets.admit("k", limit, ms * 1_000_000).admitted for ms in range(10_001))
    assert admitted == 10 + 10 * 100


def test_keys_do_not_share_a_bucket() -> None:
    buckets, limit = TokenBuckets(), Rate(1, 1, 1)
    assert buckets.admit("a", limit, 0).admitted
    assert buckets.admit("b", limit, 0).admitted
    assert not buckets.admit("a", limit, 0).admitted


def test_a_key_without_a_limit_is_always_admitted_and_not_remembered() -> None:
    buckets = TokenBuckets()
    assert all(buckets.admit("k", None, 0).admitted for _ in range(1000))
    assert len(buckets) == 0


def test_full_buckets_are_forgotten_and_others_kept() -> None:
    buckets, slow, fast = TokenBuckets(), Rate(1, 3600, 1), Rate(1000, 1, 1)
    assert buckets.admit("slow", slow, 0).admitted
    for number in range(3 * limits._PURGE_ABOVE):
        buckets.admit(f"k{number}", fast, number * 10_000)
    assert len(buckets) <= limits._PURGE_ABOVE + 1
    assert not buckets.admit("slow", slow, NANOSECONDS).admitted


def test_the_error_tells_the_limit_the_window_and_the_wait() -> None:
    limit, buckets = Rate(10, 3600, 5), TokenBuckets()
    for _ in range(5):
        buckets.admit("k", limit, 0)
    error = quota_exceeded(limit, buckets.admit("k", limit, 0))
    assert (error.quota, error.window_s, error.retry_after_s) == (5, 1800, 360)
    assert "10/h" in str(error) and "360 s" in str(error)
    assert refill_s(limit) == 1800


def test_a_burst_that_grows_back_within_a_second_is_told_as_the_rate() -> None:
    assert policy_of(Rate(1000, 1, 1)) == (1000, 1)
    assert policy_of(Rate(100, 1, 200)) == (200, 2)
