"""Limits as clients are told of them: RateLimit-Policy and RateLimit, draft-ietf-httpapi-ratelimit.

A policy is named after what it limits: `"key-requests-rate"`, `"tenant-samples-day:mnist_*"`.
"""

from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.protocol import kind_of
from gateway.rates import Rate

_UNITS = {Metric.REQUESTS: "requests", Metric.BYTES: "content-bytes"}
# The longest month: a policy tells the length of its windows, not of this one.
_WINDOWS_S = {Period.DAY: 86_400, Period.MONTH: 31 * 86_400}


def policy_name(limit: Limit) -> str:
    """What the limit is called in the fields."""
    whose = "tenant" if limit.principal is None else "key"
    models = "" if limit.models == "*" else f":{limit.models}"
    return f"{whose}-{limit.metric}-{kind_of(limit)}{models}"


def unit_of(limit: Limit) -> str:
    """The draft's word for what is counted; empty where it has none."""
    if isinstance(limit.measure, Concurrency):
        return "concurrent-requests"
    return _UNITS.get(limit.metric, "")


def policy_of(measure: Rate | Concurrency | Budget) -> tuple[int, int | None]:
    """Quota and window, which is whole seconds; a concurrency has none.

    A burst that grows back within a second would read as that burst a second, far less than the
    rate; then the rate itself is told.
    """
    if isinstance(measure, Concurrency):
        return measure.slots, None
    if isinstance(measure, Budget):
        return measure.amount, _WINDOWS_S[measure.period]
    if measure.burst * measure.period_s < measure.amount:
        return measure.amount, measure.period_s
    return measure.burst, -(-measure.burst * measure.period_s // measure.amount)
