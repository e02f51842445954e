"""What a request takes of its caller's limits, and what it has used when it is over."""

from typing import Protocol

from gateway.data.body import Body
from gateway.data.forwarding import Forwarding
from gateway.data.metering import COMPUTED, samples
from gateway.data.routes import TENSOR_VERBS, Route
from gateway.data.tab import Tab
from gateway.quotas.decisions import Allowance
from gateway.quotas.estimates import Estimates
from gateway.quotas.holding import Costs

_ONE_REQUEST: Costs = (1, 0, 0, 0)


class Used(Protocol):
    """An exchange that is over."""

    body: Body
    route: Route | None
    forwarding: Forwarding | None
    tab: Tab | None


def costs_of(route: Route, body: Body, allowance: Allowance, estimates: Estimates) -> Costs:
    """What the request takes, as far as it is known before it is forwarded."""
    if allowance.counts_requests_only:
        return _ONE_REQUEST
    if route.verb not in TENSOR_VERBS:
        return 1, 0, body.size_bytes, 0
    size_bytes = body.size_bytes
    if answer_bytes := estimates.answer_bytes(route.model):
        # No more than a guess, of all callers together: it alone is not above a limit.
        size_bytes += min(answer_bytes, max(allowance.most_bytes - size_bytes, 0))
    return 1, samples(route, body), size_bytes, estimates.compute_ms(route.model)


def used_by(exchange: Used, status: int, triton_s: float, estimates: Estimates) -> Costs:
    """What the request has used; of a model that answered the next estimate takes note."""
    body, route = exchange.body, exchange.route
    forwarding, tab = exchange.forwarding, exchange.tab
    if forwarding is None or route is None or tab is None:
        return 1, 0, body.received_bytes, 0
    if route.verb not in TENSOR_VERBS:
        return 1, 0, body.received_bytes + forwarding.sent_bytes, 0
    if forwarding.has_succeeded:
        estimates.observe(route.model, triton_s * 1e3, forwarding.sent_bytes)
    # As usage counts them: what was not computed costs no samples.
    computed = samples(route, body) if status in COMPUTED else 0
    return 1, computed, body.received_bytes + forwarding.sent_bytes, _whole_ms(tab, triton_s)


def _whole_ms(tab: Tab, triton_s: float) -> int:
    """Milliseconds to charge: of many short requests as much as they took together, rounded up."""
    due_us = int(triton_s * 1e6 + 0.5) - tab.paid_us
    whole_ms = -(-due_us // 1000)
    tab.paid_us = whole_ms * 1000 - due_us
    return whole_ms
