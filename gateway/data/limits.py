"""How much a key may: a token bucket for each, kept as one number (GCRA)."""

from dataclasses import dataclass

from gateway.errors import QuotaExceeded
from gateway.rates import Rate

NANOSECONDS = 1_000_000_000
POLICY = "requests"
# Beyond this many buckets the full ones, which say nothing, are dropped.
_PURGE_ABOVE = 10_000


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request is admitted, and if not, when one will be."""

    admitted: bool
    retry_after_s: int = 0


_ADMITTED = Decision(admitted=True)


class TokenBuckets:
    """Over any T seconds a key is admitted at most `burst + rate * T` times.

    For each key it remembers the moment at which its bucket is full again, in nanoseconds of the
    caller's monotonic clock: whole numbers, so that nothing is gained by rounding.
    """

    def __init__(self) -> None:
        self._full_at: dict[str, int] = {}
        self._purge_above = _PURGE_ABOVE

    def admit(self, key_id: str, limit: Rate | None, now_ns: int) -> Decision:
        """Take one request from the key's bucket; a refused request takes nothing."""
        if limit is None:
            return _ADMITTED
        interval_ns = token_interval_ns(limit)
        full_at = max(self._full_at.get(key_id, now_ns), now_ns) + interval_ns
        wait_ns = full_at - now_ns - limit.burst * interval_ns
        if wait_ns > 0:
            return Decision(admitted=False, retry_after_s=_ceil_div(wait_ns, NANOSECONDS))
        self._full_at[key_id] = full_at
        if len(self._full_at) > self._purge_above:
            self._purge(now_ns)
        return _ADMITTED

    def __len__(self) -> int:
        return len(self._full_at)

    def _purge(self, now_ns: int) -> None:
        self._full_at = {key: at for key, at in self._full_at.items() if at > now_ns}
        # Twice what is left: purging costs a constant share of admitting.
        self._purge_above = max(_PURGE_ABOVE, 2 * len(self._full_at))


def quota_exceeded(limit: Rate, decision: Decision) -> QuotaExceeded:
    """The error that answers a refused request."""
    wait_s = decision.retry_after_s
    quota, window_s = policy_of(limit)
    return QuotaExceeded(
        f"This key may send {limit} with bursts of {limit.burst}; try again in {wait_s} s.",
        policy=POLICY,
        quota=quota,
        window_s=window_s,
        retry_after_s=wait_s,
    )


def policy_of(limit: Rate) -> tuple[int, int]:
    """Quota and window for the RateLimit-Policy field, whose windows are whole seconds.

    A burst that grows back within a second would read as that burst a second, far less than the
    rate; then the rate itself is told.
    """
    if limit.burst * limit.period_s < limit.amount:
        return limit.amount, limit.period_s
    return limit.burst, refill_s(limit)


def token_interval_ns(limit: Rate) -> int:
    """Time in which one token grows back; rounded up, so never more than the rate."""
    return _ceil_div(limit.period_s * NANOSECONDS, limit.amount)


def refill_s(limit: Rate) -> int:
    """Time in which an empty bucket is full again: the window of the RateLimit-Policy field."""
    return _ceil_div(limit.burst * token_interval_ns(limit), NANOSECONDS)


def _ceil_div(number: int, divisor: int) -> int:
    return -(-number // divisor)
