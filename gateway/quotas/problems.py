"""What a client is told of a refusal."""

from gateway.errors import AboveLimit, HttpError, QuotaExceeded, QuotaStoreAway
from gateway.limits import Limit
from gateway.quotas.decisions import Reason, Refusal
from gateway.quotas.policy_fields import policy_name, policy_of, unit_of
from gateway.rates import Rate


def problem_of(refusal: Refusal) -> HttpError:
    """The error that answers a request that was refused."""
    limit, wait_s = refusal.limit, refusal.retry_after_s
    if refusal.reason is Reason.USED_UP and wait_s is not None:
        return _quota_exceeded(limit, wait_s)
    if refusal.reason is Reason.TOO_LARGE:
        return AboveLimit(
            f"This request takes more {limit.metric} than {_whose(limit)} may use at once: "
            f"{_terms(limit)}; send less in one request."
        )
    if refusal.reason is Reason.CROWDED:
        return QuotaStoreAway("Too many requests wait for their limits; try again in a second.")
    return QuotaStoreAway(
        f"What {_whose(limit)} may still use ({_terms(limit)}) cannot be told right now; "
        "try again in a second."
    )


def _quota_exceeded(limit: Limit, wait_s: int) -> QuotaExceeded:
    quota, window_s = policy_of(limit.measure)
    return QuotaExceeded(
        f"{_whose(limit).capitalize()} may use {_terms(limit)}; try again in {wait_s} s.",
        policy=policy_name(limit),
        quota=quota,
        window_s=window_s,
        retry_after_s=wait_s,
        unit=unit_of(limit),
    )


def _whose(limit: Limit) -> str:
    return "this tenant" if limit.principal is None else "this key"


def _terms(limit: Limit) -> str:
    """`100/s requests with bursts of 200 on mnist_*`"""
    burst = f" with bursts of {limit.measure.burst}" if isinstance(limit.measure, Rate) else ""
    models = "" if limit.models == "*" else f" on {limit.models}"
    return f"{limit.measure} {limit.metric}{burst}{models}"
