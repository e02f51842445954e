"""What a client is told of a refusal."""

from gateway.errors import AboveLimit, HttpError, QuotaExceeded, QuotaStoreAway
from gateway.limits import Concurrency, Limit, Metric
from gateway.quotas.decisions import Reason, Refusal
from gateway.quotas.policy_fields import policy_name, policy_of, unit_of
from gateway.quotas.protocol import capacity_of
from gateway.rates import Rate


def problem_of(refusal: Refusal) -> HttpError:
    """The error that answers a request that was refused."""
    limit, wait_s = refusal.limit, refusal.retry_after_s
    if refusal.reason is Reason.USED_UP and wait_s is not None:
        return _quota_exceeded(limit, wait_s)
    if refusal.reason is Reason.TOO_LARGE:
        return _above_limit(limit, refusal.cost)
    if refusal.reason is Reason.CROWDED:
        return QuotaStoreAway("Too many requests wait for their limits; try again in a second.")
    return QuotaStoreAway(
        f"{_whose(limit).capitalize()} may {_terms(limit)}; how much of it is left cannot be told "
        "right now; try again in a second."
    )


def _above_limit(limit: Limit, cost: int) -> AboveLimit:
    if capacity_of(limit.measure) == 0:
        return AboveLimit(
            f"{_whose(limit).capitalize()} may {_terms(limit)}, which is nothing; ask the operator "
            "of this gateway for more."
        )
    return AboveLimit(
        f"This request takes {cost} {limit.metric}, more than there ever are at once: "
        f"{_whose(limit)} may {_terms(limit)}; send less in one request."
    )


def _quota_exceeded(limit: Limit, wait_s: int) -> QuotaExceeded:
    quota, window_s = policy_of(limit.measure)
    return QuotaExceeded(
        f"{_whose(limit).capitalize()} may {_terms(limit)}; try again in {wait_s} s.",
        policy=policy_name(limit),
        quota=quota,
        window_s=window_s,
        retry_after_s=wait_s,
        unit=unit_of(limit),
    )


def _whose(limit: Limit) -> str:
    return "this tenant" if limit.principal is None else "this key"


def _terms(limit: Limit) -> str:
    """`send 100 requests/s with bursts of 200 on mnist_*`"""
    measure = limit.measure
    models = "" if limit.models == "*" else f" on {limit.models}"
    if isinstance(measure, Concurrency):
        return f"have {measure.slots} requests in flight{models}"
    _, _, period = str(measure).partition("/")
    verb = "send" if limit.metric is Metric.REQUESTS else "use"
    burst = f" with bursts of {measure.burst}" if isinstance(measure, Rate) else ""
    return f"{verb} {measure.amount} {limit.metric}/{period}{burst}{models}"
