"""What a request takes of its caller's limits, and what it has used when it is over."""

from typing import Protocol

from gateway.data.body import Body
from gateway.data.forwarding import Forwarding
from gateway.data.metering import samples
from gateway.data.routes import TENSOR_VERBS, Route
from gateway.errors import ExceedsLimit, HttpError, LimitsUnavailable, Policy, QuotaExceeded
from gateway.limits import Budget, Concurrency, Limit, Metric, Period
from gateway.quotas.decisions import Reason, Refusal
from gateway.quotas.estimates import Estimates
from gateway.quotas.holding import Costs
from gateway.rates import Rate

DAY_S = 86_400
# The longest month: a window is never told shorter than it is.
MONTH_S = 31 * DAY_S
_WINDOWS_S = {Period.DAY: DAY_S, Period.MONTH: MONTH_S}


class Used(Protocol):
    """An exchange that is over."""

    body: Body
    route: Route | None
    forwarding: Forwarding | None


def costs_of(route: Route, body: Body, estimates: Estimates) -> Costs:
    """What the request takes, as far as it is known before it is forwarded."""
    if route.verb not in TENSOR_VERBS:
        return 1, 0, body.size_bytes, 0
    estimate = estimates.of(route.model)
    return 1, samples(route, body), body.size_bytes + estimate.answer_bytes, estimate.compute_ms


def used_by(exchange: Used, triton_s: float, estimates: Estimates) -> Costs:
    """What the request has used; of a model that answered the next estimate takes note."""
    body, route, forwarding = exchange.body, exchange.route, exchange.forwarding
    if forwarding is None or route is None:
        return 1, 0, body.received_bytes, 0
    if route.verb not in TENSOR_VERBS:
        return 1, 0, body.received_bytes + forwarding.sent_bytes, 0
    compute_ms = -(-int(triton_s * 1e6) // 1000)
    estimates.note(route.model, compute_ms, forwarding.sent_bytes)
    return 1, samples(route, body), body.received_bytes + forwarding.sent_bytes, compute_ms


def refused(refusal: Refusal) -> HttpError:
    """The error that answers a request that was not admitted."""
    limit = refusal.limit
    if refusal.reason in (Reason.STORE_AWAY, Reason.CROWDED):
        return LimitsUnavailable(
            "How much is left of this key's limits cannot be told just now; try again."
        )
    if refusal.retry_after_s is None:
        return ExceedsLimit(
            f"This request takes more {limit.metric} than its caller may ever use at once "
            f"({limit}); send less in one request, or ask the operator of this gateway for more."
        )
    return QuotaExceeded(
        f"The limit is {limit}; try again in {refusal.retry_after_s} s.",
        policy=policy_of(limit),
        retry_after_s=refusal.retry_after_s,
    )


def policy_of(limit: Limit) -> Policy:
    """As the fields RateLimit and RateLimit-Policy tell it."""
    measure = limit.measure
    if isinstance(measure, Concurrency):
        return Policy("concurrency", measure.slots, None, "concurrent-requests")
    unit = "content-bytes" if limit.metric is Metric.BYTES else None
    if isinstance(measure, Budget):
        name = f"{limit.metric}-{measure.period}"
        return Policy(name, measure.amount, _WINDOWS_S[measure.period], unit)
    return Policy(limit.metric.value, *_window_of(measure), unit)


def _window_of(rate: Rate) -> tuple[int, int]:
    """Quota and whole seconds.

    A burst that grows back within a second would read as that burst a second, far less than the
    rate; then the rate itself is told.
    """
    if rate.burst * rate.period_s < rate.amount:
        return rate.amount, rate.period_s
    return rate.burst, -(-rate.burst * rate.period_s // rate.amount)
