"""Limits as clients are told of them: RateLimit-Policy and RateLimit, draft-ietf-httpapi-ratelimit.

A policy is named after what it limits: `"key-requests-rate"`, `"tenant-samples-day:mnist_*"`.
"""

from gateway.errors import Header
from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.decisions import Allowance
from gateway.quotas.holding import US, Holding
from gateway.quotas.protocol import kind_of
from gateway.rates import Rate

_SECOND_NS = US**3
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


def rate_limit_fields(allowance: Allowance, now_ns: int) -> list[Header]:
    """Of an answer to an admitted request: the limit of which the smallest part is left."""
    if not allowance.holdings:
        return []
    holding = min(allowance.holdings, key=_part_left)
    name = policy_name(holding.limit)
    quota, window_s = policy_of(holding.limit.measure)
    window = "" if window_s is None else f";w={window_s}"
    unit = unit_of(holding.limit)
    qualifier = f';qu="{unit}"' if unit else ""
    left = f'"{name}";r={_left(holding)}{_reset(holding, now_ns)}'
    return [
        (b"RateLimit", left.encode()),
        (b"RateLimit-Policy", f'"{name}";q={quota}{window}{qualifier}'.encode()),
    ]


def _left(holding: Holding) -> int:
    """As far as it is known here: what others hold is not in it."""
    return max(holding.free, 0) + holding.left


def _part_left(holding: Holding) -> float:
    return _left(holding) / max(holding.capacity, 1)


def _reset(holding: Holding, now_ns: int) -> str:
    """When all of it is there again; nobody knows it of a concurrency."""
    measure = holding.limit.measure
    if isinstance(measure, Concurrency):
        return ""
    if isinstance(measure, Budget):
        return f";t={max(-(-(holding.window_ends_ns - now_ns) // _SECOND_NS), 0)}"
    missing = max(measure.burst - _left(holding), 0)
    return f";t={-(-missing * measure.period_s // measure.amount)}"
